//! The AWS account and Region that a stack is in, as the steps reach them: with the release role of the environment, or by their own
//! rights where the environment has no role.
//!
//! Prepare release and Prepare task read which role and Region these are, and the workflow carries them from there: what one operation
//! does is done in one account and Region, and no later step has to ask the table. Step Functions itself calls no other Region
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/concepts-access-cross-acct-resources.html>), so every call there is a step's.

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use serde::{Deserialize, Serialize};
use slipway_aws::session::{self, HeldClients};
use slipway_aws::{Lazy, lazy};
use slipway_control::start;
use slipway_model::account::{AccountId, Region, account_of};
use slipway_model::environment::Environment;
use slipway_model::id::OperationId;
use slipway_model::name::Name;
use slipway_model::stack::Stack;

use crate::autoscaling::Autoscaling;
use crate::rds::Rds;
use crate::{StepError, Steps, aws};

/// Where a stack's services are, as the workflow carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    pub environment: Name,
    pub region: Region,
    /// The release role of the environment; none where it has no role.
    pub role: Option<String>,
}

/// The services of the account, as one operation calls them.
#[derive(Debug, Clone)]
pub(crate) struct StackAccount {
    pub(crate) ecs: Lazy<aws_sdk_ecs::Client>,
    pub(crate) logs: Lazy<aws_sdk_cloudwatchlogs::Client>,
    pub(crate) scheduler: Lazy<aws_sdk_scheduler::Client>,
    pub(crate) rds: Rds,
    pub(crate) scaling: Autoscaling,
    region: String,
}

impl StackAccount {
    fn new(sdk: &SdkConfig) -> Self {
        Self {
            ecs: lazy(sdk, aws_sdk_ecs::Client::new),
            logs: lazy(sdk, aws_sdk_cloudwatchlogs::Client::new),
            scheduler: lazy(sdk, aws_sdk_scheduler::Client::new),
            rds: Rds::new(sdk),
            scaling: Autoscaling::new(sdk),
            region: sdk.region().map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// The Region that its services are called in.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }
}

/// The accounts and Regions that the steps reach. Clones share the roles that are held.
#[derive(Debug, Clone)]
pub(crate) struct StackAccounts {
    sdk: SdkConfig,
    sts: Lazy<aws_sdk_sts::Client>,
    /// By operation where there is a role: another operation assumes it again, because its own name is to stand in the trail.
    held: HeldClients<(Place, Option<OperationId>), StackAccount>,
}

impl StackAccounts {
    pub(crate) fn new(sdk: &SdkConfig) -> Self {
        Self {
            sdk: sdk.clone(),
            sts: lazy(sdk, aws_sdk_sts::Client::new),
            held: HeldClients::default(),
        }
    }
}

impl Steps {
    /// Where the stack's services are.
    pub(crate) async fn place_of(&self, stack: &Stack) -> Result<Place, StepError> {
        let Environment { name, region, role, .. } = self.store.environment(&stack.environment).await?;
        Ok(Place {
            environment: name,
            region,
            role: role.map(|role| role.release_role()),
        })
    }

    /// The account of a place, where that is not Slipway's own.
    pub(crate) fn foreign_account(&self, place: &Place) -> Option<AccountId> {
        let account = account_of(place.role.as_deref()?);
        let foreign = account.filter(|_| account != account_of(&self.config.state_machine));
        foreign?.parse().ok()
    }

    /// The services of a place, for an operation.
    pub(crate) async fn stack_account(
        &self,
        place: &Place,
        operation: &OperationId,
    ) -> Result<StackAccount, StepError> {
        let accounts = &self.accounts;
        let key = (place.clone(), place.role.as_ref().map(|_| operation.clone()));
        if let Some(account) = accounts.held.get(&key) {
            return Ok(account);
        }
        let region = aws_config::Region::new(place.region.to_string());
        let sdk = accounts.sdk.clone().into_builder().region(region).build();
        let (account, end) = match &place.role {
            None => (StackAccount::new(&sdk), None),
            Some(role) => {
                let credentials = self.assumed(&place.environment, role, operation).await?;
                let end = credentials.expiry();
                (StackAccount::new(&session::in_session(&sdk, credentials)), end)
            }
        };
        accounts.held.hold(key, end, account.clone());
        Ok(account)
    }

    /// Assumes the release role of an environment.
    async fn assumed(&self, environment: &Name, role: &str, operation: &OperationId) -> Result<Credentials, StepError> {
        let assumed = self
            .accounts
            .sts
            .assume_role()
            .role_arn(role)
            .role_session_name(operation.as_str())
            // The role's trust policy requires this machine's ARN: no other installation gets the role.
            .external_id(start::unqualified(&self.config.state_machine))
            .send()
            .await;
        let refused = |said: String, source| StepError::RoleRefused {
            environment: environment.to_string(),
            role: role.to_owned(),
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
        Ok(session::credentials(given, "release role"))
    }
}
