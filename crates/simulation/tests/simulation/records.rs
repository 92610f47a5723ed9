//! The records of stacks and operations, and what must hold of them after every write. The only place that knows their fields.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::table::Key;

/// The statuses of an operation that has its stack's slot, or runs beside a plan that waits.
const ACTIVE: [&str; 3] = ["starting", "running", "waiting_for_approval"];

/// An operation, as its record is.
#[derive(Debug, Clone)]
pub struct Operation(Value);

/// A stack, likewise.
#[derive(Debug, Clone)]
pub struct Stack(Value);

/// What the table has, as of the last write.
#[derive(Debug, Default)]
pub struct Records {
    pub operations: BTreeMap<String, Operation>,
    pub stacks: BTreeMap<String, Stack>,
    /// The operations in the queue of each stack, by their places.
    queues: BTreeMap<Key, String>,
    /// The image of each release, by its stack and number.
    images: BTreeMap<(String, u64), String>,
}

impl Operation {
    fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_default()
    }

    pub fn status(&self) -> &str {
        self.text("status")
    }

    pub fn stack(&self) -> &str {
        self.text("stack")
    }

    pub fn failure(&self) -> &str {
        self.0["failure"]["name"].as_str().unwrap_or_default()
    }

    pub fn is_active(&self) -> bool {
        ACTIVE.contains(&self.status())
    }

    pub fn has_ended(&self) -> bool {
        !self.is_active() && self.status() != "queued"
    }

    /// Whether its plan may be applied: by a verdict of its own, or by an approver.
    pub fn may_apply(&self) -> bool {
        let verdict = &self.0["verdict"];
        match verdict.as_str().or_else(|| verdict["verdict"].as_str()) {
            Some("approval_needed") => self.0["approved_by"].is_string(),
            Some(_) => true,
            None => false,
        }
    }
}

impl Stack {
    fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_default()
    }

    pub fn status(&self) -> &str {
        self.text("status")
    }

    pub fn active_operation(&self) -> Option<&str> {
        self.0["active_operation"].as_str()
    }

    /// Whether the record has a place beside that operation.
    fn has_place_beside(&self) -> bool {
        self.0["beside"].is_object()
    }

    /// The operation that runs beside it.
    pub fn operation_beside(&self) -> Option<&str> {
        self.0["beside"]["operation"].as_str()
    }

    pub fn current_release(&self) -> Option<u64> {
        self.0["current_release"].as_u64()
    }

    /// How many tasks the service of the stack has by its contract.
    pub fn desired_count(&self) -> Option<u64> {
        let contract: Value = serde_json::from_str(self.text("contract")).ok()?;
        contract["services"]["web"]["desired_count"].as_u64()
    }
}

impl Records {
    pub fn image(&self, stack: &str, release: u64) -> Option<&str> {
        self.images.get(&(stack.to_owned(), release)).map(String::as_str)
    }

    /// Takes what one write left at its keys; what is wrong after it.
    pub fn take(&mut self, written: Vec<(Key, Option<Value>)>) -> Result<(), String> {
        let mut stacks = Vec::new();
        for (key, item) in written {
            stacks.extend(self.take_one(key, item)?);
        }
        stacks.sort();
        stacks.dedup();
        stacks.iter().try_for_each(|stack| self.check(stack))
    }

    /// Takes one item; the stack that it is about.
    fn take_one(&mut self, key: Key, item: Option<Value>) -> Result<Option<String>, String> {
        if let Some(id) = key.pk.strip_prefix("operation#") {
            let Some(item) = item else {
                return Err(format!("the record of {id} was deleted"));
            };
            let operation = Operation(item);
            let stack = operation.stack().to_owned();
            if let Some(before) = self.operations.insert(id.to_owned(), operation.clone())
                && before.has_ended()
                && before.status() != operation.status()
            {
                return Err(format!("{id} was {} and is {}", before.status(), operation.status()));
            }
            return Ok(Some(stack));
        }
        let Some(id) = key.pk.strip_prefix("stack#").map(str::to_owned) else {
            return Ok(None);
        };
        if key.sk == "stack" {
            let item = item.ok_or_else(|| format!("the record of the stack {id} was deleted"))?;
            self.stacks.insert(id.clone(), Stack(item));
        } else if key.sk.starts_with("queue#") {
            match item {
                Some(item) => self
                    .queues
                    .insert(key, item["operation"].as_str().unwrap_or_default().to_owned()),
                None => self.queues.remove(&key),
            };
        } else if let (Some(number), Some(item)) = (key.sk.strip_prefix("release#"), item) {
            let number = number.parse().unwrap_or(0);
            let image = item["images"]["web"].as_str().unwrap_or_default();
            self.images.insert((id, number), image.to_owned());
            return Ok(None);
        } else {
            return Ok(None);
        }
        Ok(Some(id))
    }

    /// One active operation a stack, which has the slot, and at most one beside it while its plan waits; a place in the queue for each that
    /// waits, and for no other.
    fn check(&self, stack: &str) -> Result<(), String> {
        let of_stack = || {
            self.operations
                .iter()
                .filter(|(_, operation)| operation.stack() == stack)
        };
        let active: Vec<&str> = of_stack()
            .filter(|(_, operation)| operation.is_active())
            .map(|(id, _)| id.as_str())
            .collect();
        let record = self.stacks.get(stack);
        let slot = record.and_then(Stack::active_operation);
        let beside = record.and_then(Stack::operation_beside);
        let mut places: Vec<&str> = slot.into_iter().chain(beside).collect();
        places.sort_unstable();
        if active != places {
            return Err(format!(
                "the stack {stack} has the slot {slot:?} and beside it {beside:?}, and {active:?} are active"
            ));
        }
        let waits = slot.and_then(|id| self.operations.get(id));
        let waits = waits.is_some_and(|operation| operation.status() == "waiting_for_approval");
        if !waits && record.is_some_and(Stack::has_place_beside) {
            return Err(format!(
                "the stack {stack} has a place beside {slot:?}, which waits for no approval"
            ));
        }
        let prefix = format!("stack#{stack}");
        let mut places: Vec<&str> = self
            .queues
            .iter()
            .filter(|(key, _)| key.pk == prefix)
            .map(|(_, operation)| operation.as_str())
            .collect();
        places.sort_unstable();
        let waiting: Vec<&str> = of_stack()
            .filter(|(_, operation)| operation.status() == "queued")
            .map(|(id, _)| id.as_str())
            .collect();
        if places != waiting {
            return Err(format!(
                "the queue of {stack} has {places:?}, and {waiting:?} are queued"
            ));
        }
        Ok(())
    }
}
