//! What Terraform has made of each stack, and the lock of its state.

use std::collections::BTreeMap;

/// The state of one stack, and what is real.
#[derive(Debug, Clone, Default)]
pub struct State {
    pub serial: u64,
    /// Whether there are resources.
    pub exists: bool,
    /// The build that locked it.
    pub lock: Option<String>,
    /// The operation whose plan is being applied.
    pub applying: Option<String>,
    /// The operation whose apply was cut off, and after which no other was whole.
    pub partial: Option<String>,
}

/// The states by stack, and the applies that began by operation.
#[derive(Debug, Default)]
pub struct States {
    by_stack: BTreeMap<String, State>,
    applies: BTreeMap<String, u32>,
}

impl States {
    pub fn of(&mut self, stack: &str) -> &mut State {
        self.by_stack.entry(stack.to_owned()).or_default()
    }

    /// How many applies of an operation began.
    pub fn applies(&self, operation: &str) -> u32 {
        self.applies.get(operation).copied().unwrap_or(0)
    }

    /// An apply begins.
    pub fn begin_apply(&mut self, stack: &str, operation: &str) {
        *self.applies.entry(operation.to_owned()).or_default() += 1;
        self.of(stack).applying = Some(operation.to_owned());
    }

    /// An apply ends whole, or cut off.
    pub fn end_apply(&mut self, stack: &str, whole: bool, destroys: bool) {
        let state = self.of(stack);
        let operation = state.applying.take();
        state.serial += 1;
        state.partial = operation.filter(|_| !whole);
        state.exists = !(whole && destroys);
    }

    /// A build is gone, and its Terraform with it: the lock stays.
    pub fn kill(&mut self, build: &str) {
        let held = self
            .by_stack
            .iter()
            .find(|(_, state)| state.lock.as_deref() == Some(build));
        let applied = held.filter(|(_, state)| state.applying.is_some());
        if let Some(stack) = applied.map(|(stack, _)| stack.clone()) {
            self.end_apply(&stack, false, false);
        }
    }
}
