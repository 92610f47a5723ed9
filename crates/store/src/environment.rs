//! Environments.

use slipway_model::environment::Environment;
use slipway_model::name::Name;

use crate::item::{decode, encode};
use crate::list::Query;
use crate::table::{ENVIRONMENTS, Key};
use crate::write::{Condition, Write, Written};
use crate::{Cursor, Error, Page, Store};

impl Store {
    /// Writes an environment, new or in place of the one of its name.
    pub async fn put_environment(&self, environment: &Environment) -> Result<(), Error> {
        let item = encode(&Key::environment(&environment.name), Vec::new(), environment)?;
        let writes = vec![Write::Put(item, Condition::Always)];
        match self.write("write an environment", writes).await? {
            Written::Yes => Ok(()),
            Written::Conflict => Err(Error::Conflict {
                what: format!("the environment `{}`", environment.name),
            }),
        }
    }

    /// The environment, or [`Error::NotFound`].
    pub async fn environment(&self, name: &Name) -> Result<Environment, Error> {
        let key = Key::environment(name);
        self.require(&key, || format!("environment `{name}`")).await
    }

    /// The environments, by name.
    pub async fn environments(&self, limit: u16, cursor: Option<&Cursor>) -> Result<Page<Environment>, Error> {
        let query = Query::of_items(ENVIRONMENTS, "");
        self.page(&query, limit, cursor, decode).await
    }
}
