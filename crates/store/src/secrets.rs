//! The secrets of a stack, for those who show what others say of it.

use std::collections::{BTreeSet, HashSet};

use serde::{Deserialize, Serialize};
use slipway_model::blueprint::Blueprint;
use slipway_model::operation::Operation;
use slipway_model::secret::{Secrets, Sources};
use slipway_model::stack::{Configuration, Stack};
use slipway_model::variable::{Variable, sensitive_names};

use crate::item::{decode, encode, key_attributes, key_of};
use crate::query::Query;
use crate::table::{Key, SENSITIVE_VARIABLES};
use crate::write::{Condition, Write, Written};
use crate::{Error, Store};

/// The schema of a version. A replaced draft leaves this of its record.
#[derive(Debug, Serialize, Deserialize)]
struct Schema {
    variables: Vec<Variable>,
}

/// Keeps the schema of a draft that is replaced: stacks that are made from it still have its secrets.
pub(crate) fn keep_schema(draft: &Blueprint) -> Result<Write, Error> {
    let key = Key::replaced(&draft.name, &draft.version, &draft.digest);
    let schema = Schema {
        variables: draft.variables.clone(),
    };
    Ok(Write::Put(encode(&key, Vec::new(), &schema)?, Condition::Always))
}

impl Store {
    /// The secrets of an operation: of its configuration, those that its stack had, and the environment. An environment or a
    /// version that no longer exists gives none.
    pub async fn secrets_of(&self, operation: &Operation) -> Result<Secrets, Error> {
        let stack = self.stack(&operation.stack).await?;
        self.secrets_in(operation, &stack).await
    }

    /// Likewise, for a caller that has read the stack.
    pub async fn secrets_in(&self, operation: &Operation, stack: &Stack) -> Result<Secrets, Error> {
        self.secrets(stack, Some(&operation.configuration)).await
    }

    /// Likewise, of a stack.
    pub async fn secrets_of_stack(&self, stack: &Stack) -> Result<Secrets, Error> {
        self.secrets(stack, None).await
    }

    async fn secrets(&self, stack: &Stack, other: Option<&Configuration>) -> Result<Secrets, Error> {
        let mut configurations: Vec<&Configuration> = other.into_iter().chain([&stack.configuration]).collect();
        configurations.extend(&stack.applied);
        // A draft may have been replaced since: what it was then has a schema of its own.
        let versions = configurations.iter().flat_map(|made| {
            let Configuration {
                blueprint,
                version,
                digest,
                ..
            } = made;
            [
                Key::blueprint(blueprint, version),
                Key::replaced(blueprint, version, digest),
            ]
        });
        let versions: HashSet<Key> = versions.collect();
        let environment = Key::environment(&stack.environment);
        let keys: Vec<Key> = versions.into_iter().chain([environment.clone()]).collect();
        let mut found = self.get_some(&keys).await?;
        let environment = found.take(&environment)?;
        let made = found.in_order(&keys).map(|(key, item)| decode::<Schema>(key, item));
        let schemas = made.map(|made| Ok(made?.variables));
        let schemas = schemas.collect::<Result<Vec<Vec<Variable>>, Error>>()?;
        let schemas: Vec<&[Variable]> = schemas.iter().map(Vec::as_slice).collect();
        let sources = Sources {
            schemas: &schemas,
            configurations: &configurations,
            environment: environment.as_ref(),
        };
        Ok(sources.secrets())
    }

    /// The names of the variables that any published version declares as sensitive. An environment does not know which blueprints
    /// use its values, so it shows none under these names.
    pub async fn sensitive_variables(&self) -> Result<BTreeSet<String>, Error> {
        let names = self.query_all(&Query::of_items(SENSITIVE_VARIABLES, ""), None).await?;
        Ok(names.iter().map(|item| key_of(item).sk).collect())
    }

    /// Notes the sensitive variables of a version, before anything can be made from it.
    pub async fn note_sensitive_variables(&self, schema: &[Variable]) -> Result<(), Error> {
        for name in sensitive_names(schema) {
            let item = key_attributes(&Key::sensitive_variable(&name));
            let write = Write::Put(item, Condition::Always);
            // It is written whatever is there.
            let (Written::Yes | Written::Conflict) = self.write("note a sensitive variable", vec![write]).await?;
        }
        Ok(())
    }
}
