//! What a service's scheduler does next: a pure function of the service and its tasks.

use super::service::{RolloutState, Service};
use super::shift::Shift;
use super::strategy::Stage;

/// A task of a service, as far as scheduling goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// Its key in the ledger.
    pub(super) key: String,
    /// The id of its deployment.
    pub(super) deployment: String,
    pub(super) phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not healthy yet.
    Starting,
    /// In front.
    Healthy,
    /// Interrupted, or about to be.
    Leaving,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Start so many tasks of the primary deployment.
    Start(u32),
    /// Start so many tasks of this deployment, from which requests shift to the primary one.
    Replace(String, u32),
    /// Stop this task; a healthy one is drained first.
    Stop(String),
    /// The primary deployment has reached what it is for.
    Complete,
}

/// How many tasks may fail in a row until the circuit breaker opens: AWS's rule.
pub(super) fn failure_threshold(desired: u32) -> u32 {
    desired.div_ceil(2).clamp(3, 200)
}

/// The next steps, or none when there is nothing to do but wait. `members` are in the order of their start.
pub(super) fn plan(service: &Service, members: &[Member]) -> Vec<Step> {
    let Some(primary) = service.primary() else {
        return stop(members.iter().filter(|it| it.phase != Phase::Leaving));
    };
    let (fresh, old): (Vec<&Member>, Vec<&Member>) = members
        .iter()
        .filter(|it| it.phase != Phase::Leaving)
        .partition(|it| it.deployment == primary.id);
    if primary.state == RolloutState::Failed {
        // The old tasks keep serving. Without any, what did become healthy is better than nothing.
        let leaving = fresh.iter().filter(|it| it.phase == Phase::Starting || !old.is_empty());
        return stop(leaving.copied());
    }
    if let Some(shift) = service.shift() {
        return plan_shift(service, shift, &fresh, &old);
    }
    let target = service.desired;
    let ready = count(fresh.iter().filter(|it| it.phase == Phase::Healthy));
    let missing = target.saturating_sub(count(fresh.iter()));
    let percent = |percent: u32| u64::from(target) * u64::from(percent);
    let most = percent(service.configuration.maximum_percent) / 100;
    let least = percent(service.configuration.minimum_healthy_percent).div_ceil(100);
    let room = most.saturating_sub(u64::from(count(fresh.iter()) + count(old.iter())));
    let startable = u32::try_from(u64::from(missing).min(room)).unwrap_or(missing);

    let mut steps = Vec::new();
    if startable > 0 {
        steps.push(Step::Start(startable));
    }
    // Old tasks go as new ones become healthy; before that only as far as the minimum allows, and only for room.
    let is_stuck = missing > 0 && room == 0;
    let kept = if is_stuck {
        least.min(u64::from(target))
    } else {
        u64::from(target)
    };
    let kept = usize::try_from(kept.saturating_sub(u64::from(ready))).unwrap_or(usize::MAX);
    let (serving, starting): (Vec<&Member>, Vec<&Member>) = old.iter().partition(|it| it.phase == Phase::Healthy);
    steps.extend(stop(starting));
    steps.extend(stop(serving.iter().take(serving.len().saturating_sub(kept)).copied()));
    // Too many of the newest: those that do not serve yet go first, then the youngest.
    let surplus = fresh
        .len()
        .saturating_sub(usize::try_from(target).unwrap_or(usize::MAX));
    let mut fresh = fresh;
    fresh.sort_by_key(|it| it.phase == Phase::Starting);
    steps.extend(stop(fresh.into_iter().rev().take(surplus)));

    if steps.is_empty() && primary.state == RolloutState::InProgress && ready == target && old.is_empty() {
        steps.push(Step::Complete);
    }
    steps
}

/// The tasks of both deployments while requests shift: as many of each as the service has, from when the new ones start until the
/// previous ones end.
fn plan_shift(service: &Service, shift: &Shift, fresh: &[&Member], old: &[&Member]) -> Vec<Step> {
    let target = service.desired;
    let (source, aborted): (Vec<&Member>, Vec<&Member>) = old.iter().partition(|it| it.deployment == shift.source);
    let wanted = |runs: bool| if runs { target } else { 0 };
    let fresh_wanted = wanted(shift.stage >= Stage::ScaleUp);
    let source_wanted = wanted(shift.stage < Stage::CleanUp);
    let mut steps = stop(aborted);
    for (members, wanted, start) in [
        (fresh, fresh_wanted, None),
        (source.as_slice(), source_wanted, Some(&shift.source)),
    ] {
        let missing = wanted.saturating_sub(count(members.iter()));
        if missing > 0 {
            steps.push(match start {
                None => Step::Start(missing),
                Some(source) => Step::Replace(source.clone(), missing),
            });
        }
        let surplus = members
            .len()
            .saturating_sub(usize::try_from(wanted).unwrap_or(usize::MAX));
        let mut members = members.to_vec();
        members.sort_by_key(|it| it.phase == Phase::Starting);
        steps.extend(stop(members.into_iter().rev().take(surplus)));
    }
    steps
}

fn stop<'a>(members: impl IntoIterator<Item = &'a Member>) -> Vec<Step> {
    members
        .into_iter()
        .map(|member| Step::Stop(member.key.clone()))
        .collect()
}

fn count<'a>(members: impl Iterator<Item = &'a &'a Member>) -> u32 {
    u32::try_from(members.count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::ecs::service::{Deployment, DeploymentConfiguration, ServiceStatus};

    fn service(desired: u32, maximum: u32, minimum: u32) -> Service {
        let mut old = Deployment::new("old".to_owned());
        "old".clone_into(&mut old.id);
        old.set(RolloutState::Completed, String::new());
        let mut new = Deployment::new("new".to_owned());
        "new".clone_into(&mut new.id);
        Service {
            cluster: "c".to_owned(),
            name: "s".to_owned(),
            status: ServiceStatus::Active,
            created_at: Timestamp::now(),
            desired,
            configuration: DeploymentConfiguration {
                maximum_percent: maximum,
                minimum_healthy_percent: minimum,
                ..Default::default()
            },
            port: None,
            request: serde_json::Value::Null,
            load_balancers: Vec::new(),
            deployments: vec![new, old],
            events: Vec::new(),
        }
    }

    fn members(list: &[(&str, Phase)]) -> Vec<Member> {
        let member = |(place, (deployment, phase)): (usize, &(&str, Phase))| Member {
            key: format!("{deployment}{place}"),
            deployment: (*deployment).to_owned(),
            phase: *phase,
        };
        list.iter().enumerate().map(member).collect()
    }

    /// Plays a rollout to its end; every task started becomes healthy. Returns the least number that served.
    fn play(service: &mut Service, mut members: Vec<Member>) -> usize {
        let mut least = usize::MAX;
        for round in 0..1000 {
            let steps = plan(service, &members);
            for step in &steps {
                match step {
                    Step::Start(count) => {
                        for number in 0..*count {
                            members.push(Member {
                                key: format!("started{round}.{number}"),
                                deployment: "new".to_owned(),
                                phase: Phase::Starting,
                            });
                        }
                    }
                    Step::Replace(..) => panic!("requests do not shift"),
                    Step::Stop(key) => members.retain(|it| it.key != *key),
                    Step::Complete => return least,
                }
            }
            let serving = members.iter().filter(|it| it.phase == Phase::Healthy).count();
            least = least.min(serving);
            if steps.is_empty() {
                let starting = members.iter_mut().find(|it| it.phase == Phase::Starting);
                starting.expect("a rollout that is not complete waits for a task").phase = Phase::Healthy;
            }
        }
        panic!("the rollout does not end: {members:?}");
    }

    #[test]
    fn a_rollout_never_serves_with_less_than_the_minimum() {
        for desired in 1..=5 {
            for (maximum, minimum) in [(200, 100), (150, 50), (100, 0), (110, 80)] {
                let old = vec![("old", Phase::Healthy); desired];
                let mut service = service(u32::try_from(desired).expect("a small number"), maximum, minimum);
                let can_add = desired * maximum as usize / 100 > desired;
                let can_drop = (desired * minimum as usize).div_ceil(100) < desired;
                if !can_add && !can_drop {
                    continue; // AWS cannot do anything here either.
                }
                let least = play(&mut service, members(&old));
                let floor = if can_add {
                    desired.min((desired * minimum as usize).div_ceil(100))
                } else {
                    0
                };
                assert!(least >= floor, "{desired} {maximum} {minimum}: {least}");
                if maximum == 200 {
                    assert_eq!(least, desired);
                }
            }
        }
    }

    #[test]
    fn a_failed_deployment_leaves_the_old_tasks_alone() {
        let mut service = service(2, 200, 100);
        service.deployments[0].set(RolloutState::Failed, String::new());
        let members = members(&[
            ("old", Phase::Healthy),
            ("new", Phase::Healthy),
            ("new", Phase::Starting),
        ]);
        let steps = plan(&service, &members);
        assert_eq!(steps, [Step::Stop("new1".to_owned()), Step::Stop("new2".to_owned())]);
    }

    #[test]
    fn scaling_to_zero_and_back() {
        let mut service = service(0, 200, 100);
        let steps = plan(&service, &members(&[("new", Phase::Healthy), ("new", Phase::Starting)]));
        assert_eq!(steps, [Step::Stop("new1".to_owned()), Step::Stop("new0".to_owned())]);
        assert_eq!(plan(&service, &[]), [Step::Complete]);
        service.deployments[0].set(RolloutState::Completed, String::new());
        assert_eq!(plan(&service, &[]), []);
        service.desired = 2;
        assert_eq!(plan(&service, &[]), [Step::Start(2)]);
    }

    #[test]
    fn the_threshold_is_that_of_aws() {
        let thresholds: Vec<u32> = [0, 1, 6, 7, 50, 1000].map(failure_threshold).to_vec();
        assert_eq!(thresholds, [3, 3, 3, 4, 25, 200]);
    }
}
