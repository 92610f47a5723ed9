//! `slipway blueprint init`: a blueprint to begin with.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use slipway_model::name::Name;

use crate::bundle::ABOUT;
use crate::error::Error;

/// The module. It needs no provider, so it works in local mode as it is.
const MAIN: &str = include_str!("init/main.tf");

/// What it is published as.
const DESCRIPTION: &str =
    "{\n  \"version\": \"0.1.0\",\n  \"description\": \"What stacks of this blueprint are for\"\n}\n";

/// Writes the files of a new blueprint into a folder of its name below `parent`; gives their paths.
pub fn init(name: &Name, parent: &Path) -> Result<Vec<PathBuf>, Error> {
    let folder = parent.join(name.as_str());
    fs::create_dir_all(&folder).map_err(Error::file("write", &folder))?;
    let files = [("main.tf", MAIN), (ABOUT, DESCRIPTION)].map(|(file, text)| (folder.join(file), text));
    if let Some((there, _)) = files.iter().find(|(path, _)| path.exists()) {
        return Err(Error::Usage(format!(
            "{} exists, and nothing was written: choose another name",
            there.display()
        )));
    }
    for (path, text) in &files {
        // A file that appears meanwhile is not overwritten.
        let written = fs::File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(Error::file("write", path))?;
    }
    Ok(files.map(|(path, _)| path).into())
}
