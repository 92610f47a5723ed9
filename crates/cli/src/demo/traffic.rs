//! A visitor who never stops asking: what a release must not disturb.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use slipway_model::count::counted;
use tokio::task::JoinHandle;

/// Requests that go on, one after the other, until they are stopped.
pub struct Traffic {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Report>,
}

/// What the visitor saw.
#[derive(Debug, Default)]
pub struct Report {
    /// How many requests were answered, by the number of the release that answered.
    pub answered: BTreeMap<u64, u64>,
    /// What went wrong, for each request that was not answered with 200.
    pub failed: Vec<String>,
}

impl Report {
    /// The report in a line.
    pub fn line(&self) -> String {
        let answered: Vec<String> = self
            .answered
            .iter()
            .map(|(release, count)| format!("{count} by release {release}"))
            .collect();
        format!(
            "{} (answered: {})",
            counted(self.failed.len(), "failed request"),
            answered.join(", ")
        )
    }
}

impl Traffic {
    /// Starts asking the guestbook at this address for its entries, on a new connection each time: what a rollout would
    /// break first.
    pub fn start(url: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let client = reqwest::Client::builder()
            .pool_max_idle_per_host(0)
            .build()
            .unwrap_or_default();
        let (stopped, url) = (Arc::clone(&stop), format!("{url}/entries"));
        let task = tokio::spawn(async move {
            let mut report = Report::default();
            while !stopped.load(Ordering::Relaxed) {
                match ask(&client, &url).await {
                    Ok(release) => *report.answered.entry(release).or_default() += 1,
                    Err(error) => report.failed.push(error),
                }
            }
            report
        });
        Self { stop, task }
    }

    /// Stops asking.
    pub async fn stop(self) -> Report {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap_or_default()
    }
}

/// One request; gives the number of the release that answered.
async fn ask(client: &reqwest::Client, url: &str) -> Result<u64, String> {
    let answer = client.get(url).send().await.map_err(|error| format!("{error:?}"))?;
    let status = answer.status();
    if !status.is_success() {
        return Err(format!("the guestbook answered {status}"));
    }
    let body: Value = answer.json().await.map_err(|error| format!("{error:?}"))?;
    body["release"]
        .as_u64()
        .ok_or_else(|| "the answer names no release".to_owned())
}
