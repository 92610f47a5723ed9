//! What a release of the guestbook is.

use std::path::Path;

use serde::Deserialize;

/// The file `release/release.json` of an image.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The number that the page shows.
    pub number: u32,
    /// Whether entries have a mood: the column that release 2's migration adds.
    pub moods: bool,
    /// Whether `/healthz` ever says that the guestbook is ready.
    pub becomes_healthy: bool,
}

impl Release {
    /// Reads the release that is in this folder.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let file = folder.join("release.json");
        let text =
            std::fs::read_to_string(&file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("cannot read {}: {error}", file.display()))
    }
}
