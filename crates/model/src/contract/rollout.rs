//! The rollout of a service: its strategy, and how long it may take.

use super::at::{At, Problems};
use super::strategy::{Strategy, strategy};
use super::{ROLLOUT_SECONDS, default_rollout_timeout_seconds};

/// Reads both of a service. Unless the contract gives a timeout, the default counts from the end of all bake times and pauses.
pub(super) fn rollout(service: &At, problems: &mut Problems) -> Option<(Strategy, u32)> {
    let given = service.get("strategy");
    let strategy = match &given {
        None => Strategy::default(),
        Some(at) => strategy(at, problems)?,
    };
    let waits = u32::try_from(strategy.longest_wait().as_secs()).unwrap_or(u32::MAX);
    let Some(at) = service.get("rollout_timeout_seconds") else {
        let seconds = waits.saturating_add(default_rollout_timeout_seconds());
        return match given {
            Some(at) if seconds > ROLLOUT_SECONDS => at.wrong(
                problems,
                &format!(
                    "may take {seconds} seconds with all bake times and pauses, which is more than {ROLLOUT_SECONDS}"
                ),
                "shorten them, or name fewer stages in `pauses`",
            ),
            _ => Some((strategy, seconds)),
        };
    };
    match at.number(problems, ROLLOUT_SECONDS)? {
        0..60 => at.wrong(problems, "is less than a minute", "give at least 60 seconds"),
        seconds if seconds < waits.saturating_add(60) => at.wrong(
            problems,
            &format!("is less than all bake times and pauses of the strategy, which take {waits} seconds"),
            "give more seconds, or leave it out",
        ),
        seconds => Some((strategy, seconds)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::contract::{Contract, Service};

    fn service(more: &Value) -> Result<Service, Vec<String>> {
        let mut service = json!({
            "name": "web", "desired_count": 1, "task_definition": {"containerDefinitions": [{"name": "web"}]},
        });
        for (name, value) in more.as_object().expect("an object") {
            service[name] = value.clone();
        }
        match Contract::parse(&json!({"cluster": "main", "services": {"web": service}})) {
            Ok(contract) => Ok(contract.services.into_values().next().expect("a service")),
            Err(problems) => Err(problems.into_iter().map(|problem| problem.field).collect()),
        }
    }

    #[test]
    fn bake_times_and_pauses_extend_the_default_timeout() {
        let seconds = |more| service(&more).expect("a service").rollout_timeout_seconds;
        assert_eq!(seconds(json!({})), 1_800);
        let canary = json!({"strategy": {"kind": "canary", "step_minutes": 10, "bake_minutes": 5}});
        assert_eq!(seconds(canary), 1_800 + 15 * 60);
        let given = json!({"strategy": {"kind": "blue_green", "bake_minutes": 5}, "rollout_timeout_seconds": 400});
        assert_eq!(seconds(given), 400);
    }

    #[test]
    fn a_timeout_shorter_than_the_waits_is_rejected() {
        let short = json!({"strategy": {"kind": "blue_green", "bake_minutes": 5}, "rollout_timeout_seconds": 300});
        assert_eq!(
            service(&short),
            Err(vec!["slipway.services.web.rollout_timeout_seconds".to_owned()])
        );
        let long = json!({"strategy": {"kind": "blue_green", "pauses": ["POST_SCALE_UP"], "pause_minutes": 720}});
        assert_eq!(service(&long), Err(vec!["slipway.services.web.strategy".to_owned()]));
    }
}
