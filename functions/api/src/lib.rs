//! Slipway's HTTP API: an axum router over the table, for API Gateway and for other servers.
//!
//! A request is parsed strictly and judged before anything is written; all problems of a stage of that (docs/api.md) are returned
//! together, as RFC 9457 problems. An accepted request is one transaction in the table; the workflow then does the work.
//!
//! | module | holds |
//! | --- | --- |
//! | [`routes`] | the handlers, one file per noun |
//! | [`submission`] | the common part of changes: caller and idempotency key |
//! | [`body`], [`parameters`], [`revision`] | the parts of a request, parsed strictly |
//! | [`view`] | the responses as JSON |
//! | `records` | the records that paths name |
//! | [`error`], [`problem`] | errors, and their responses |
//! | [`caller`] | the caller of a request |
//! | `access` | the one place where policies decide about requests |
//! | [`sign_in`] | how the web console signs callers in; its files are in `console/` |
//! | `dead_letters` | the queues with dead-lettered events |
//! | `stack_logs` | CloudWatch Logs of the accounts that stacks are in |
//! | `webhook_key` | the secrets and the addresses of webhooks |
//! | `waiting` | the limit of concurrent long polls |
//! | [`lambda`], `identity` | events of API Gateway as requests, and their callers |

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use aws_config::SdkConfig;
use slipway_aws::{Lazy, MissingVariable, lazy, required};
use slipway_control::secrets::StackSecrets;
use slipway_model::webhook::address::Reach;
use slipway_policy::Gate;
use slipway_store::Store;
use slipway_store::audit::{InvalidRetention, Retention};

mod access;
mod artifacts;
pub mod body;
pub mod caller;
mod dead_letters;
pub mod error;
mod identity;
mod known;
pub mod lambda;
mod openapi;
pub mod parameters;
pub mod problem;
mod records;
pub mod revision;
pub mod routes;
mod serve;
mod shown;
pub mod sign_in;
mod stack_logs;
pub mod submission;
mod viewer;
mod visible;
mod waiting;
mod webhook_key;

use dead_letters::DeadLetters;
use routes::LogPages;
use sign_in::{InvalidSignIn, SignIn};
use stack_logs::StackLogs;

pub use caller::Caller;
pub use identity::{Callers, InvalidUserClaim, UserClaim};
pub use routes::router;

/// The default administrators: a group of the identity provider.
const ADMINS: &str = "slipway-admin";

/// The function's configuration, from its environment variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The name of the table (`SLIPWAY_TABLE`).
    pub table: String,
    /// The bucket of the blueprints (`SLIPWAY_ARTIFACTS_BUCKET`).
    pub artifacts_bucket: String,
    /// The bucket of the Terraform states, with the lists of secrets (`SLIPWAY_STATE_BUCKET`).
    pub state_bucket: String,
    /// The ARN of the workflow (`SLIPWAY_STATE_MACHINE_ARN`).
    pub state_machine: String,
    /// How callers are recognised.
    pub callers: Callers,
    /// How many requests wait at once (`SLIPWAY_CONCURRENT_WAITS`).
    pub concurrent_waits: u16,
    /// The queue of the events that a function rejected (`SLIPWAY_UNHANDLED_EVENTS_URL`).
    pub unhandled_events: String,
    /// The queue of the events that reached no function (`SLIPWAY_UNDELIVERED_EVENTS_URL`).
    pub undelivered_events: String,
    /// The name of the function that takes requests by event (`SLIPWAY_EVENTS_FUNCTION`).
    pub events_function: String,
    /// Whether S3 addresses buckets by path.
    pub s3_path_style: bool,
    /// How the web console signs callers in.
    pub sign_in: Option<SignIn>,
    /// What webhooks may reach.
    pub reach: Reach,
    /// For how long records of the audit log are kept (`SLIPWAY_AUDIT_DAYS`, 0 for ever).
    pub audit_retention: Retention,
}

/// Why the function cannot work with its environment variables.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConfig {
    /// One that it needs is not set.
    #[error(transparent)]
    Missing(#[from] MissingVariable),
    /// No caller can have the name of an administrator.
    #[error(
        "SLIPWAY_ADMINS names `{0}`: a name with a space is neither a scope nor an ARN, and API Gateway cannot distinguish such a group from two"
    )]
    Admin(String),
    /// No token has the claim that is to name its caller.
    #[error(transparent)]
    UserClaim(#[from] InvalidUserClaim),
    /// The number of requests that wait is no number.
    #[error("SLIPWAY_CONCURRENT_WAITS is `{0}`, and not a whole number from 0 to 65535")]
    ConcurrentWaits(String),
    /// The number of days is no number.
    #[error(transparent)]
    AuditDays(InvalidRetention),
    /// The web console cannot sign anybody in.
    #[error(transparent)]
    SignIn(#[from] InvalidSignIn),
}

impl Config {
    /// Reads the environment variables.
    pub fn from_vars(vars: &BTreeMap<String, String>) -> Result<Self, InvalidConfig> {
        let set = |name: &str| vars.get(name).filter(|value| !value.is_empty());
        let admins = set("SLIPWAY_ADMINS").map_or(ADMINS, String::as_str).split(',');
        let admins: Vec<&str> = admins.map(str::trim).filter(|admin| !admin.is_empty()).collect();
        if let Some(admin) = admins.iter().find(|admin| admin.contains(char::is_whitespace)) {
            return Err(InvalidConfig::Admin((*admin).to_owned()));
        }
        let table = required(vars, "SLIPWAY_TABLE")?;
        let waits = required(vars, "SLIPWAY_CONCURRENT_WAITS")?;
        Ok(Self {
            table,
            artifacts_bucket: required(vars, "SLIPWAY_ARTIFACTS_BUCKET")?,
            state_bucket: required(vars, "SLIPWAY_STATE_BUCKET")?,
            state_machine: required(vars, "SLIPWAY_STATE_MACHINE_ARN")?,
            callers: Callers {
                admins: admins.into_iter().map(ToOwned::to_owned).collect(),
                user_claim: set("SLIPWAY_OIDC_USER_CLAIM").map(|claim| claim.parse()).transpose()?,
            },
            concurrent_waits: waits.parse().map_err(|_| InvalidConfig::ConcurrentWaits(waits))?,
            unhandled_events: required(vars, "SLIPWAY_UNHANDLED_EVENTS_URL")?,
            undelivered_events: required(vars, "SLIPWAY_UNDELIVERED_EVENTS_URL")?,
            events_function: required(vars, "SLIPWAY_EVENTS_FUNCTION")?,
            s3_path_style: slipway_aws::s3_path_style(vars),
            sign_in: SignIn::from_vars(vars)?,
            reach: Reach::from_vars(vars),
            audit_retention: Retention::from_vars(vars).map_err(InvalidConfig::AuditDays)?,
        })
    }
}

/// What the handlers work with. Every request clones it, some times: clones share all of it.
#[derive(Debug, Clone)]
pub struct Api(Arc<Shared>);

impl Deref for Api {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// What the clones of an [`Api`] share.
#[derive(Debug)]
pub struct Shared {
    store: Store,
    secrets: StackSecrets,
    gate: Gate,
    /// Whether the deployment names administrators.
    has_administrators: bool,
    sfn: Lazy<aws_sdk_sfn::Client>,
    s3: Lazy<aws_sdk_s3::Client>,
    logs: Lazy<aws_sdk_cloudwatchlogs::Client>,
    state_machine: String,
    artifacts_bucket: String,
    concurrent_waits: u16,
    log_pages: LogPages,
    stack_logs: StackLogs,
    dead_letters: DeadLetters,
    sign_in: Option<SignIn>,
    reach: Reach,
}

impl Api {
    /// The API over the AWS services that `sdk_config` leads to.
    pub fn new(config: &Config, sdk_config: &SdkConfig) -> Self {
        let by_path = config.s3_path_style;
        let s3 = move |sdk: &SdkConfig| {
            let s3 = aws_sdk_s3::config::Builder::from(sdk).force_path_style(by_path);
            aws_sdk_s3::Client::from_conf(s3.build())
        };
        let store = Store::new(sdk_config, &config.table).keeping_audit(config.audit_retention);
        let s3 = lazy(sdk_config, s3);
        Self(Arc::new(Shared {
            secrets: StackSecrets::new(&store, &s3, &config.state_bucket),
            gate: Gate::new(&store),
            has_administrators: !config.callers.admins.is_empty(),
            store,
            sfn: lazy(sdk_config, aws_sdk_sfn::Client::new),
            s3,
            logs: lazy(sdk_config, aws_sdk_cloudwatchlogs::Client::new),
            state_machine: config.state_machine.clone(),
            artifacts_bucket: config.artifacts_bucket.clone(),
            concurrent_waits: config.concurrent_waits,
            log_pages: LogPages::default(),
            stack_logs: StackLogs::new(sdk_config),
            dead_letters: DeadLetters::new(
                sdk_config,
                &config.unhandled_events,
                &config.undelivered_events,
                &config.events_function,
            ),
            sign_in: config.sign_in.clone(),
            reach: config.reach,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [&str; 3] = [
        "SLIPWAY_UNHANDLED_EVENTS_URL",
        "SLIPWAY_UNDELIVERED_EVENTS_URL",
        "SLIPWAY_EVENTS_FUNCTION",
    ];

    /// The configuration with these variables, and those that it needs.
    fn config(set: &[(&str, &str)]) -> Result<Config, InvalidConfig> {
        let vars = [
            "SLIPWAY_TABLE",
            "SLIPWAY_ARTIFACTS_BUCKET",
            "SLIPWAY_STATE_BUCKET",
            "SLIPWAY_STATE_MACHINE_ARN",
        ];
        let vars = vars
            .map(|name| (name, "x"))
            .into_iter()
            .chain(EVENTS.map(|name| (name, "x")))
            .chain([("SLIPWAY_CONCURRENT_WAITS", "5")])
            .chain(set.iter().copied());
        Config::from_vars(&vars.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    #[test]
    fn administrators_must_have_possible_names() {
        let admins = |text: &str| config(&[("SLIPWAY_ADMINS", text)]).map(|config| config.callers.admins);
        assert_eq!(admins(""), Ok(vec![ADMINS.to_owned()]));
        assert_eq!(admins("ops, dev,"), Ok(vec!["ops".to_owned(), "dev".to_owned()]));
        assert_eq!(admins(","), Ok(vec![]));
        assert_eq!(
            admins("ops,the others"),
            Err(InvalidConfig::Admin("the others".to_owned()))
        );
    }

    #[test]
    fn claim_that_names_callers_is_known_or_rejected() {
        for (text, claim) in [("email", Some(UserClaim::Email)), ("", None)] {
            assert_eq!(
                config(&[("SLIPWAY_OIDC_USER_CLAIM", text)]).map(|config| config.callers.user_claim),
                Ok(claim)
            );
        }
        let unknown = config(&[("SLIPWAY_OIDC_USER_CLAIM", "nickname")]);
        assert!(matches!(unknown, Err(InvalidConfig::UserClaim(_))), "{unknown:?}");
    }
}
