//! Which program Terraform is: the checksum of its content.
//!
//! Neither its path nor its time will do: CodeBuild unpacks the toolchain into another folder for each build, with another
//! time. 90 MB take a tenth of a second to read, so a checksum is remembered for as long as the file is the same one.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use slipway_model::name::Digest;

use crate::error::Error;
use crate::work_folder::write_private;

/// Where checksums are remembered on this machine, below the cache.
const REMEMBERED: &str = "programs";

/// The checksum of a program's content.
pub(crate) fn checksum(program: &Path, cache: &Path) -> Result<String, Error> {
    let failed = |source| Error::File {
        action: "read",
        path: program.to_owned(),
        source,
    };
    let mut file = File::open(program).map_err(failed)?;
    let note = cache
        .join(REMEMBERED)
        .join(same_file(&file.metadata().map_err(failed)?));
    if let Some(known) = remembered(&note) {
        return Ok(known);
    }
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => break,
            read => hash.update(&buffer[..read]),
        }
    }
    let checksum = hex::encode(hash.finalize());
    remember(&note, &checksum);
    Ok(checksum)
}

/// The name under which the checksum of this very file is remembered. A write to the file, or another file in its place,
/// changes at least the time at which the file system saw it change, which no program can set.
fn same_file(metadata: &Metadata) -> String {
    let facts = [
        metadata.dev().to_string(),
        metadata.ino().to_string(),
        metadata.len().to_string(),
        format!("{}.{}", metadata.mtime(), metadata.mtime_nsec()),
        format!("{}.{}", metadata.ctime(), metadata.ctime_nsec()),
    ];
    Digest::of(facts.join(" ").as_bytes()).hex().to_owned()
}

fn remembered(note: &Path) -> Option<String> {
    let known = std::fs::read_to_string(note).ok()?;
    let whole = known.len() == 64 && known.bytes().all(|byte| byte.is_ascii_hexdigit());
    whole.then_some(known)
}

/// Remembers a checksum. Without it the next build computes it again.
fn remember(note: &Path, checksum: &str) {
    if let Some(folder) = note.parent()
        && std::fs::create_dir_all(folder).is_ok()
    {
        let _ = write_private(note, checksum.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_follows_the_content_and_not_the_path() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = folder.path().join("cache");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("one"), "the program").expect("a file");
        let first = checksum(&at("one"), &cache).expect("a checksum");
        assert_eq!(first, Digest::of(b"the program").hex());
        std::fs::create_dir(at("src123")).expect("a folder");
        std::fs::copy(at("one"), at("src123/moved")).expect("a copy");
        assert_eq!(checksum(&at("src123/moved"), &cache).expect("a checksum"), first);
        // Of the same size, in the same place, and remembered.
        std::fs::write(at("one"), "THE PROGRAM").expect("a file");
        assert_ne!(checksum(&at("one"), &cache).expect("a checksum"), first);
    }

    #[test]
    fn a_broken_note_is_not_believed() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("program");
        std::fs::write(&program, "x").expect("a file");
        let note = folder
            .path()
            .join(REMEMBERED)
            .join(same_file(&program.metadata().expect("metadata")));
        std::fs::create_dir_all(note.parent().expect("a folder")).expect("a folder");
        std::fs::write(&note, "half").expect("a note");
        assert_eq!(
            checksum(&program, folder.path()).expect("a checksum"),
            Digest::of(b"x").hex()
        );
        assert_eq!(remembered(&note).as_deref(), Some(Digest::of(b"x").hex()));
    }
}
