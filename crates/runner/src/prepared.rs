//! What `init` makes, kept for the next operation with the same blueprint: one Terraform process less.

use std::path::{Path, PathBuf};

use serde_json::json;
use slipway_model::name::Digest;

use crate::archive;
use crate::config::{Config, Providers};
use crate::console::say;
use crate::error::Error;
use crate::objects::Bucket;
use crate::overrides;
use slipway_model::error_chain::chain;
use slipway_model::terraform::LOCK_FILE;

/// What `init` makes in the root module's folder.
const MADE: [&str; 2] = [".terraform", LOCK_FILE];

/// The key for the result of `init` with this blueprint, these settings and this program.
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

/// Puts what was kept into the root module's folder. Whether it is of use there is for [`archive::needs_init`] to say.
pub(crate) fn restore(kept: &[u8], root: &Path, key: &str) -> Result<(), Error> {
    // The blueprint's own lock file is older than the one that was made with it.
    let own = root.join(LOCK_FILE);
    match std::fs::remove_file(&own) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(Error::File {
            action: "replace",
            path: own,
            source,
        }),
        _ => archive::unpack(kept, root, key),
    }
}

/// Removes what `init` made, or a part of it.
pub(crate) fn remove(root: &Path) {
    // What cannot be removed, `init` will complain about.
    let _ = std::fs::remove_dir_all(root.join(MADE[0]));
}

/// Keeps what `init` made. It is a convenience: a failure is told and does no harm.
pub(crate) async fn keep(artifacts: &Bucket, root: PathBuf, key: &str) {
    if archive::holds_provider_files(&root) {
        return;
    }
    let kept = async {
        let packed = archive::pack(&root, &MADE.map(PathBuf::from))?;
        artifacts.put(key, packed).await
    };
    if let Err(error) = kept.await {
        say(format_args!("The prepared folder could not be kept: {}", chain(&error)));
    }
}
