//! Sends the notifications that the table's transactions make ([`slipway_store::notification`]): to the event bus, and to webhooks.
//!
//! | event | from | effect |
//! | --- | --- | --- |
//! | records of the table's stream | Lambda | sends new notifications to the event bus, makes their deliveries, and requests new deliveries |
//! | `Slipway Notification Due` | the sweeper | likewise, of a notification that the stream did not bring |
//! | `Slipway Delivery Due` | this function, the sweeper | one attempt of a delivery to a webhook |
//!
//! A delivery has an event of its own, so a receiver that does not answer holds up neither the stream nor other receivers.
//!
//! Everything is done at least once. What was done is noted afterwards, so an event that is handled again does what is left.

mod deliver;
mod error;
mod event;
mod key;
mod publish;
mod send;

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use serde_json::Value;
use slipway_aws::{Lazy, MissingVariable, lazy, required, s3_path_style};
use slipway_model::webhook::address::Reach;
use slipway_model::webhook::signature::InstallationKey;
use slipway_store::Store;
use tokio::sync::OnceCell;

pub use error::NotifyError;
use event::Event;
use send::Sender;

/// The function's environment variables.
#[derive(Debug, Clone)]
pub struct Config {
    table: String,
    bus: String,
    artifacts_bucket: String,
    reach: Reach,
    s3_path_style: bool,
}

impl Config {
    /// Reads them.
    pub fn from_vars(vars: &BTreeMap<String, String>) -> Result<Self, MissingVariable> {
        Ok(Self {
            table: required(vars, "SLIPWAY_TABLE")?,
            bus: required(vars, "SLIPWAY_EVENT_BUS")?,
            artifacts_bucket: required(vars, "SLIPWAY_ARTIFACTS_BUCKET")?,
            reach: Reach::from_vars(vars),
            s3_path_style: s3_path_style(vars),
        })
    }
}

/// The handlers of events, with their clients.
#[derive(Debug)]
pub struct Notifier {
    config: Config,
    store: Store,
    eventbridge: Lazy<aws_sdk_eventbridge::Client>,
    s3: Lazy<aws_sdk_s3::Client>,
    key: OnceCell<InstallationKey>,
    sender: Sender,
}

impl Notifier {
    /// Handlers with clients of this configuration, which connect when they are first used.
    pub fn new(config: Config, sdk: &SdkConfig) -> Self {
        let by_path = config.s3_path_style;
        let s3 = move |sdk: &SdkConfig| {
            let s3 = aws_sdk_s3::config::Builder::from(sdk).force_path_style(by_path);
            aws_sdk_s3::Client::from_conf(s3.build())
        };
        Self {
            store: Store::new(sdk, config.table.clone()),
            eventbridge: lazy(sdk, aws_sdk_eventbridge::Client::new),
            s3: lazy(sdk, s3),
            key: OnceCell::new(),
            sender: Sender::new(config.reach),
            config,
        }
    }

    /// Handles an event. After an error, Lambda should retry it.
    pub async fn handle(&self, event: Value) -> Result<(), NotifyError> {
        // On the heap: the futures of the clients, nested in each other, are deeper than the compiler looks.
        match Event::read(event)? {
            Event::Written {
                notifications,
                deliveries,
            } => {
                Box::pin(self.publish(&notifications)).await?;
                Box::pin(self.request(&deliveries)).await
            }
            Event::Delivery(key) => Box::pin(self.deliver(&key)).await,
        }
    }
}
