//! The token that callers of both ports have to know, where `--require-token` says so: other users of this machine do not.
//!
//! It is in a file that the owner of the data folder alone can read. Callers of the API send it as a bearer token, or as the
//! password that a browser asks for. Callers of the local AWS sign with it as their session token, so that every SDK and the AWS
//! CLI send it without further ado.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The file below the data folder.
pub const TOKEN_FILE: &str = "token";

/// The token of a data folder, which is made where there is none.
pub(super) fn of(data: &Path) -> io::Result<String> {
    let path = data.join(TOKEN_FILE);
    match fs::read_to_string(&path) {
        Ok(token) if token.len() >= 32 => return Ok(token),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let token = format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
    // Written aside: a file of this name that others can read would stay readable.
    let draft = data.join(format!("{TOKEN_FILE}.new"));
    let _ = fs::remove_file(&draft);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(token.as_bytes())?;
    fs::rename(draft, path)?;
    Ok(token)
}

/// Removes the token of a server that asks for none.
pub(super) fn remove(data: &Path) -> io::Result<()> {
    match fs::remove_file(data.join(TOKEN_FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_token_stays_until_it_is_removed_and_its_owner_alone_reads_it() {
        let data = tempfile::tempdir().expect("a folder");
        let token = of(data.path()).expect("a token");
        assert_eq!(token.len(), 64);
        assert_eq!(of(data.path()).expect("the token"), token);
        let mode = fs::metadata(data.path().join(TOKEN_FILE))
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        remove(data.path()).expect("removes");
        remove(data.path()).expect("removes nothing");
        assert_ne!(of(data.path()).expect("another token"), token);
    }
}
