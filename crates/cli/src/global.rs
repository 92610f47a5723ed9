//! The options of every command.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use crate::endpoint::Endpoint;
use crate::output::Format;
use crate::query::Query;

const EVERYWHERE: &str = "Options of every command";

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Address of the API, `https://…` [default: the local server of the data folder]
    #[arg(long, global = true, help_heading = EVERYWHERE, env = "SLIPWAY_ENDPOINT", value_name = "URL", value_hint = ValueHint::Url, value_parser = Endpoint::parse)]
    pub endpoint: Option<Endpoint>,
    /// Authentication method [default: `SLIPWAY_TOKEN`, then saved login, then AWS credentials]
    #[arg(long, global = true, help_heading = EVERYWHERE, env = "SLIPWAY_AUTH", value_enum, value_name = "METHOD")]
    pub auth: Option<Way>,
    /// AWS Region to sign requests for, if the API has a custom domain [default: `AWS_REGION`]
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub region: Option<String>,
    /// Folder with the data of local mode
    #[arg(long, global = true, help_heading = EVERYWHERE, env = "SLIPWAY_DATA", value_name = "FOLDER", default_value = ".slipway", value_hint = ValueHint::DirPath)]
    pub data: PathBuf,
    /// Profile in Slipway's `config.toml`, not an AWS profile [default: its `profile`]
    #[arg(long, global = true, help_heading = EVERYWHERE, env = "SLIPWAY_PROFILE", value_name = "NAME")]
    pub profile: Option<String>,
    /// Output format
    #[arg(long, global = true, help_heading = EVERYWHERE, value_enum, value_name = "FORMAT", default_value_t = Format::Table)]
    pub output: Format,
    /// The same as `--output json`
    #[arg(long, global = true, help_heading = EVERYWHERE, conflicts_with = "output")]
    pub json: bool,
    /// JMESPath filter of the JSON output, printed as plain text unless `--output` is given
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "EXPRESSION", value_parser = Query::parse)]
    pub query: Option<Query>,
}

impl Global {
    /// The form of the output.
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { self.output }
    }
}

/// Whether a command line that cannot be read asks for data, by its options alone.
pub fn asks_for_data(arguments: impl Iterator<Item = OsString>) -> bool {
    let is_data = |form: &str| Format::from_str(form, false).is_ok_and(|format| format != Format::Table);
    let mut is_form = false;
    for argument in arguments {
        let argument = argument.to_string_lossy();
        if is_form && is_data(&argument) {
            return true;
        }
        is_form = argument == "--output";
        match argument.as_ref() {
            "--" => return false,
            "--json" => return true,
            other if other.strip_prefix("--output=").is_some_and(is_data) => return true,
            _ => {}
        }
    }
    false
}

/// An authentication method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Way {
    /// Sign requests with the AWS credentials of the AWS CLI
    Iam,
    /// Send the token in `SLIPWAY_TOKEN` or of the saved login
    Token,
    /// Send no credentials
    None,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_asked_for_by_options_alone() {
        for (line, expected) in [
            ("stack lst --json", true),
            ("stack lst --output yaml", true),
            ("--output=json stack", true),
            ("stack lst --output table", false),
            ("stack lst --output", false),
            ("aws s3 -- --json", false),
            ("json --output=xml", false),
        ] {
            assert_eq!(asks_for_data(line.split(' ').map(OsString::from)), expected, "{line}");
        }
    }
}
