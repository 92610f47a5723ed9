//! The READMEs of published blueprints.
//!
//! A README is no part of the files of a version: a build does not need it, and the digest of a version is that of its files. So it is
//! an item of its own, which belongs to the version and to its digest.

use serde::{Deserialize, Serialize};
use slipway_model::blueprint::Blueprint;

use crate::item::encode;
use crate::table::Key;
use crate::write::{Condition, Write, Written};
use crate::{Error, Store};

#[derive(Serialize, Deserialize)]
struct Readme {
    text: String,
}

impl Store {
    /// Keeps the README of a version. The first one stays.
    pub async fn keep_readme(&self, blueprint: &Blueprint, text: &str) -> Result<(), Error> {
        let readme = Readme { text: text.to_owned() };
        let item = encode(&Key::readme(blueprint), Vec::new(), &readme)?;
        let write = Write::Put(item, Condition::New);
        // Otherwise another publication of the same files keeps its own.
        let (Written::Yes | Written::Conflict) = self.write("keep a README", vec![write]).await?;
        Ok(())
    }

    /// The README of a version, if it was published with one.
    pub async fn readme(&self, blueprint: &Blueprint) -> Result<Option<String>, Error> {
        let readme: Option<Readme> = self.get(&Key::readme(blueprint)).await?;
        Ok(readme.map(|readme| readme.text))
    }
}
