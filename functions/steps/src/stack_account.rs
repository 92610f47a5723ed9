//! The AWS account that a stack is in, as the steps reach it: by their own rights in Slipway's own account, by the environment's
//! release role anywhere else.
//!
//! Prepare release and Prepare task read which role that is, and the workflow carries it from there: what one operation does is
//! done in one place, and no later step has to ask the table.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_config::identity::IdentityCache;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use serde::{Deserialize, Serialize};
use slipway_model::account::{AccountId, account_of};
use slipway_model::environment::Environment;
use slipway_model::id::OperationId;
use slipway_model::name::Name;
use slipway_model::stack::Stack;
use slipway_store::aws::{Lazy, lazy};
use slipway_store::start;

use crate::{StepError, Steps, aws};

/// Credentials are not used in the last minutes of their hour: a step takes one at most.
const MARGIN: Duration = Duration::from_mins(5);

/// How many roles a function holds at once. Operations come and go; this many run side by side rarely.
const HELD: usize = 16;

/// Where a stack's services are, as the workflow carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    pub environment: Name,
    /// The role that the workflow's own calls are made with.
    pub role: String,
}

/// The services of the account, as one operation calls them.
#[derive(Debug, Clone)]
pub(crate) struct StackAccount {
    pub(crate) ecs: Lazy<aws_sdk_ecs::Client>,
    pub(crate) logs: Lazy<aws_sdk_cloudwatchlogs::Client>,
    pub(crate) scheduler: Lazy<aws_sdk_scheduler::Client>,
    region: String,
}

impl StackAccount {
    fn new(sdk: &SdkConfig) -> Self {
        Self {
            ecs: lazy(sdk, aws_sdk_ecs::Client::new),
            logs: lazy(sdk, aws_sdk_cloudwatchlogs::Client::new),
            scheduler: lazy(sdk, aws_sdk_scheduler::Client::new),
            region: sdk.region().map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// The Region that its services are called in.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }
}

/// The accounts that the steps reach. Clones share the roles that are held.
#[derive(Debug, Clone)]
pub(crate) struct StackAccounts {
    sdk: SdkConfig,
    own: StackAccount,
    sts: Lazy<aws_sdk_sts::Client>,
    held: Arc<Mutex<Vec<Held>>>,
}

/// A role that was assumed in the name of an operation. Another operation assumes it again: its own name is to stand in the trail.
#[derive(Debug)]
struct Held {
    role: String,
    operation: OperationId,
    until: SystemTime,
    account: StackAccount,
}

impl StackAccounts {
    pub(crate) fn new(sdk: &SdkConfig) -> Self {
        Self {
            sdk: sdk.clone(),
            own: StackAccount::new(sdk),
            sts: lazy(sdk, aws_sdk_sts::Client::new),
            held: Arc::default(),
        }
    }

    fn held(&self, role: &str, operation: &OperationId) -> Option<StackAccount> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let now = SystemTime::now();
        held.retain(|one| one.until > now);
        let found = held
            .iter()
            .find(|one| one.role == role && one.operation == *operation)?;
        Some(found.account.clone())
    }

    fn hold(&self, new: Held) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= HELD {
            held.remove(0);
        }
        held.push(new);
    }
}

impl Steps {
    /// Where the stack's services are.
    pub(crate) async fn place_of(&self, stack: &Stack) -> Result<Place, StepError> {
        let environment = self.store.environment(&stack.environment).await?;
        let machine = &self.config.state_machine;
        let own = machine.split(':').nth(3).unwrap_or_default();
        let Environment { name, region, role, .. } = environment;
        // Step Functions calls services in its own region only.
        if region.as_str() != own {
            return Err(StepError::OtherRegion {
                environment: name.to_string(),
                region: region.to_string(),
                own: own.to_owned(),
            });
        }
        let role = role.map_or_else(|| self.config.release_role.clone(), |role| role.release_role());
        Ok(Place {
            environment: name,
            role,
        })
    }

    /// The account of a place, where that is not Slipway's own.
    pub(crate) fn foreign_account(&self, place: &Place) -> Option<AccountId> {
        let account = account_of(&place.role);
        let foreign = account.filter(|_| account != account_of(&self.config.state_machine));
        foreign?.parse().ok()
    }

    /// The services of a place, for an operation.
    pub(crate) async fn stack_account(
        &self,
        place: &Place,
        operation: &OperationId,
    ) -> Result<StackAccount, StepError> {
        let Place { environment, role } = place;
        let accounts = &self.accounts;
        if *role == self.config.release_role {
            return Ok(accounts.own.clone());
        }
        if let Some(account) = accounts.held(role, operation) {
            return Ok(account);
        }
        let assumed = accounts
            .sts
            .assume_role()
            .role_arn(role)
            .role_session_name(operation.as_str())
            // What Step Functions itself gives, so that the role's trust policy asks for one and the same.
            .external_id(start::unqualified(&self.config.state_machine))
            .send()
            .await;
        let refused = |said: String, source| StepError::RoleRefused {
            environment: environment.to_string(),
            role: role.clone(),
            said,
            source,
        };
        let assumed = assumed.map_err(|error| match aws::failed(format!("assume the role {role}"), error) {
            StepError::Refused { said, source, .. } | StepError::Denied { said, source, .. } => refused(said, source),
            error => error,
        })?;
        let Some(given) = assumed.credentials else {
            let said = "STS gave no credentials".to_owned();
            return Err(refused(said.clone(), said.into()));
        };
        let until = SystemTime::try_from(given.expiration).unwrap_or_else(|_| SystemTime::now());
        let credentials = Credentials::new(
            given.access_key_id,
            given.secret_access_key,
            Some(given.session_token),
            Some(until),
            "release role",
        );
        let sdk = accounts.sdk.clone().into_builder();
        let sdk = sdk
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .identity_cache(IdentityCache::no_cache())
            .build();
        let account = StackAccount::new(&sdk);
        accounts.hold(Held {
            role: role.clone(),
            operation: operation.clone(),
            until: until.checked_sub(MARGIN).unwrap_or(until),
            account: account.clone(),
        });
        Ok(account)
    }
}
