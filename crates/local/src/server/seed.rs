//! What a new data folder begins with.

use std::path::Path;

use serde_json::Value;
use slipway_model::account::{AccountId, Region};
use slipway_model::environment::Environment;
use slipway_store::Store;

use super::functions::{OTHERS, aws_variables};
use crate::Error;
use crate::template::Template;
use crate::wire::{ACCOUNT, REGION};

/// The one environment of this machine, unless somebody has made it already. It gives blueprints a folder for what their
/// tasks keep: this machine's stand-in for a file system of AWS.
pub(super) async fn environment(template: &Template, endpoint: &str, data: &Path) -> Result<(), Error> {
    let failed = |source: slipway_store::Error| Error::SeedEnvironment(Box::new(source));
    let name: slipway_model::name::Name = "local"
        .parse()
        .map_err(|error| Error::SeedEnvironment(Box::from(error)))?;
    let account: AccountId = ACCOUNT
        .parse()
        .map_err(|error| Error::SeedEnvironment(Box::from(error)))?;
    let region: Region = REGION
        .parse()
        .map_err(|error| Error::SeedEnvironment(Box::from(error)))?;
    let store = Store::new(
        &slipway_store::aws::sdk_config(&aws_variables(OTHERS, endpoint)),
        &template.table.name,
    );
    // One that cannot be read is there, too: an administrator puts it right.
    match store.configured_environment(&name).await {
        Ok(_) => Ok(()),
        Err(slipway_store::Error::NotFound { .. }) => {
            let volumes = data.join("volumes").to_string_lossy().into_owned();
            let variables = serde_json::Map::from_iter([("volumes".to_owned(), Value::from(volumes))]);
            let environment = Environment {
                name,
                account,
                region,
                role: None,
                external_id: None,
                approval: slipway_model::environment::Approval::Never,
                protected: false,
                variables,
            };
            store.put_environment(&environment).await.map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}
