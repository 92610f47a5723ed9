//! The events of a state, and what must hold in it.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem;

use slipway_model::error_name::ErrorName;
use slipway_model::operation::{Operation, OperationStatus};

use crate::events::{build_events, people_events, workflow_events};
use crate::explorer::System;
use crate::system::{Decided, Flawed, Run, Stacks, World, environment};

impl System for Stacks {
    type State = World;

    fn first(&self) -> Vec<World> {
        vec![World::first()]
    }

    fn next(&self, world: &World) -> Vec<(String, World)> {
        if world.wrong.is_some() {
            return Vec::new();
        }
        let mut next = Vec::new();
        let mut event = |name: String, change: &dyn Fn(&mut World)| {
            let mut after = world.clone();
            change(&mut after);
            next.push((name, after));
        };
        if let Some(kind) = self.requests.get(world.runs.len()) {
            event(format!("request of a {kind}"), &|world| world.request(*kind));
        }
        if let Some(place) = world.next_beside() {
            event("the next begins beside the plan".to_owned(), &|world| {
                world.fill_beside(place);
            });
        }
        let environment = environment(self.is_gated);
        for (number, run) in world.runs.iter().enumerate() {
            workflow_events(number, run, &environment, &mut event);
            people_events(number, run, &mut event);
            for build in 0..run.builds.len() {
                build_events(world, number, build, &environment, &mut event);
            }
        }
        next
    }

    fn fingerprint(&self, world: &World) -> u64 {
        let mut hasher = DefaultHasher::new();
        let place = world.stack.beside.as_ref();
        let place = place.map(|place| place.kept_until.is_some());
        (world.stack.status, world.in_progress(), place).hash(&mut hasher);
        (&world.queue, &world.wrong).hash(&mut hasher);
        for run in &world.runs {
            hash_record(&run.record, &mut hasher);
            run.workflow.hash(&mut hasher);
            (&run.builds, run.approval, run.rejection, run.cancel, run.applied).hash(&mut hasher);
        }
        hasher.finish()
    }

    fn wrong(&self, world: &World, is_last: bool) -> Option<String> {
        if let Some(wrong) = &world.wrong {
            return Some(wrong.clone());
        }
        let is_active = |run: &Run| !run.record.status.has_ended() && run.record.status != OperationStatus::Queued;
        let active: BTreeSet<usize> = (0..world.runs.len())
            .filter(|number| is_active(&world.runs[*number]))
            .collect();
        let have_places = world.in_progress();
        if active != have_places.iter().copied().collect::<BTreeSet<_>>() {
            return Some(format!("in progress are {have_places:?}, and active are {active:?}"));
        }
        let waits = |number: &usize| world.runs[*number].record.status == OperationStatus::WaitingForApproval;
        if world.stack.beside.is_some() && !have_places.first().is_some_and(waits) {
            return Some(format!("{have_places:?} may run beside each other, and no plan waits"));
        }
        if have_places.is_empty() && !world.queue.is_empty() {
            return Some(format!("the slot is free, and {:?} wait for it", world.queue));
        }
        if is_last && (!active.is_empty() || !world.queue.is_empty()) {
            return Some(format!(
                "nothing happens any more: in progress {have_places:?}, queue {:?}",
                world.queue
            ));
        }
        world.runs.iter().find_map(|run| broken_promise(run))
    }
}

impl System for Flawed {
    type State = World;

    fn first(&self) -> Vec<World> {
        vec![World {
            flaw: Some(self.flaw),
            ..World::first()
        }]
    }

    fn next(&self, state: &World) -> Vec<(String, World)> {
        self.stacks.next(state)
    }

    fn fingerprint(&self, state: &World) -> u64 {
        self.stacks.fingerprint(state)
    }

    fn wrong(&self, state: &World, is_last: bool) -> Option<String> {
        self.stacks.wrong(state, is_last)
    }
}

/// Everything on a record that changes in this system.
fn hash_record(record: &Operation, hasher: &mut DefaultHasher) {
    for step in &record.steps {
        (step.name.as_str(), step.status as u8, step.ended_at.is_some()).hash(hasher);
    }
    let failure = record.failure.as_ref();
    failure
        .map(|failure| (&failure.name, &failure.step, &failure.message))
        .hash(hasher);
    let cancel = record.cancel.as_ref();
    cancel.map(|cancel| cancel.acknowledged_at.is_some()).hash(hasher);
    let made = record.planned_by.as_ref();
    made.map(|made| (&made.build, made.archive.is_some())).hash(hasher);
    record.verdict.as_ref().map(mem::discriminant).hash(hasher);
    (
        record.status,
        record.found,
        record.plan.is_some(),
        record.approval_rule.is_some(),
    )
        .hash(hasher);
    (&record.approved_by, record.approvals.len(), &record.approval_token).hash(hasher);
    record.work.mends().hash(hasher);
}

/// What was acknowledged and does not hold any more.
fn broken_promise(run: &Run) -> Option<String> {
    let failed_by = |name: ErrorName| {
        let failure = run.record.failure.as_ref();
        failure.is_some_and(|failure| failure.name == name.as_str())
    };
    if run.applied > 1 {
        return Some("a plan was applied twice".to_owned());
    }
    if run.approval == Decided::Acknowledged && run.rejection == Decided::Acknowledged {
        return Some("an approval and a rejection of one plan were acknowledged".to_owned());
    }
    let status = run.record.status;
    if !status.has_ended() {
        return None;
    }
    let is_cancelled = status == OperationStatus::Cancelled;
    if run.cancel == Decided::Acknowledged && !is_cancelled {
        return Some(format!("a cancel was acknowledged, and the operation {status}"));
    }
    let is_undecided = failed_by(ErrorName::ApprovalTimedOut) || failed_by(ErrorName::ApprovalRejected);
    if run.approval == Decided::Acknowledged && is_undecided {
        return Some("an approval was acknowledged, and the plan expired or was rejected".to_owned());
    }
    if run.rejection == Decided::Acknowledged && !is_cancelled && !failed_by(ErrorName::ApprovalRejected) {
        return Some(format!("a rejection was acknowledged, and the operation {status}"));
    }
    None
}
