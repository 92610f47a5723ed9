//! Notifications and deliveries that were not sent, and reminders of approvals.
//!
//! The table's stream brings new notifications to the notify function. If that failed for a day, or the stream was not there, they are
//! still due in the table. The sweeper sends that function an event, because only its role may put notifications on the bus.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use slipway_model::notification::{Notification, NotificationId};
use slipway_model::operation::Operation;
use slipway_store::PAGE;

use crate::{Healing, Report, Sweep, SweepError};

/// How long the stream has to bring a notification without the sweeper.
const PATIENCE: SignedDuration = SignedDuration::from_mins(2);

/// The most entries of a request of `PutEvents`.
const ENTRIES: usize = 10;

impl Sweep {
    /// Requests the notify function to send what is due for long.
    pub(crate) async fn notifications(&self, report: &mut Report, now: Timestamp) {
        let mut cursor = None;
        loop {
            let page = match self.store.notifications_due(PAGE, cursor.as_ref()).await {
                Ok(page) => page,
                Err(error) => return report.problem(None, &SweepError::List(error)),
            };
            let is_late = |due: &&Notification| now.duration_since(due.time) > PATIENCE;
            let late: Vec<NotificationId> = page.items.iter().filter(is_late).map(|due| due.id.clone()).collect();
            let due = late.iter().map(|id| json!({ "notification": id })).collect();
            report.notifications += self.ask(report, "Slipway Notification Due", due).await;
            match page.next {
                Some(next) => cursor = Some(next),
                None => return,
            }
        }
    }

    /// Requests the notify function to make the attempts of deliveries that are due.
    pub(crate) async fn deliveries(&self, report: &mut Report, now: Timestamp) {
        let mut cursor = None;
        loop {
            let page = match self.store.deliveries_due(now, PAGE, cursor.as_ref()).await {
                Ok(page) => page,
                Err(error) => return report.problem(None, &SweepError::List(error)),
            };
            let due = page.items.iter().map(|key| json!(key)).collect();
            report.deliveries += self.ask(report, "Slipway Delivery Due", due).await;
            match page.next {
                Some(next) => cursor = Some(next),
                None => return,
            }
        }
    }

    /// Requests the notify function to do something; how many requests were accepted.
    async fn ask(&self, report: &mut Report, detail_type: &str, details: Vec<Value>) -> usize {
        let mut accepted = 0;
        for some in details.chunks(ENTRIES) {
            match self.request(detail_type, some).await {
                Ok(()) => accepted += some.len(),
                Err(error) => report.problem(None, &SweepError::AskToNotify(error)),
            }
        }
        accepted
    }

    /// Reminds the approvers of a plan that waits.
    pub(crate) async fn remind(&self, operation: &Operation, now: Timestamp) -> Result<Option<Healing>, SweepError> {
        let reminded = self.store.remind_approvers(operation, now).await;
        let reminded = reminded.map_err(SweepError::Remind)?;
        Ok(reminded.then_some(Healing::ApproversReminded))
    }
}
