//! Progressive rollouts of an operation, as people watch them.

use slipway_api_types::Rollout;
use slipway_model::operation::rollouts::PauseAction;

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
    let service = &rollout.service;
    if let (Some(decision), Some(by)) = (pause.decision, &pause.decided_by) {
        let decision = match decision {
            PauseAction::Continue => "continue the release",
            PauseAction::RollBack => "restore the previous release",
        };
        return vec![format!("{service}: {by} chose to {decision}")];
    }
    let mut lines = vec![
        format!("{service} is paused"),
        format!(
            "  continue: {}",
            hint::command(&format!("release continue {operation}"))
        ),
        format!(
            "  restore the previous release: {}",
            hint::command(&format!("release restore {operation}"))
        ),
    ];
    if let Some(time) = &pause.expires_at {
        let expires = match pause.at_expiry {
            PauseAction::Continue => "the release continues",
            PauseAction::RollBack => "the previous release is restored",
        };
        lines.push(format!("  no decision by {time}: {expires}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pause_names_both_commands_until_it_is_decided() {
        let mut rollout: Rollout = serde_json::from_value(json!({
            "service": "web", "strategy": "CANARY", "stage": "POST_SCALE_UP", "percent": 12.5,
            "pause": {"expires_at": "2026-01-01T00:00:00Z", "at_expiry": "roll_back", "decision": null, "decided_by": null},
        }))
        .expect("a rollout");
        assert_eq!(line(&rollout), "web: 12.5 % of the requests (CANARY, POST_SCALE_UP)");
        let open = paused(&rollout, "op-1").join("\n");
        for part in [
            "continue: slipway release continue op-1",
            "restore the previous release: slipway release restore op-1",
            "no decision by 2026-01-01T00:00:00Z: the previous release is restored",
        ] {
            assert!(open.contains(part), "{open}");
        }
        if let Some(pause) = &mut rollout.pause {
            pause.decision = Some(PauseAction::RollBack);
            pause.decided_by = Some("ann".to_owned());
        }
        assert_eq!(
            paused(&rollout, "op-1"),
            ["web: ann chose to restore the previous release"]
        );
        rollout.pause = None;
        assert!(paused(&rollout, "op-1").is_empty());
    }
}
