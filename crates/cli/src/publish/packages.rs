//! The packages of providers: downloaded from a mirror or a registry, checked against the lock files, uploaded for builds.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use slipway_model::blueprint::Source;
use slipway_model::name::Digest;
use slipway_model::terraform::LOCK_FILE;
use slipway_runner::providers::lock_file::{self, Provider};
use slipway_runner::providers::package;

use super::Done;
use super::artifacts::Artifacts;
use crate::error::Error;
use crate::files;
use crate::output::Output;

/// Where packages come from.
#[derive(Debug)]
pub struct Packages {
    /// The Terraform or OpenTofu of this machine.
    pub terraform: PathBuf,
    /// A filesystem mirror to take them from; their registries without it.
    pub mirror: Option<PathBuf>,
    /// For which platform.
    pub platform: String,
}

impl Packages {
    /// Has Terraform choose the versions for a blueprint without a lock file; gives the lock file, or nothing where the
    /// blueprint needs no providers.
    pub fn lock(&self, blueprint: &str, source: &Source) -> Result<Option<String>, Error> {
        let folder = temporary()?;
        for file in source.contents() {
            let (path, bytes, _) = file.map_err(|path| Error::Program(format!("{path} is not base64")))?;
            write(&folder.path().join(path), bytes)?;
        }
        let root = folder.path().join(&source.root);
        let what = format!("choose the providers of {blueprint}");
        self.terraform(&root, &["get".into()], &what)?;
        let mut arguments: Vec<OsString> = vec!["providers".into(), "lock".into()];
        arguments.push(format!("-platform={}", self.platform).into());
        if let Some(mirror) = &self.mirror {
            let mut option = OsString::from("-fs-mirror=");
            option.push(absolute(mirror)?);
            arguments.push(option);
        }
        self.terraform(&root, &arguments, &what)?;
        let path = root.join(LOCK_FILE);
        files::read_if_any(&path)
    }

    /// The providers that these lock files name, each once.
    pub fn needed(locks: &[(String, String)]) -> Result<Vec<Provider>, Error> {
        let mut needed: BTreeMap<(String, String), Provider> = BTreeMap::new();
        for (blueprint, lock) in locks {
            let providers = lock_file::read(lock)
                .map_err(|what| Error::Usage(format!("the lock file of {blueprint} cannot be read: {what}")))?;
            for provider in providers {
                let key = (provider.address.clone(), provider.version.clone());
                // The lock files of two blueprints may name different checksums of one package: all of them have to be right.
                needed
                    .entry(key)
                    .and_modify(|known| known.hashes.retain(|hash| provider.hashes.contains(hash)))
                    .or_insert(provider);
            }
        }
        Ok(needed.into_values().collect())
    }

    /// Puts the package of a provider, unless it is there.
    pub async fn publish(&self, provider: &Provider, artifacts: &Artifacts, output: Output) -> Result<Done, Error> {
        let key = provider.key(&self.platform);
        let name = format!("{} {} ({})", provider.address, provider.version, self.platform);
        let done = |published| Done {
            kind: "provider",
            name: name.clone(),
            published,
            unchecked: Vec::new(),
        };
        if let Some(before) = artifacts.look(&key).await? {
            let digest = before.digest().unwrap_or_default();
            if provider.hashes.iter().any(|hash| hash == digest) {
                return Ok(done(false));
            }
            return Err(Error::Usage(format!(
                "another package is published as {name}: its checksum {digest} is not in the lock file. A provider's version does not \
                 change: find out which of the two is the real one, and remove the object {key} if it is not that"
            )));
        }
        output.say(&format!("Getting {name}"));
        let zip = self.zip(provider)?;
        let checksum = check(provider, &zip, &self.platform)?;
        artifacts.put(&key, zip, &checksum, &[]).await?;
        Ok(done(true))
    }

    /// A package, packed.
    fn zip(&self, provider: &Provider) -> Result<Vec<u8>, Error> {
        let Some(mirror) = &self.mirror else {
            return self.get_from_registry(provider);
        };
        self.read_from_mirror(provider, mirror)?.ok_or_else(|| {
            Error::Usage(format!(
                "{} has no package of {} {} for {}: make the mirror with `terraform providers mirror -platform={} FOLDER` in the folder of \
                 the blueprint, where there is a network",
                mirror.display(),
                provider.address,
                provider.version,
                self.platform,
                self.platform
            ))
        })
    }

    /// From either layout of a filesystem mirror.
    fn read_from_mirror(&self, provider: &Provider, mirror: &Path) -> Result<Option<Vec<u8>>, Error> {
        let kind = provider.address.rsplit('/').next().unwrap_or_default();
        let packed = format!("terraform-provider-{kind}_{}_{}.zip", provider.version, self.platform);
        let packed = mirror.join(&provider.address).join(packed);
        if packed.is_file() {
            let read = fs::read(&packed);
            return read.map(Some).map_err(Error::file("read", &packed));
        }
        let unpacked = mirror.join(provider.package(&self.platform));
        if !unpacked.is_dir() {
            return Ok(None);
        }
        let (zip, _) = package::pack(&unpacked)
            .map_err(|error| Error::Program(format!("cannot pack {}: {error}", unpacked.display())))?;
        Ok(Some(zip))
    }

    /// Has Terraform get exactly this version, which it checks by the signature of the provider's makers.
    fn get_from_registry(&self, provider: &Provider) -> Result<Vec<u8>, Error> {
        let folder = temporary()?;
        let wanted = serde_json::json!({ "terraform": { "required_providers": {
            "wanted": { "source": provider.address, "version": format!("= {}", provider.version) },
        }}});
        write(&folder.path().join("main.tf.json"), wanted.to_string())?;
        let mirror = folder.path().join("mirror");
        let arguments = [
            "providers".into(),
            "mirror".into(),
            format!("-platform={}", self.platform).into(),
            mirror.clone().into_os_string(),
        ];
        self.terraform(
            folder.path(),
            &arguments,
            &format!("get {} {}", provider.address, provider.version),
        )?;
        let zip = self.read_from_mirror(provider, &mirror)?;
        zip.ok_or_else(|| {
            Error::Program(format!(
                "Terraform got no package of {} {}",
                provider.address, provider.version
            ))
        })
    }

    /// Runs Terraform; what it says where it fails is shown.
    fn terraform(&self, folder: &Path, arguments: &[OsString], doing: &str) -> Result<(), Error> {
        let run = Command::new(&self.terraform)
            .args(arguments)
            .arg("-no-color")
            .current_dir(folder)
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_IN_AUTOMATION", "1")
            .env_remove("TF_WORKSPACE")
            .env_remove("TF_DATA_DIR")
            .env_remove("TF_LOG")
            .stdin(Stdio::null())
            .output();
        let run = run.map_err(|error| Error::Program(format!("cannot run {}: {error}", self.terraform.display())))?;
        if run.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&run.stderr).trim().to_owned();
        let remedy = match self.mirror {
            Some(_) => "",
            None => {
                "\nWhere there is no network, give a folder of packages with `--mirror FOLDER`: `terraform providers mirror` makes one."
            }
        };
        Err(Error::Program(format!("cannot {doing}: {said}{remedy}")))
    }
}

/// Checks a package against the lock file; gives the checksum of what is in it.
fn check(provider: &Provider, zip: &[u8], platform: &str) -> Result<String, Error> {
    let name = format!("{} {}", provider.address, provider.version);
    let checksum = package::checksum_of_zip(Cursor::new(zip))
        .map_err(|error| Error::Program(format!("the package of {name} cannot be read: {error}")))?;
    if provider.hashes.contains(&checksum) {
        return Ok(checksum);
    }
    if provider.hashes.contains(&format!("zh:{}", Digest::of(zip).hex())) {
        return Err(Error::Usage(format!(
            "the lock file knows the package of {name}, but not what is in it, which builds check: run `terraform providers lock \
             -platform={platform}` in the folder of the blueprint, and publish that"
        )));
    }
    Err(Error::Usage(format!(
        "the package of {name} is not the one that the lock file was written with: its checksum is {checksum}; nothing of it is \
         published"
    )))
}

fn temporary() -> Result<tempfile::TempDir, Error> {
    tempfile::tempdir().map_err(Error::file("make a folder in", &std::env::temp_dir()))
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    path.canonicalize().map_err(Error::file("read", path))
}

fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, content))
        .map_err(Error::file("write", path))
}
