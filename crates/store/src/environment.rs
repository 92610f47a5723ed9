//! Environments.

use slipway_model::environment::Environment;
use slipway_model::name::Name;

use crate::configured::{Configured, Expected};
use crate::table::{ENVIRONMENTS, Key};
use crate::{Cursor, Error, Page, Store};

impl Store {
    /// Writes an environment, new or in place of the one of its name.
    pub async fn put_environment(&self, environment: &Environment) -> Result<(), Error> {
        self.put_environment_if(environment, Expected::Anything).await?;
        Ok(())
    }

    /// Likewise, where there is what is expected; its new revision, or `None`.
    pub async fn put_environment_if(
        &self,
        environment: &Environment,
        expected: Expected,
    ) -> Result<Option<u64>, Error> {
        let key = Key::environment(&environment.name);
        self.put_configured("write an environment", &key, environment, expected)
            .await
    }

    /// Deletes an environment; whether it was there as expected.
    pub async fn delete_environment(&self, name: &Name, expected: Expected) -> Result<bool, Error> {
        self.delete_configured("delete an environment", Key::environment(name), expected)
            .await
    }

    /// The environment, or [`Error::NotFound`].
    pub async fn environment(&self, name: &Name) -> Result<Environment, Error> {
        self.configured_environment(name).await?.record
    }

    /// The environment with its revision, and also where it cannot be read; or [`Error::NotFound`].
    pub async fn configured_environment(&self, name: &Name) -> Result<Configured<Environment>, Error> {
        let key = Key::environment(name);
        self.configured(&key, || format!("environment `{name}`")).await
    }

    /// The environments, by name.
    pub async fn environments(
        &self,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Configured<Environment>>, Error> {
        self.configured_page(ENVIRONMENTS, limit, cursor).await
    }
}
