//! Environments.

use slipway_model::environment::Environment;
use slipway_model::name::Name;

use crate::{Cursor, Error, Page, Store};

impl Store {
    /// Writes an environment, new or in place of the one of its name.
    pub async fn put_environment(&self, environment: &Environment) -> Result<(), Error> {
        let _ = environment;
        Ok(())
    }

    /// The environment, or [`Error::NotFound`].
    pub async fn environment(&self, name: &Name) -> Result<Environment, Error> {
        Err(Error::NotFound {
            what: format!("environment `{name}`"),
        })
    }

    /// The environments, by name.
    pub async fn environments(&self, limit: u16, cursor: Option<&Cursor>) -> Result<Page<Environment>, Error> {
        let _ = (limit, cursor);
        Ok(Page {
            items: Vec::new(),
            next: None,
        })
    }
}
