//! Requests to the other functions, as events: only their roles may do what is due.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use serde_json::Value;

use crate::Sweep;

impl Sweep {
    /// Sends an event for each detail: ten at most.
    pub(crate) async fn request(
        &self,
        detail_type: &str,
        details: &[Value],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let entries = details.iter().map(|detail| {
            let entry = PutEventsRequestEntry::builder().source("slipway");
            entry.detail_type(detail_type).detail(detail.to_string()).build()
        });
        let put = self.eventbridge.put_events().set_entries(Some(entries.collect()));
        let put = put.send().await.map_err(aws_sdk_eventbridge::Error::from)?;
        let refused = put.entries().iter().find_map(|entry| entry.error_code());
        refused.map_or(Ok(()), |code| Err(code.into()))
    }
}
