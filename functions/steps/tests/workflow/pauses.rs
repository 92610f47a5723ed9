//! Pauses of progressive rollouts: continued, rolled back, expired, cancelled.

use asl_interpreter::simulate::{Answer, Simulation};
use serde_json::json;
use slipway_control::pause;
use slipway_model::id::OperationId;
use slipway_model::operation::rollouts::PauseAction;
use slipway_model::operation::{OperationStatus, StepStatus};
use slipway_model::release::ReleaseStatus;
use slipway_store::pause::PROGRESSIVE;

use crate::aws::{End, Kind};
use crate::kinds::{failed, images, provisioned, succeeded};
use crate::world::{RUNTIME, World, image};

/// How pauses of a rollout end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtPause {
    /// No decision comes, and the time of the pause is long.
    Nothing,
    /// `ann` decides.
    Decide(PauseAction),
    /// No decision comes before ECS rolls back.
    Expire,
    /// The operation is cancelled.
    Cancel,
}

impl World {
    /// What comes of the token of a progressive rollout that has not ended.
    pub fn progressive_answer(&self, id: &OperationId, token: &str, arn: &str) -> Answer {
        let waiting = Self::wait(self.store.rollout(arn, PROGRESSIVE)).expect("the token");
        assert_eq!(waiting.token, token);
        let name = arn.rsplit('/').next().expect("a name");
        if self.operation(id).paused().any(|rollout| rollout.arn == arn) {
            match self.at_pause {
                AtPause::Nothing => return Answer::Never,
                AtPause::Cancel => return self.cancel_rollout(id, token),
                AtPause::Decide(action) => {
                    let decided = Self::wait(self.store.decide_pauses(id, action, "ann"));
                    let delivered = pause::deliver_pauses(&self.store, &self.sfn, &decided);
                    RUNTIME.block_on(delivered).expect("the steps are woken");
                }
                AtPause::Expire => {
                    Self::wait(self.store.update_operation(id, |operation| {
                        for rollout in &mut operation.rollouts {
                            let pause = rollout.pause.as_mut().expect("a pause");
                            pause.expires_at = Some(jiff::Timestamp::UNIX_EPOCH);
                        }
                        Ok(())
                    }));
                    self.aws().roll_back(name, "the hook timed out");
                }
            }
        } else if self.aws().services[name].end == End::Never {
            return Answer::Never;
        }
        // The event of ECS.
        let mut aws = self.aws();
        let service = aws.services.get_mut(name).expect("a service");
        service.end = End::AtOnce;
        drop(aws);
        let woken = pause::wake(&self.store, &self.sfn, arn);
        RUNTIME.block_on(woken).expect("the step is woken");
        let (error, cause) = self.aws().answered[token].clone().expect("a failure");
        Answer::fail(&error, &cause)
    }
}

/// A release of image 2 to a stack whose service `web` pauses so often.
fn released(at_pause: AtPause, pauses: u32) -> (World, OperationId, Simulation) {
    let mut world = provisioned();
    world.at_pause = at_pause;
    for (name, service) in &mut world.aws().services {
        service.kind = Kind::Strategy("CANARY");
        service.pauses = name.ends_with("-web").then(|| (image(2).to_string(), pauses));
    }
    let operation = world.ask_release(&[("web", image(2)), ("worker", image(2))]);
    let run = world.run(&operation);
    (world, operation, run)
}

#[test]
fn a_pause_is_continued_by_a_decision() {
    let (world, operation, run) = released(AtPause::Decide(PauseAction::Continue), 2);
    succeeded(&run);
    assert_eq!(images(&world), [image(2).to_string(), image(2).to_string()]);
    let continued = "ContinueServiceDeployment CONTINUE";
    assert_eq!(world.aws().ended_pauses, [continued, continued]);
    let operation = world.operation(&operation);
    let web = operation
        .rollout_of(&"web".parse().expect("a name"))
        .expect("a rollout");
    assert_eq!((web.strategy.as_str(), web.percent), ("CANARY", Some(100.0)));
    assert_eq!(web.pause, None);
}

#[test]
fn a_pause_is_rolled_back() {
    let (world, operation, run) = released(AtPause::Decide(PauseAction::RollBack), 2);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.RolloutFailed");
    assert!(
        cause.contains("`web` failed: ann rolled it back at the pause PRE_PRODUCTION_TRAFFIC_SHIFT"),
        "{cause}"
    );
    assert_eq!(world.aws().ended_pauses[0], "ContinueServiceDeployment ROLLBACK");
    let shown = world.operation(&operation).rollouts;
    assert!(shown.iter().all(|rollout| rollout.percent == Some(0.0)), "{shown:?}");
    ended_as_failed(&world, &operation, OperationStatus::Failed);
}

#[test]
fn a_pause_without_a_decision_is_rolled_back_by_ecs() {
    let (world, operation, run) = released(AtPause::Expire, 1);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.RolloutFailed");
    assert!(cause.contains("ended without a decision"), "{cause}");
    assert!(world.aws().ended_pauses.iter().all(|how| !how.contains("Continue")));
    ended_as_failed(&world, &operation, OperationStatus::Failed);
}

#[test]
fn a_cancel_at_a_pause_stops_the_deployment() {
    let (world, operation, run) = released(AtPause::Cancel, 1);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.Cancelled");
    assert!(cause.contains("bob cancelled"), "{cause}");
    assert!(
        world
            .aws()
            .ended_pauses
            .contains(&"StopServiceDeployment ROLLBACK".to_owned())
    );
    ended_as_failed(&world, &operation, OperationStatus::Cancelled);
}

#[test]
fn a_pause_longer_than_the_rollout_may_take_is_stopped() {
    let (world, operation, run) = released(AtPause::Nothing, 1);
    let (error, cause) = failed(&run);
    assert_eq!(error, "Slipway.RolloutFailed");
    assert!(cause.contains("not stable within 1800 seconds"), "{cause}");
    assert_eq!(world.aws().ended_pauses, ["StopServiceDeployment ROLLBACK"]);
    ended_as_failed(&world, &operation, OperationStatus::Failed);
}

/// After migrations that the previous release lacks, a deployment at a pause ends with the operation.
#[test]
fn incompatible_release_leaves_no_deployment_at_a_pause() {
    for at_pause in [AtPause::Cancel, AtPause::Nothing] {
        let mut world = provisioned();
        world.at_pause = at_pause;
        for (name, service) in &mut world.aws().services {
            service.kind = Kind::Strategy("CANARY");
            service.pauses = name.ends_with("-web").then(|| (image(2).to_string(), 2));
        }
        let id = world.ask_both(2, false);
        let run = world.run(&id);
        failed(&run);
        assert_eq!(world.aws().ended_pauses, ["StopServiceDeployment ROLLBACK"]);
        // The worker keeps the release.
        assert_eq!(images(&world), [image(1).to_string(), image(2).to_string()]);
        let operation = world.operation(&id);
        assert_eq!(operation.status, OperationStatus::NeedsAttention);
        assert!(operation.paused().next().is_none(), "{:?}", operation.rollouts);
        let stops = run.tasks.iter().filter(|task| task.state == "Stop rollouts");
        assert_eq!(stops.count(), 2, "once more, to see that it has stopped");
    }
}

#[test]
fn pauses_are_passed_while_a_service_is_restored() {
    let mut world = provisioned();
    for (name, service) in &mut world.aws().services {
        service.kind = Kind::Strategy("LINEAR");
        // The way back pauses as well.
        service.pauses = name.ends_with("-web").then(|| (image(1).to_string(), 2));
    }
    world.aws().health = vec![500];
    let operation = world.ask_release(&[("web", image(2)), ("worker", image(2))]);
    let run = world.run(&operation);
    assert_eq!(failed(&run).0, "Slipway.Unhealthy");
    let continued = "ContinueServiceDeployment CONTINUE";
    assert_eq!(world.aws().ended_pauses, [continued, continued]);
    ended_as_failed(&world, &operation, OperationStatus::Failed);
}

#[test]
fn a_rolling_service_is_not_progressive() {
    let mut world = provisioned();
    let operation = world.ask_release(&[("web", image(2)), ("worker", image(2))]);
    let run = world.run_with(&operation, |task| {
        assert!(
            task.state != "Wait until stable" || task.arguments["Payload"]["rollout"]["progressive"] == json!(false)
        );
        None
    });
    succeeded(&run);
}

/// Both services run what they ran before, and every record says so.
fn ended_as_failed(world: &World, operation: &OperationId, status: OperationStatus) {
    assert_eq!(images(world), [image(1).to_string(), image(1).to_string()]);
    let ended = world.operation(operation);
    assert_eq!(ended.status, status);
    assert!(
        ended.rollouts.iter().all(|rollout| rollout.pause.is_none()),
        "{:?}",
        ended.rollouts
    );
    let stable = ended.steps.iter().find(|step| step.name == "Wait until stable: web");
    assert_ne!(stable.expect("a step").status, StepStatus::Running);
    let release = World::wait(world.store.release(&ended.stack, ended.release().expect("a release")));
    assert_eq!(release.status, ReleaseStatus::Failed);
    assert_eq!(world.stack().current_release.map(|number| number.0), Some(1));
}
