//! Parallel and Map: threads within a state, and what becomes of the state when they end.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::evaluation::{Known, check_size};
use super::failures::Failure;
use super::{Flow, Interpreter};
use crate::driver::Effect;
use crate::errors::StateError;
use crate::history::{EventDetails, EventType, MapIterationDetails, MapStateStartedDetails};
use crate::jsonata::{EvaluationError, Session};
use crate::states::{Items, Kind, MapState, ParallelState, ScopeId, State};
use crate::thread::{Join, Parent, Phase, Thread, ThreadId, Visit};
use crate::values;

/// "Inline mode supports up to 40 concurrent iterations."
const MAX_CONCURRENT_ITERATIONS: usize = 40;

impl Interpreter<'_> {
    /// Enters the branches of a Parallel state.
    pub(super) fn fork(&mut self, mut thread: Thread, state: &State, parallel: &ParallelState) -> Flow {
        let input = thread.visit.input.clone();
        let evaluated = self.evaluate(&thread, state, &Known::default(), |session| match &parallel.arguments {
            Some(arguments) => arguments.evaluate(session, "Arguments"),
            None => Ok(input),
        });
        let input = match evaluated {
            Ok(input) => input,
            Err(error) => return self.fail(thread, state, Failure::evaluation(error)),
        };
        if let Err(error) = check_size(&input, &state.name) {
            return self.fail(thread, state, Failure::plain(error));
        }
        let event_type = EventType::ParallelStateStarted;
        thread.previous_event = self.record(thread.previous_event, event_type, None)?;
        let join = Join {
            inputs: vec![input; parallel.branches.len()],
            items: None,
            started: 0,
            limit: parallel.branches.len(),
            running: BTreeMap::new(),
            results: BTreeMap::new(),
        };
        let previous = thread.previous_event;
        self.start_branches(thread, state, join, previous)
    }

    /// Enters the iterations of a Map state.
    pub(super) fn iterate(&mut self, mut thread: Thread, state: &State, map: &MapState) -> Flow {
        let (items, limit) = match self.evaluate_items(&thread, state, map) {
            Ok(evaluated) => evaluated,
            Err(failure) => return self.fail(thread, state, failure),
        };
        let length = items.len();
        let details = EventDetails::MapStateStarted(MapStateStartedDetails { length });
        let event_type = EventType::MapStateStarted;
        thread.previous_event = self.record(thread.previous_event, event_type, Some(details))?;
        let inputs = match self.select_items(&thread, state, map, &items) {
            Ok(inputs) => inputs,
            Err(failure) => return self.fail(thread, state, failure),
        };
        let join = Join {
            inputs,
            items: Some(items),
            started: 0,
            limit,
            running: BTreeMap::new(),
            results: BTreeMap::new(),
        };
        let previous = thread.previous_event;
        self.start_branches(thread, state, join, previous)
    }

    fn evaluate_items(
        &mut self,
        thread: &Thread,
        state: &State,
        map: &MapState,
    ) -> Result<(Vec<Value>, usize), Failure> {
        let input = thread.visit.input.clone();
        let evaluated = self.evaluate(thread, state, &Known::default(), |session| {
            let items = match &map.items {
                Some(Items::Template(template)) => template.evaluate(session, "Items")?,
                Some(Items::Expression(items)) => Value::Array(items.evaluate(session, "Items", values::array)?),
                None => input,
            };
            let limit = map
                .max_concurrency
                .as_ref()
                .map(|limit| limit.evaluate_whole(session, "MaxConcurrency", &(0..=u64::MAX)));
            Ok((items, limit.transpose()?))
        });
        let (items, limit) = evaluated.map_err(Failure::evaluation)?;
        let Value::Array(items) = items else {
            return Err(Failure::evaluation(EvaluationError {
                message: "The input of a Map state without 'Items' must be an array.".to_owned(),
                location: "Items".to_owned(),
            }));
        };
        let limit = match limit {
            None | Some(0) => MAX_CONCURRENT_ITERATIONS,
            Some(limit) => usize::try_from(limit)
                .unwrap_or(usize::MAX)
                .min(MAX_CONCURRENT_ITERATIONS),
        };
        Ok((items, limit))
    }

    /// The input of each iteration: the item, or what `ItemSelector` makes of it.
    fn select_items(
        &mut self,
        thread: &Thread,
        state: &State,
        map: &MapState,
        items: &[Value],
    ) -> Result<Vec<Value>, Failure> {
        let Some(selector) = &map.item_selector else {
            return Ok(items.to_vec());
        };
        let mut context = self.context(thread, state);
        let mut inputs = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            context["Map"] = json!({ "Item": { "Index": index, "Value": item } });
            let select = |session: &mut Session| selector.evaluate(session, "ItemSelector");
            let input = self.evaluate_in(thread, &Known::default(), context.clone(), select);
            let input = input.map_err(Failure::evaluation)?;
            check_size(&input, &state.name).map_err(Failure::plain)?;
            inputs.push(input);
        }
        Ok(inputs)
    }

    /// Starts as many branches or iterations as may run, and completes the state when all have ended.
    fn start_branches(&mut self, mut thread: Thread, state: &State, mut join: Join, previous: u64) -> Flow {
        if join.results.len() == join.inputs.len() {
            return self.all_succeeded(thread, state, join);
        }
        while join.running.len() < join.limit && join.started < join.inputs.len() {
            let index = join.started;
            let Some(scope) = scope_of(state, index) else {
                return Err(self.wrong_machine(&thread));
            };
            let previous = if join.items.is_some() {
                self.record_iteration(previous, state, index, Iteration::Started)?
            } else {
                previous
            };
            let id = ThreadId(self.execution.new_id());
            let start_at = self.machine.start_at(scope);
            let item = join.items.as_ref().and_then(|items| items.get(index));
            self.queue(Thread {
                id,
                parent: Some(Parent {
                    thread: thread.id,
                    index,
                    item: item.cloned(),
                }),
                scope,
                previous_event: previous,
                variables: Map::new(),
                visit: Visit::arriving(start_at, join.inputs[index].clone()),
            });
            join.running.insert(index, id);
            join.started += 1;
        }
        thread.visit.phase = Phase::Joining(join);
        self.park(thread);
        Ok(())
    }

    /// A branch or iteration has reached its end.
    pub(super) fn branch_succeeded(&mut self, thread: &Thread, output: Value) -> Flow {
        let Some((mut parent, mut join, index)) = self.take_parent(thread) else {
            return Ok(());
        };
        let state = self.state(&parent)?;
        let last = thread.previous_event;
        parent.previous_event = if join.items.is_some() {
            self.record_iteration(last, state, index, Iteration::Succeeded)?
        } else {
            last
        };
        join.running.remove(&index);
        join.results.insert(index, output);
        // The next iteration follows the last state of this one, not the MapIterationSucceeded.
        self.start_branches(parent, state, join, last)
    }

    fn all_succeeded(&mut self, thread: Thread, state: &State, join: Join) -> Flow {
        let (event_type, transition) = match &state.kind {
            Kind::Parallel(parallel) => (EventType::ParallelStateSucceeded, &parallel.transition),
            Kind::Map(map) => (EventType::MapStateSucceeded, &map.transition),
            _ => return Err(self.wrong_machine(&thread)),
        };
        // The exit passes this event by: it follows what the state's last thread wrote.
        self.record(thread.previous_event, event_type, None)?;
        let result = Value::Array(join.results.into_values().collect());
        match check_size(&result, &state.name) {
            Ok(()) => self.complete(thread, state, Some(result), transition),
            Err(error) => self.fail(thread, state, Failure::plain(error)),
        }
    }

    /// One branch or iteration that fails stops all others and fails the state, with its own error.
    pub(super) fn branch_failed(&mut self, thread: &Thread, state: &State, error: StateError) -> Flow {
        let Some((mut parent, mut join, index)) = self.take_parent(thread) else {
            return Ok(());
        };
        let last = thread.previous_event;
        let outer = self.state(&parent)?;
        if join.items.is_some() {
            self.record_iteration(last, outer, index, Iteration::Failed)?;
        }
        if let Kind::Task(_) = state.kind {
            self.record(last, EventType::TaskStateAborted, None)?;
        }
        join.running.remove(&index);
        self.abort_branches(outer, join, last)?;
        // All of these follow the failed thread's last event, and so does what the state does next.
        parent.previous_event = last;
        self.fail(parent, outer, Failure::plain(error))
    }

    fn abort_branches(&mut self, state: &State, join: Join, previous: u64) -> Flow {
        for (index, id) in join.running {
            if join.items.is_some() {
                self.record_iteration(previous, state, index, Iteration::Aborted)?;
            }
            if let Some(thread) = self.execution.threads.remove(&id) {
                self.abort(thread, previous)?;
            }
        }
        Ok(())
    }

    fn abort(&mut self, thread: Thread, previous: u64) -> Flow {
        let state = self.state(&thread)?;
        match thread.visit.phase {
            Phase::Arriving => return Ok(()),
            Phase::Ready => {}
            Phase::Sleeping { timer } => self.cancel_timer(timer),
            Phase::Running(running) => {
                self.close(&running);
                let task = running.request.task;
                self.turn.effects.push(Effect::CancelTask { task });
            }
            Phase::Joining(join) => self.abort_branches(state, join, previous)?,
        }
        if let Some(event_type) = state.aborted() {
            self.record(previous, event_type, None)?;
        }
        Ok(())
    }

    /// Takes out the thread around a thread, with what it waits for and which of it the thread is.
    fn take_parent(&mut self, thread: &Thread) -> Option<(Thread, Join, usize)> {
        let link = thread.parent.as_ref()?;
        let mut parent = self.execution.threads.remove(&link.thread)?;
        match std::mem::replace(&mut parent.visit.phase, Phase::Ready) {
            Phase::Joining(join) => Some((parent, join, link.index)),
            _ => None,
        }
    }

    fn record_iteration(&mut self, previous: u64, state: &State, index: usize, iteration: Iteration) -> Flow<u64> {
        let name = state.name.clone();
        let details = MapIterationDetails { name, index };
        let (event_type, details) = match iteration {
            Iteration::Started => (
                EventType::MapIterationStarted,
                EventDetails::MapIterationStarted(details),
            ),
            Iteration::Succeeded => (
                EventType::MapIterationSucceeded,
                EventDetails::MapIterationSucceeded(details),
            ),
            Iteration::Failed => (EventType::MapIterationFailed, EventDetails::MapIterationFailed(details)),
            Iteration::Aborted => (
                EventType::MapIterationAborted,
                EventDetails::MapIterationAborted(details),
            ),
        };
        self.record(previous, event_type, Some(details))
    }
}

/// What happens to an iteration.
#[derive(Clone, Copy)]
enum Iteration {
    Started,
    Succeeded,
    Failed,
    Aborted,
}

fn scope_of(state: &State, index: usize) -> Option<ScopeId> {
    match &state.kind {
        Kind::Parallel(parallel) => parallel.branches.get(index).copied(),
        Kind::Map(map) => Some(map.processor),
        _ => None,
    }
}
