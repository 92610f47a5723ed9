//! The sources of Terraform's providers.
//!
//! On AWS a build uses the packages in the artifacts bucket, which `slipway publish` uploaded according to the lock files of
//! blueprints, and no registry. Each package is unpacked into a folder that is named after its checksum, because `init` links to
//! an unpacked package, but would unpack a packed one each time.

pub mod lock_file;
pub mod package;

use std::io;
use std::path::{Path, PathBuf};

use lock_file::Provider;

use crate::config::{Config, Providers};
use crate::console::say;
use crate::error::Error;
use crate::objects::Bucket;
use crate::terraform::Terraform;
use crate::work_folder::WorkFolder;
use slipway_model::terraform::LOCK_FILE;

/// The file beside the blueprint with Terraform's own configuration.
const CLI_CONFIG: &str = "terraformrc";

/// What is kept on this machine for the builds that come after, below `HOME`.
const CACHE: &str = ".cache/slipway";

/// The same where Terraform is another user.
const SHARED_CACHE: &str = "/var/cache/slipway";

/// Where packages are kept in it.
const PACKAGES: &str = "providers";

/// Sees to it that `terraform` finds the providers that the root module's lock file names.
pub(crate) async fn install(
    config: &Config,
    artifacts: &Bucket,
    folder: &WorkFolder,
    terraform: &mut Terraform,
) -> Result<(), Error> {
    let mirrors = match &config.providers {
        Providers::Registry => return Ok(()),
        Providers::Mirror(path) => vec![Mirror {
            path: path.clone(),
            of: None,
        }],
        Providers::Published => published(config, artifacts, folder.root()).await?,
    };
    folder.write_for_terraform(CLI_CONFIG, &cli_config(&mirrors))?;
    terraform.configure(&folder.path().join(CLI_CONFIG));
    Ok(())
}

/// A folder with packages.
struct Mirror {
    path: PathBuf,
    /// Of which provider, where it is not for all.
    of: Option<String>,
}

/// Terraform's configuration: these folders, and no registry, which it would have to name.
fn cli_config(mirrors: &[Mirror]) -> String {
    let blocks = mirrors.iter().map(|mirror| {
        let of = mirror
            .of
            .iter()
            .map(|provider| format!("    include = [{}]\n", quoted(provider)));
        let path = quoted(&mirror.path.to_string_lossy());
        format!(
            "  filesystem_mirror {{\n    path = {path}\n{}  }}\n",
            of.collect::<String>()
        )
    });
    format!(
        "disable_checkpoint = true\nprovider_installation {{\n{}}}\n",
        blocks.collect::<String>()
    )
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The packages that the lock file names, unpacked on this machine.
async fn published(config: &Config, artifacts: &Bucket, root: &Path) -> Result<Vec<Mirror>, Error> {
    let path = root.join(LOCK_FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            say("The blueprint has no lock file: it gets no providers but Terraform's own.");
            return Ok(Vec::new());
        }
        Err(source) => return Err(failed("read", &path)(source)),
    };
    let providers = lock_file::read(&text).map_err(Error::LockFile)?;
    let cache = cache(config).join(PACKAGES);
    std::fs::create_dir_all(&cache).map_err(failed("make", &cache))?;
    let mut mirrors = Vec::new();
    for provider in providers {
        let path = match provider.unpacked(&cache) {
            Some(path) => path,
            None => fetch(artifacts, &provider, &cache).await?,
        };
        mirrors.push(Mirror {
            path,
            of: Some(provider.address),
        });
    }
    Ok(mirrors)
}

/// The folder for what is kept on this machine.
pub(crate) fn cache(config: &Config) -> PathBuf {
    if config.terraform_user.is_some() {
        // Terraform's user reads it, and root's home is closed.
        return PathBuf::from(SHARED_CACHE);
    }
    let home = config.vars.get("HOME").filter(|home| !home.is_empty());
    home.map_or_else(std::env::temp_dir, PathBuf::from).join(CACHE)
}

/// Fetches a package, and unpacks it. A concurrent build may do the same; the first result serves both.
async fn fetch(artifacts: &Bucket, provider: &Provider, cache: &Path) -> Result<PathBuf, Error> {
    let platform = package::platform();
    let key = provider.key(&platform);
    say(format_args!("Fetching {} {}", provider.address, provider.version));
    let fresh = tempfile::tempdir_in(cache).map_err(failed("make a folder in", cache))?;
    let zip = fresh.path().join("package.zip");
    if !artifacts.get_file(&key, &zip).await? {
        return Err(Error::NoProvider {
            provider: format!("{} {}", provider.address, provider.version),
            key,
        });
    }
    let content = fresh.path().join("content");
    let into = content.join(provider.package(&platform));
    let broken = |error: package::Broken| Error::Provider {
        key: key.clone(),
        why: error.to_string(),
    };
    let hash = {
        let file = std::fs::File::open(&zip).map_err(failed("open", &zip))?;
        package::unpack(file, &into).map_err(broken)?
    };
    if !provider.hashes.contains(&hash) {
        return Err(Error::Provider {
            key,
            why: format!("its checksum {hash} is not in the blueprint's lock file"),
        });
    }
    let place = cache.join(lock_file::folder_name(&hash));
    match std::fs::rename(&content, &place) {
        Err(_) if place.is_dir() => Ok(place),
        other => other.map(|()| place.clone()).map_err(failed("make", &place)),
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terraform_gets_filesystem_mirrors_only() {
        let mirrors = [
            Mirror {
                path: "/a \"b\"".into(),
                of: Some("registry.terraform.io/hashicorp/aws".to_owned()),
            },
            Mirror {
                path: "/all".into(),
                of: None,
            },
        ];
        assert_eq!(
            cli_config(&mirrors),
            "disable_checkpoint = true\nprovider_installation {\n  filesystem_mirror {\n    path = \"/a \\\"b\\\"\"\n    \
             include = [\"registry.terraform.io/hashicorp/aws\"]\n  }\n  filesystem_mirror {\n    path = \"/all\"\n  }\n}\n"
        );
    }
}
