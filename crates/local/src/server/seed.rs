//! What a new data folder begins with.

use std::path::Path;

use serde_json::{Map, Value};
use slipway_model::account::{AccountId, Region};
use slipway_model::environment::{Approval, Environment};
use slipway_model::name::Name;
use slipway_store::Store;

use super::functions::{Aws, OTHERS, aws_variables};
use crate::Error;
use crate::template::Template;
use aws_emulator::postgres::Installation;
use aws_emulator::wire::{ACCOUNT, REGION};

/// The variable that names the PostgreSQL of this machine to blueprints; null for none.
const POSTGRES: &str = "postgres";

/// The one environment of this machine. It gives blueprints a folder for what their tasks keep, which is this machine's
/// stand-in for a file system of AWS, and the version of PostgreSQL that the local RDS runs. One that exists is changed only
/// when that version changes: an administrator may have edited the rest.
pub(super) async fn environment(
    template: &Template,
    aws: &Aws,
    data: &Path,
    postgres: Option<&Installation>,
) -> Result<(), Error> {
    let failed = |source: slipway_store::Error| Error::SeedEnvironment(Box::new(source));
    let store = Store::new(
        &slipway_aws::sdk_config(&aws_variables(OTHERS, aws)),
        &template.table.name,
    );
    let version = postgres.map_or(Value::Null, |postgres| Value::from(postgres.version()));
    let name: Name = "local".parse().map_err(invalid)?;
    let mut environment = match store.configured_environment(&name).await {
        Ok(configured) => match configured.record {
            Ok(environment) if environment.variables.get(POSTGRES) == Some(&version) => return Ok(()),
            Ok(environment) => environment,
            // An administrator corrects one that cannot be read.
            Err(_) => return Ok(()),
        },
        Err(slipway_store::Error::NotFound { .. }) => new(name, data)?,
        Err(error) => return Err(failed(error)),
    };
    environment.variables.insert(POSTGRES.to_owned(), version);
    store.put_environment(&environment).await.map_err(failed)
}

fn new(name: Name, data: &Path) -> Result<Environment, Error> {
    let account: AccountId = ACCOUNT.parse().map_err(invalid)?;
    let region: Region = REGION.parse().map_err(invalid)?;
    let volumes = data.join("volumes").to_string_lossy().into_owned();
    Ok(Environment {
        name,
        account,
        region,
        role: None,
        external_id: None,
        approval: Approval::Never,
        approvals_required: 1,
        // One machine has one user.
        self_approval: true,
        approval_timeout_seconds: 259_200,
        approval_reminder_seconds: 86_400,
        protected: false,
        sandbox: true,
        protected_types: None,
        variables: Map::from_iter([("volumes".to_owned(), Value::from(volumes))]),
        references: std::collections::BTreeMap::new(),
        former: std::collections::BTreeMap::new(),
    })
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::SeedEnvironment(Box::from(error))
}
