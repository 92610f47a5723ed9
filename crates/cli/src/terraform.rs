//! Finds the Terraform or OpenTofu that the runner drives, or fetches one.

use std::env;
use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use semver::Version;
use serde::Deserialize;
use slipway_model::name::Digest;
use slipway_model::terraform::{OLDEST_TERRAFORM, OLDEST_TOFU};
use slipway_runner::providers::package::platform;

use crate::error::Error;

/// The supported programs, in the order of preference, and the oldest version of each.
const PROGRAMS: [(&str, Version); 2] = [("terraform", OLDEST_TERRAFORM), ("tofu", OLDEST_TOFU)];

/// The release that is fetched where there is neither.
const RELEASE: &str = "1.11.4";

/// Where Terraform's makers publish releases.
const RELEASES: &str = "https://releases.hashicorp.com/terraform";

/// SHA-256 of the release's zip for each platform, as published with it in `terraform_1.11.4_SHA256SUMS`.
const CHECKSUMS: [(&str, &str); 4] = [
    (
        "linux_amd64",
        "1ce994251c00281d6845f0f268637ba50c0005657eb3cf096b92f753b42ef4dc",
    ),
    (
        "linux_arm64",
        "a43d1d0da9b9bab214a8305a39db0e40869572594ccf50c416a7756499143633",
    ),
    (
        "darwin_amd64",
        "a56d5002b9f7647291faccc3dd1a70350e60fb61e4c45037629508b8fdc2575b",
    ),
    (
        "darwin_arm64",
        "867e0808fa971217043e25b7a792b10720c79b1546f8a68479b74f138be73e18",
    ),
];

/// The advice for people without Terraform whose machine cannot download one.
const INSTALL: &str = "install Terraform 1.11 or later (https://developer.hashicorp.com/terraform/install) or OpenTofu 1.10 \
    or later (https://opentofu.org/docs/intro/install), so that `terraform` or `tofu` is on PATH, or set SLIPWAY_TERRAFORM \
    to its path";

/// Where to look, and where to fetch from.
#[derive(Debug, Clone)]
pub struct Search {
    /// The program that the user named, before all others.
    pub named: Option<PathBuf>,
    /// The folders of PATH.
    pub folders: Vec<PathBuf>,
    /// The folder in which a fetched release is kept.
    pub cache: PathBuf,
    /// Where releases come from.
    pub releases: String,
}

impl Search {
    /// As the environment says: `SLIPWAY_TERRAFORM` names the program, `SLIPWAY_TERRAFORM_RELEASES` a mirror of
    /// the releases.
    pub fn from_env() -> Self {
        let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
        let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
        Self {
            named: env::var_os("SLIPWAY_TERRAFORM").map(PathBuf::from),
            folders: env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect(),
            cache: cache.unwrap_or_else(env::temp_dir).join("slipway"),
            releases: env::var("SLIPWAY_TERRAFORM_RELEASES").unwrap_or_else(|_| RELEASES.to_owned()),
        }
    }

    /// The program, fetched if this machine has none.
    pub async fn find(&self) -> Result<PathBuf, Error> {
        if let Some(program) = self.installed()? {
            return Ok(program);
        }
        self.fetched(&platform())
            .await
            .map_err(|why| Error::Program(format!("there is no Terraform on PATH, and {why}: {INSTALL}")))
    }

    /// The program, if this machine has one.
    pub fn installed(&self) -> Result<Option<PathBuf>, Error> {
        if let Some(program) = &self.named {
            let version = version(program).ok_or_else(|| {
                Error::Program(format!(
                    "SLIPWAY_TERRAFORM names {}, which is no Terraform",
                    program.display()
                ))
            })?;
            tracing::info!(program = %program.display(), %version, "Terraform");
            return Ok(Some(program.clone()));
        }
        for (name, oldest) in &PROGRAMS {
            for program in self
                .folders
                .iter()
                .map(|folder| folder.join(name))
                .filter(|program| program.is_file())
            {
                match version(&program) {
                    Some(version) if version >= *oldest => return Ok(Some(program)),
                    Some(version) => {
                        tracing::warn!(
                            "{} is version {version}; Slipway needs {oldest} or later",
                            program.display()
                        );
                    }
                    None => tracing::warn!("{} does not say its version", program.display()),
                }
            }
        }
        let fetched = self.kept(&platform());
        Ok(fetched.is_file().then_some(fetched))
    }

    /// The folder in which the checks of blueprints keep providers.
    pub fn providers(&self) -> PathBuf {
        self.cache.join("providers")
    }

    /// Where the fetched release is kept.
    fn kept(&self, platform: &str) -> PathBuf {
        self.cache
            .join(format!("terraform-{RELEASE}-{platform}"))
            .join("terraform")
    }

    /// The pinned release for the builds' platform.
    pub async fn fetched_for(&self, platform: &str) -> Result<PathBuf, Error> {
        self.fetched(platform).await.map_err(|why| {
            Error::Program(format!(
                "{why}: where there is a network, get {RELEASES}/{RELEASE}/terraform_{RELEASE}_{platform}.zip, unpack it, and give the program \
                 in it with `--terraform FILE`; or set SLIPWAY_TERRAFORM_RELEASES to a mirror of {RELEASES}"
            ))
        })
    }

    /// The release in the cache, fetched if it is not there yet; or why that cannot be.
    async fn fetched(&self, platform: &str) -> Result<PathBuf, String> {
        let Some((_, checksum)) = CHECKSUMS.iter().find(|(name, _)| *name == platform) else {
            return Err(format!("there is none to fetch for {platform}"));
        };
        let program = self.kept(platform);
        if program.is_file() {
            return Ok(program);
        }
        let url = format!("{}/{RELEASE}/terraform_{RELEASE}_{platform}.zip", self.releases);
        let zip = download(&url)
            .await
            .map_err(|error| format!("{url} cannot be fetched ({error})"))?;
        let digest = Digest::of(&zip);
        if digest.hex() != *checksum {
            return Err(format!(
                "{url} is not the release that Slipway knows (its SHA-256 is {}, not {checksum}; nothing of it is kept)",
                digest.hex()
            ));
        }
        unpack(&zip, &program).map_err(|error| error.report())?;
        Ok(program)
    }
}

async fn download(url: &str) -> Result<Vec<u8>, reqwest::Error> {
    let answer = reqwest::get(url).await?.error_for_status()?;
    Ok(answer.bytes().await?.into())
}

/// Writes the program out of the zip under another name first, so that a half-written one is never found.
fn unpack(zip: &[u8], program: &Path) -> Result<(), Error> {
    let broken = |error: zip::result::ZipError| Error::Program(format!("the release's zip cannot be read: {error}"));
    let mut archive = zip::ZipArchive::new(Cursor::new(zip)).map_err(broken)?;
    let mut entry = archive.by_name("terraform").map_err(broken)?;
    let failed = Error::file("write", program);
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(failed)?;
    let folder = program.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    let temporary = folder.join(format!("terraform.{}", std::process::id()));
    fs::write(&temporary, bytes).map_err(failed)?;
    set_executable(&temporary).map_err(failed)?;
    fs::rename(&temporary, program).map_err(failed)
}

fn set_executable(file: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))
}

/// The version that a program says it has; none if it does not speak as Terraform does.
fn version(program: &Path) -> Option<Version> {
    #[derive(Deserialize)]
    struct Answer {
        // OpenTofu calls it so too.
        terraform_version: Version,
    }
    let output = Command::new(program)
        .args(["version", "-json"])
        .env("CHECKPOINT_DISABLE", "true")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    serde_json::from_slice::<Answer>(&output.stdout)
        .ok()
        .map(|answer| answer.terraform_version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    fn search(cache: &Path, releases: &str) -> Search {
        // As the program does at its start; it fails where another test has done so already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Search {
            named: None,
            folders: Vec::new(),
            cache: cache.to_owned(),
            releases: releases.to_owned(),
        }
    }

    fn program(folder: &Path, name: &str, version: &str) {
        let file = folder.join(name);
        fs::write(
            &file,
            format!("#!/bin/sh\necho '{{\"terraform_version\": \"{version}\"}}'\n"),
        )
        .expect("a file");
        set_executable(&file).expect("a program");
    }

    #[tokio::test]
    async fn one_on_path_is_taken_if_it_is_new_enough() {
        let folder = tempfile::tempdir().expect("a folder");
        program(folder.path(), "terraform", "1.5.7");
        program(folder.path(), "tofu", "1.10.0");
        let mut search = search(folder.path(), "http://127.0.0.1:1");
        search.folders = vec![folder.path().to_owned()];
        assert_eq!(search.find().await.expect("a program"), folder.path().join("tofu"));
        program(folder.path(), "terraform", "1.11.0");
        assert_eq!(search.find().await.expect("a program"), folder.path().join("terraform"));
    }

    #[tokio::test]
    async fn without_one_and_without_a_network_it_says_what_to_install() {
        let folder = tempfile::tempdir().expect("a folder");
        // Port 1 of this machine: nothing listens there.
        let error = search(folder.path(), "http://127.0.0.1:1")
            .find()
            .await
            .expect_err("no program");
        assert!(error.to_string().contains("install Terraform 1.11 or later"), "{error}");
    }

    /// Answers every request with these bytes.
    async fn serve(bytes: Vec<u8>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    bytes.len()
                );
                let _ = stream.write_all(head.as_bytes()).await;
                let _ = stream.write_all(&bytes).await;
            }
        });
        format!("http://{address}")
    }

    #[tokio::test]
    async fn what_is_not_the_known_release_is_not_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let server = serve(b"something else".to_vec()).await;
        let error = search(folder.path(), &server)
            .find()
            .await
            .expect_err("a wrong release");
        assert!(
            error.to_string().contains("not the release that Slipway knows"),
            "{error}"
        );
        assert!(
            fs::read_dir(folder.path()).expect("a folder").next().is_none(),
            "nothing is kept"
        );
    }

    #[test]
    fn the_program_in_a_zip_is_unpacked_to_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        writer
            .start_file("terraform", zip::write::SimpleFileOptions::default())
            .expect("an entry");
        writer
            .write_all(b"#!/bin/sh\necho '{\"terraform_version\": \"1.11.4\"}'\n")
            .expect("text");
        let zip = writer.finish().expect("a zip").into_inner();
        let program = folder.path().join("x").join("terraform");
        unpack(&zip, &program).expect("unpacked");
        assert_eq!(version(&program), Some(Version::new(1, 11, 4)));
    }
}
