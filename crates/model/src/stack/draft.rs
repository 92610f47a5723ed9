//! What became of the draft that a stack is made from.

use serde::{Deserialize, Serialize};

use super::Configuration;
use crate::blueprint::Blueprint;

/// Why the files of a stack's version are not final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DraftState {
    /// The version is still that draft.
    Current,
    /// The version has other files by now: those of a later draft, or the published ones.
    Replaced,
    /// The draft was discarded: there is no such version.
    Discarded,
}

impl Configuration {
    /// What became of its draft; none if its files are final. `version` is the version as it is now.
    pub fn draft_state(&self, version: Option<&Blueprint>) -> Option<DraftState> {
        if !self.draft {
            return None;
        }
        match version {
            Some(version) if version.digest == self.digest => version.draft.then_some(DraftState::Current),
            Some(_) => Some(DraftState::Replaced),
            None => Some(DraftState::Discarded),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::name::Digest;

    #[test]
    fn draft_is_current_then_replaced_or_final() {
        let made = |draft: bool| -> Configuration {
            let made = json!({
                "blueprint": "web", "version": "1.0.0", "digest": Digest::of(b"first"), "draft": draft, "variables": {}, "sensitive": [],
            });
            serde_json::from_value(made).expect("a configuration")
        };
        let now = |content: &[u8], draft: bool| -> Blueprint {
            let now = json!({
                "name": "web", "version": "1.0.0", "digest": Digest::of(content), "draft": draft, "variables": [],
                "published_at": "2026-11-30T00:00:00Z",
            });
            serde_json::from_value(now).expect("a blueprint")
        };
        for (content, is_draft, state) in [
            (b"first".as_slice(), true, Some(DraftState::Current)),
            (b"first", false, None),
            (b"second", true, Some(DraftState::Replaced)),
            (b"second", false, Some(DraftState::Replaced)),
        ] {
            let now = now(content, is_draft);
            assert_eq!(made(true).draft_state(Some(&now)), state, "{content:?} {is_draft}");
            assert_eq!(made(false).draft_state(Some(&now)), None);
        }
        assert_eq!(made(true).draft_state(None), Some(DraftState::Discarded));
    }
}
