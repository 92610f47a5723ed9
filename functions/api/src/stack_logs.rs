//! CloudWatch Logs of the accounts and Regions that stacks are in: read by the logs role of the environment, or by the API's own rights
//! where the environment has no role.

use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_sts::error::ProvideErrorMetadata as _;
use serde_json::json;
use slipway_aws::session::{self, HeldClients};
use slipway_aws::{Lazy, lazy};
use slipway_control::start;
use slipway_model::account::EnvironmentRole;
use slipway_model::environment::Environment;
use slipway_model::id::StackId;

use crate::error::Error;

const DOING: &str = "reading the log of a service";

/// The clients. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct StackLogs {
    sdk: SdkConfig,
    sts: Lazy<aws_sdk_sts::Client>,
    held: HeldClients<Session, Client>,
}

/// What a session of a logs role may read: the logs of one stack.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Session {
    stack: StackId,
    role: String,
    region: String,
}

impl StackLogs {
    pub(crate) fn new(sdk: &SdkConfig) -> Self {
        Self {
            sdk: sdk.clone(),
            sts: lazy(sdk, aws_sdk_sts::Client::new),
            held: HeldClients::default(),
        }
    }

    /// The client that reads the logs of a stack. The ARN of the workflow is the external ID of the role.
    pub(crate) async fn client(
        &self,
        environment: &Environment,
        stack: &StackId,
        state_machine: &str,
    ) -> Result<Client, Error> {
        let region = environment.region.to_string();
        let sdk = self.sdk.clone().into_builder().region(Region::new(region.clone()));
        let Some(role) = environment.role.as_ref().map(EnvironmentRole::logs_role) else {
            return Ok(Client::new(&sdk.build()));
        };
        let key = Session {
            stack: stack.clone(),
            role,
            region,
        };
        if let Some(client) = self.held.get(&key) {
            return Ok(client);
        }
        let credentials = self.assumed(environment, &key.role, stack, state_machine).await?;
        let end = credentials.expiry();
        let client = Client::new(&session::in_session(&sdk.build(), credentials));
        self.held.hold(key, end, client.clone());
        Ok(client)
    }

    async fn assumed(
        &self,
        environment: &Environment,
        role: &str,
        stack: &StackId,
        state_machine: &str,
    ) -> Result<Credentials, Error> {
        let assume = self.sts.assume_role().role_arn(role);
        let assume = assume
            .role_session_name(format!("logs-{stack}"))
            .external_id(start::unqualified(state_machine))
            .policy(session_policy(stack));
        let assumed = assume.send().await.map_err(|error| match error.code() {
            Some("AccessDenied") => Error::Conflict(format!(
                "The role `{role}` does not admit the API. Deploy `aws/target-account` again in the account of the environment `{}`: \
                 it creates the role that reads the logs of services.",
                environment.name
            )),
            _ => unavailable(aws_sdk_sts::Error::from(error)),
        })?;
        let given = assumed
            .credentials
            .ok_or_else(|| unavailable("STS gave no credentials"))?;
        Ok(session::credentials(given, "logs role"))
    }
}

/// What a session for a stack may do of what its role may do: the log groups of the stack, in every account and Region of the role.
fn session_policy(stack: &StackId) -> String {
    let groups = [
        format!("arn:*:logs:*:*:log-group:/slipway/stacks/{stack}:*"),
        format!("arn:*:logs:*:*:log-group:/slipway/stacks/{stack}/*"),
    ];
    let statement = json!({"Effect": "Allow", "Action": "logs:FilterLogEvents", "Resource": groups});
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

fn unavailable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    crate::artifacts::unavailable(DOING, source)
}
