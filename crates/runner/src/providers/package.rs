//! A provider's package: a zip with its program, and the checksum of what is in it.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Cursor, Read, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

/// Why a package is of no use.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// It is no zip.
    #[error("it is no zip that can be read: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// It has a file that would be written elsewhere.
    #[error("it has a file {0:?}, which leads out of its folder")]
    Path(String),
    /// It has a link.
    #[error("{0} in it is a link")]
    Link(String),
    /// It could not be read or written.
    #[error("{0}: {1}")]
    File(String, io::Error),
}

/// The platform of this machine as Terraform names it.
pub fn platform() -> String {
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let processor = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{system}_{processor}")
}

/// The checksum of files by name, as Terraform's lock files have it (`h1:`): of the list of their checksums.
fn checksum(files: &BTreeMap<String, String>) -> String {
    let mut list = Sha256::new();
    for (name, hash) in files {
        list.update(format!("{hash}  {name}\n"));
    }
    format!("h1:{}", STANDARD.encode(list.finalize()))
}

/// Copies from one to the other; gives the checksum of what was copied.
fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(hex::encode(hash.finalize()));
        }
        hash.update(&buffer[..read]);
        to.write_all(&buffer[..read])?;
    }
}

/// Reads every file of a zip with `take`, which gives its checksum; gives the package's.
fn each_file(
    zip: impl Read + Seek,
    mut take: impl FnMut(&Path, &mut dyn Read, u32) -> Result<String, Broken>,
) -> Result<String, Broken> {
    let mut archive = ZipArchive::new(zip)?;
    let mut files = BTreeMap::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        if entry.is_dir() {
            continue;
        }
        let name = entry.name()?.into_owned();
        if entry.is_symlink() {
            return Err(Broken::Link(name));
        }
        let path = entry.enclosed_name().ok_or_else(|| Broken::Path(name.clone()))?;
        let mode = entry.unix_mode().unwrap_or(0o755);
        files.insert(name, take(&path, &mut entry, mode)?);
    }
    Ok(checksum(&files))
}

/// The checksum of what is in a zip.
pub fn checksum_of_zip(zip: impl Read + Seek) -> Result<String, Broken> {
    each_file(zip, |path, mut file, _| {
        copy(&mut file, &mut io::sink()).map_err(|error| Broken::File(path.display().to_string(), error))
    })
}

/// Unpacks a zip into a folder, which is made; gives the checksum of what was written.
pub fn unpack(zip: impl Read + Seek, folder: &Path) -> Result<String, Broken> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error| Broken::File(path, error)
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    each_file(zip, |path, mut file, mode| {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed(parent))?;
        }
        let options = OpenOptions::new()
            .write(true)
            .create_new(true)
            // Terraform may be another user.
            .mode(if mode & 0o100 == 0 { 0o644 } else { 0o755 })
            .open(&path);
        let mut written = options.map_err(failed(&path))?;
        copy(&mut file, &mut written).map_err(failed(&path))
    })
}

/// Packs an unpacked package, the same files always into the same zip; gives its checksum too.
pub fn pack(folder: &Path) -> Result<(Vec<u8>, String), Broken> {
    let mut found = Vec::new();
    list(folder, Path::new(""), &mut found)?;
    found.sort();
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let mut files = BTreeMap::new();
    for relative in found {
        let path = folder.join(&relative);
        let failed = |error| Broken::File(path.display().to_string(), error);
        let mut file = File::open(&path).map_err(failed)?;
        let executable = file.metadata().map_err(failed)?.permissions().mode() & 0o100 != 0;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .large_file(true)
            .unix_permissions(if executable { 0o755 } else { 0o644 });
        let name = relative.to_string_lossy().into_owned();
        writer.start_file(&name, options)?;
        let hash = copy(&mut file, &mut writer).map_err(failed)?;
        files.insert(name, hash);
    }
    Ok((writer.finish()?.into_inner(), checksum(&files)))
}

/// The files below a folder.
fn list(folder: &Path, below: &Path, found: &mut Vec<PathBuf>) -> Result<(), Broken> {
    let current = folder.join(below);
    let failed = |error| Broken::File(current.display().to_string(), error);
    for entry in fs::read_dir(&current).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let relative = below.join(entry.file_name());
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_symlink() {
            return Err(Broken::Link(entry.path().display().to_string()));
        } else if kind.is_dir() {
            list(folder, &relative, found)?;
        } else {
            found.push(relative);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("terraform-provider-x_v1.0.0");
        fs::write(&program, "#!/bin/sh\n").expect("a file");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a program");
        fs::create_dir(folder.path().join("docs")).expect("a folder");
        fs::write(folder.path().join("docs/LICENSE"), "MPL").expect("a file");
        folder
    }

    #[test]
    fn unpacked_package_is_unchanged_and_has_one_checksum() {
        let (zip, checksum) = pack(package().path()).expect("a zip");
        assert_eq!(
            zip,
            pack(package().path()).expect("a zip").0,
            "the same files are the same zip"
        );
        assert_eq!(checksum_of_zip(Cursor::new(&zip)).expect("a checksum"), checksum);
        let copy = tempfile::tempdir().expect("a folder");
        let place = copy.path().join("a/b");
        assert_eq!(unpack(Cursor::new(&zip), &place).expect("unpacked"), checksum);
        let mode = |file: &str| fs::metadata(place.join(file)).expect("a file").permissions().mode() & 0o777;
        assert_eq!(
            (mode("terraform-provider-x_v1.0.0"), mode("docs/LICENSE")),
            (0o755, 0o644)
        );
    }

    #[test]
    fn the_checksum_is_terraforms() {
        // As `sha256sum | sha256sum` of the documentation of Go's `dirhash`: "hash  name\n" for each file, hashed again.
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("a"), "").expect("a file");
        let (_, checksum) = pack(folder.path()).expect("a zip");
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let expected = STANDARD.encode(Sha256::digest(format!("{empty}  a\n")));
        assert_eq!(checksum, format!("h1:{expected}"));
    }

    #[test]
    fn nothing_is_written_elsewhere() {
        let zip_with = |name: &str| {
            let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
            writer.start_file(name, SimpleFileOptions::default()).expect("an entry");
            writer.finish().expect("a zip")
        };
        for name in ["../out", "a/../../out", "/out"] {
            let folder = tempfile::tempdir().expect("a folder");
            let place = folder.path().join("in");
            let _ = unpack(zip_with(name), &place);
            assert!(
                !folder.path().join("out").exists() && !Path::new("/out").exists(),
                "{name}"
            );
        }
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer
            .add_symlink("link", "/etc", SimpleFileOptions::default())
            .expect("an entry");
        let zip = writer.finish().expect("a zip");
        let folder = tempfile::tempdir().expect("a folder");
        assert!(matches!(unpack(zip, &folder.path().join("in")), Err(Broken::Link(_))));
        assert!(matches!(
            unpack(Cursor::new(b"no zip"), folder.path()),
            Err(Broken::Zip(_))
        ));
    }
}
