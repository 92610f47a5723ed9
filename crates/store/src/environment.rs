//! Environments.

use std::collections::{BTreeMap, BTreeSet};

use slipway_model::audit::{Action, Entry, VARIABLE};
use slipway_model::environment::Environment;
use slipway_model::name::Name;

use crate::configured::{Configured, Expected};
use crate::table::{ENVIRONMENTS, Key};
use crate::{Cursor, Error, Page, Store};

/// Who configures environments.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// The name of the caller.
    pub actor: &'a str,
    /// The names of variables whose values the audit log hides ([`Store::sensitive_variables`]).
    pub sensitive: &'a BTreeSet<String>,
}

impl By<'_> {
    fn entry(self, action: Action, name: &Name, before: Option<&Environment>, after: Option<&Environment>) -> Entry {
        let json = |environment: &Environment| {
            let shown = Environment {
                former: BTreeMap::new(),
                ..environment.clone()
            };
            serde_json::to_value(shown).ok()
        };
        Entry::new(self.actor, action, format!("environment/{name}")).with_change(
            before.and_then(json),
            after.and_then(json),
            |member| {
                let variable = member.strip_prefix(VARIABLE);
                member == "external_id" || variable.is_some_and(|name| self.sensitive.contains(name))
            },
        )
    }
}

impl Store {
    /// Writes an environment, new or in place of the one of its name.
    pub async fn put_environment(&self, environment: &Environment) -> Result<(), Error> {
        let key = Key::environment(&environment.name);
        self.put_configured("write an environment", &key, environment, Expected::Anything, None)
            .await?;
        Ok(())
    }

    /// Likewise, where there is what is expected; its new revision, or `None`.
    pub async fn put_environment_if(
        &self,
        environment: &Environment,
        before: Option<&Environment>,
        expected: Expected,
        by: By<'_>,
    ) -> Result<Option<u64>, Error> {
        let key = Key::environment(&environment.name);
        let entry = by.entry(Action::PutEnvironment, &environment.name, before, Some(environment));
        self.put_configured("write an environment", &key, environment, expected, Some(entry))
            .await
    }

    /// Deletes an environment; whether it was there as expected.
    pub async fn delete_environment(
        &self,
        name: &Name,
        before: Option<&Environment>,
        expected: Expected,
        by: By<'_>,
    ) -> Result<bool, Error> {
        let entry = by.entry(Action::DeleteEnvironment, name, before, None);
        self.delete_configured("delete an environment", Key::environment(name), expected, entry)
            .await
    }

    /// The environment, or [`Error::NotFound`].
    pub async fn environment(&self, name: &Name) -> Result<Environment, Error> {
        self.configured_environment(name).await?.record
    }

    /// The environment with its revision, and also where it cannot be read; or [`Error::NotFound`].
    pub async fn configured_environment(&self, name: &Name) -> Result<Configured<Environment>, Error> {
        let key = Key::environment(name);
        self.configured(&key, || called(name)).await
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

pub(crate) fn called(name: &Name) -> String {
    format!("environment `{name}`")
}
