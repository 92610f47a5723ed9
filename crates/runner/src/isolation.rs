//! What a build may do, and what Terraform in it may: each has credentials of its own.
//!
//! The build's role can do next to nothing but assume the session role, whose policy is as wide as all stacks need together.
//! The runner assumes it twice, each time with a session policy that narrows it to this operation and its stack:
//!
//! | session | may |
//! | --- | --- |
//! | the runner's | the records of the operation and of its stack, the stack's state, the operation's artifacts, what is published |
//! | Terraform's | the stack's state and its lock, the role of the environment; no table, no artifacts |
//!
//! A session's permissions are the intersection of the role's policies and the session policy
//! (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>), so a resource that the role's policy already
//! names is `*` here. A session policy has at most 2,048 characters, and a session of a role that was assumed by a role lasts
//! an hour at most: both are of the same page.

mod endpoint;
mod policies;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as Provided;
use slipway_aws::session;
use slipway_model::environment::Environment;
use tokio::sync::Mutex;

pub(crate) use self::endpoint::Endpoint;
use crate::config::Config;
use crate::error::Error;
use crate::reach::{MayPass as _, Pauses};

/// The longest session that AWS gives here, in seconds.
const LONGEST: i32 = 3600;

/// A session is renewed when it has this long left, or half of its time where that is less: Terraform's clients hold
/// credentials until shortly before they expire.
const RENEWED_BEFORE: Duration = Duration::from_mins(15);

/// The session role with one session policy. Clones share the session.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    client: aws_sdk_sts::Client,
    role: String,
    name: String,
    policy: String,
    current: Arc<Mutex<Option<Current>>>,
}

#[derive(Debug)]
struct Current {
    credentials: Credentials,
    renewed_from: SystemTime,
}

impl Session {
    /// The runner's session.
    pub(crate) fn of_runner(build: &SdkConfig, config: &Config) -> Self {
        Self::new(build, config, policies::of_runner(config).to_string())
    }

    /// Terraform's session, in this environment.
    pub(crate) fn of_terraform(build: &SdkConfig, config: &Config, environment: &Environment) -> Self {
        Self::new(build, config, policies::of_terraform(config, environment).to_string())
    }

    fn new(build: &SdkConfig, config: &Config, policy: String) -> Self {
        Self {
            client: aws_sdk_sts::Client::new(build),
            role: config.session_role.clone(),
            // The role's trust policy wants it, and CloudTrail shows it on every call.
            name: config.operation.to_string(),
            policy,
            current: Arc::default(),
        }
    }

    /// The configuration of clients that work in this session.
    pub(crate) fn sdk(&self, build: &SdkConfig) -> SdkConfig {
        // The session is the cache, and waits longer than the SDK's for an STS that cannot be reached.
        session::in_session(build, self.clone())
    }

    /// Credentials that are good for a while. Where they cannot be renewed, those that there are serve until they expire.
    pub(crate) async fn credentials(&self) -> Result<Credentials, Error> {
        let mut current = self.current.lock().await;
        let now = SystemTime::now();
        if let Some(current) = current.as_ref().filter(|current| now < current.renewed_from) {
            return Ok(current.credentials.clone());
        }
        match self.assume(now).await {
            Ok(new) => Ok(current.insert(new).credentials.clone()),
            Err(error) => {
                let still_good = |current: &&Current| current.credentials.expiry().is_some_and(|end| now < end);
                let held = current.as_ref().filter(still_good);
                held.map(|current| current.credentials.clone()).ok_or(error)
            }
        }
    }

    async fn assume(&self, now: SystemTime) -> Result<Current, Error> {
        let failed = |source: crate::error::Source| Error::Session {
            role: self.role.clone(),
            source,
        };
        let request = self
            .client
            .assume_role()
            .role_arn(&self.role)
            .role_session_name(&self.name);
        let request = request.policy(&self.policy).duration_seconds(LONGEST);
        let mut pauses = Pauses::usual();
        // Not `patiently`: the future of an async closure is not `Send` for every lifetime, and any thread may need credentials.
        let answer = loop {
            match request.clone().send().await {
                Err(error) if error.may_pass() && pauses.pause().await => {}
                answer => break answer.map_err(|error| failed(error.into()))?,
            }
        };
        let given = answer
            .credentials
            .ok_or_else(|| failed("STS gave no credentials".into()))?;
        let credentials = session::credentials(given, "build session");
        let expiry = credentials.expiry().unwrap_or(now);
        let lifetime = expiry.duration_since(now).unwrap_or_default();
        let before = RENEWED_BEFORE.min(lifetime / 2);
        Ok(Current {
            credentials,
            renewed_from: expiry.checked_sub(before).unwrap_or(now),
        })
    }
}

impl ProvideCredentials for Session {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        Provided::new(async { self.credentials().await.map_err(CredentialsError::provider_error) })
    }
}
