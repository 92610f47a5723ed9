//! Progressive rollouts of an operation, as people watch them.

use slipway_api_types::Rollout;

use crate::hint;

/// How far it is: `web: 5 % of the requests (CANARY, PRODUCTION_TRAFFIC_SHIFT)`.
pub fn line(rollout: &Rollout) -> String {
    let percent = rollout
        .percent
        .map_or_else(|| "an unknown share".to_owned(), |percent| format!("{percent} %"));
    let stage = rollout.stage.as_ref().map(|stage| format!(", {stage}"));
    format!(
        "{}: {percent} of the requests ({}{})",
        rollout.service,
        rollout.strategy,
        stage.unwrap_or_default()
    )
}

/// What the reader may do about a pause, or who has decided; in lines.
pub fn paused(rollout: &Rollout, operation: &str) -> Vec<String> {
    let Some(pause) = &rollout.pause else {
        return Vec::new();
    };
    if let (Some(decision), Some(by)) = (&pause.decision, &pause.decided_by) {
        let decision = decision.as_str().replace('_', " ");
        return vec![format!("{}: {by} has decided to {decision}", rollout.service)];
    }
    let expires = pause.expires_at.as_ref().map_or_else(String::new, |time| {
        format!(" until {time} (then: {})", pause.at_expiry.as_str().replace('_', " "))
    });
    vec![
        format!(
            "{} waits for a decision{expires}: {}",
            rollout.service,
            hint::command(&format!("release continue {operation}"))
        ),
        format!("or: {}", hint::command(&format!("release restore {operation}"))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use slipway_model::operation::rollouts::PauseAction;

    #[test]
    fn a_pause_names_both_commands_until_it_is_decided() {
        let mut rollout: Rollout = serde_json::from_value(json!({
            "service": "web", "strategy": "CANARY", "stage": "POST_SCALE_UP", "percent": 12.5,
            "pause": {"expires_at": "2026-01-01T00:00:00Z", "at_expiry": "roll_back", "decision": null, "decided_by": null},
        }))
        .expect("a rollout");
        assert_eq!(line(&rollout), "web: 12.5 % of the requests (CANARY, POST_SCALE_UP)");
        let open = paused(&rollout, "op-1").join("\n");
        for part in ["release continue op-1", "release restore op-1", "then: roll back"] {
            assert!(open.contains(part), "{open}");
        }
        if let Some(pause) = &mut rollout.pause {
            pause.decision = Some(PauseAction::RollBack);
            pause.decided_by = Some("ann".to_owned());
        }
        assert_eq!(paused(&rollout, "op-1"), ["web: ann has decided to roll back"]);
        rollout.pause = None;
        assert!(paused(&rollout, "op-1").is_empty());
    }
}
