//! What `init` makes, kept for the next operation with the same blueprint: one Terraform process less.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use slipway_model::name::Digest;

use crate::archive;
use crate::config::{Config, Providers};
use crate::console::say;
use crate::error::Error;
use crate::objects::{Bucket, Object};
use crate::overrides::{self, STATE_PREFIX};
use crate::reach::patiently;
use crate::session::Session;
use crate::work_folder::write_private;
use slipway_model::error_chain::chain;
use slipway_model::terraform::LOCK_FILE;
use slipway_store::Store;
use tokio::try_join;

/// Where `init` notes which backend the folder was prepared for.
const BACKEND: &str = ".terraform/terraform.tfstate";

/// What `init` makes in the root module's folder.
const MADE: [&str; 2] = [".terraform", LOCK_FILE];

/// The key for the result of `init` with this blueprint, these settings and the program with this checksum. All stacks of the
/// blueprint share it.
pub(crate) fn key(config: &Config, blueprint: &Digest, terraform: &str) -> String {
    let identity = json!({
        "blueprint": blueprint.as_str(),
        "settings": overrides::backend(config),
        "terraform": terraform,
        "providers": match &config.providers {
            Providers::Published => json!("published"),
            Providers::Mirror(path) => json!({ "mirror": path.to_string_lossy() }),
            Providers::Registry => json!({ "configuration": config.vars.get("TF_CLI_CONFIG_FILE") }),
        },
    });
    format!("prepared/{}.tar", Digest::of(identity.to_string().as_bytes()).hex())
}

/// Puts what was kept into the root module's folder, for the stack with this prefix. Whether it is of use there is for
/// [`archive::needs_init`] to say.
pub(crate) fn restore(kept: &[u8], root: &Path, key: &str, prefix: &str) -> Result<(), Error> {
    // The blueprint's own lock file is older than the one that was made with it.
    let own = root.join(LOCK_FILE);
    match std::fs::remove_file(&own) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(failed("replace", &own, source)),
        _ => archive::unpack(kept, root, key)?,
    }
    let path = root.join(BACKEND);
    let mut backend = read_backend(&path)?;
    *prefix_in(&mut backend).ok_or_else(|| broken(&path))? = prefix.into();
    write_private(&path, backend.to_string().as_bytes())
}

/// The prefix of the states for which `init` ran in the root module's folder; `None` where it did not.
pub(crate) fn prefix(root: &Path) -> Result<Option<String>, Error> {
    let path = root.join(BACKEND);
    if !path.exists() {
        return Ok(None);
    }
    let mut backend = read_backend(&path)?;
    let prefix = prefix_in(&mut backend).and_then(|prefix| prefix.as_str());
    prefix
        .map(|prefix| Some(prefix.to_owned()))
        .ok_or_else(|| broken(&path))
}

/// What `init` noted of the backend. Terraform compares it with the configuration, value by value, before every command.
fn read_backend(path: &Path) -> Result<Value, Error> {
    let text = std::fs::read(path).map_err(|source| failed("read", path, source))?;
    serde_json::from_slice(&text).map_err(|error| failed("understand", path, error.into()))
}

fn prefix_in(backend: &mut Value) -> Option<&mut Value> {
    backend.pointer_mut("/backend/config")?.get_mut(STATE_PREFIX)
}

fn broken(path: &Path) -> Error {
    failed("understand", path, io::Error::other("it names no prefix of states"))
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> Error {
    let path = path.to_owned();
    Error::File { action, path, source }
}

/// Removes what `init` made, or a part of it.
pub(crate) fn remove(root: &Path) {
    // What cannot be removed, `init` will complain about.
    let _ = std::fs::remove_dir_all(root.join(MADE[0]));
}

/// Packs the result of `init`; `None` if other builds cannot use it. It only saves time, so a failure is reported and has no
/// further effect.
pub(crate) fn pack(root: &Path) -> Option<Vec<u8>> {
    if archive::holds_provider_files(root) {
        return None;
    }
    archive::pack(root, &MADE.map(PathBuf::from)).inspect_err(not_kept).ok()
}

/// What is kept under this key, if it is what a build recorded: every build may write the object, and no code of a blueprint the
/// record.
pub(crate) async fn kept(session: &Session, key: &str) -> Result<Option<Object>, Error> {
    let recorded = async {
        let read = patiently(async || session.store.prepared(key).await).await;
        read.map_err(|source| Error::Store {
            action: "read the digest of a prepared folder for",
            source,
        })
    };
    let (recorded, kept) = try_join!(recorded, session.artifacts.get(key))?;
    let (Some(recorded), Some(kept)) = (recorded, kept) else {
        return Ok(None);
    };
    if Digest::of(&kept.bytes) == recorded {
        return Ok(Some(kept));
    }
    say(format_args!(
        "The prepared folder {key} is refused: it is not the one that was recorded ({}). It is made again.",
        recorded.as_str()
    ));
    Ok(None)
}

/// Keeps what was packed. The record is written first, because an object without a record is not used.
pub(crate) async fn keep(store: &Store, artifacts: &Bucket, packed: Vec<u8>, key: &str) {
    let sha256 = Digest::of(&packed);
    let recorded = patiently(async || store.record_prepared(key, &sha256).await).await;
    if let Err(source) = recorded {
        let action = "record a prepared folder for";
        return not_kept(&Error::Store { action, source });
    }
    if let Err(error) = artifacts.put(key, packed).await {
        not_kept(&error);
    }
}

fn not_kept(error: &Error) {
    say(format_args!("The prepared folder could not be kept: {}", chain(error)));
}
