//! The commands that the program suggests.

use std::fmt::Write as _;
use std::sync::OnceLock;

use clap::ArgMatches;
use clap::parser::ValueSource;

/// The options that select the server and the way into it.
const REPEATED: [&str; 5] = ["endpoint", "auth", "region", "data", "profile"];

/// Those of this call, as a shell takes them.
static OPTIONS: OnceLock<String> = OnceLock::new();

/// Keeps the options of this call for the commands that it suggests: without them, these would reach another server.
pub fn repeat(matches: &ArgMatches) {
    let _ = OPTIONS.set(options(matches));
}

/// A command to type next.
pub fn command(words: &str) -> String {
    let options = OPTIONS.get().map_or("", String::as_str);
    format!("slipway{options} {words}")
}

/// What the environment or a file says, it says to the next command too.
fn options(matches: &ArgMatches) -> String {
    let mut options = String::new();
    for name in REPEATED {
        if matches.value_source(name) == Some(ValueSource::CommandLine) {
            for value in matches.get_raw(name).into_iter().flatten() {
                // Writing into a text never fails.
                let _ = write!(options, " --{name} {}", quoted(&value.to_string_lossy()));
            }
        }
    }
    options
}

/// A word as a shell takes it.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::parser;

    #[test]
    fn suggested_command_reaches_the_same_server() {
        let options_of = |arguments: &[&str]| {
            let matches = parser().try_get_matches_from([&["slipway"][..], arguments].concat());
            options(&matches.expect("a command line"))
        };
        assert_eq!(options_of(&["stack", "list"]), "");
        assert_eq!(
            options_of(&["--data", "it's here", "stack", "list", "--profile", "dev", "--json"]),
            " --data 'it'\\''s here' --profile dev"
        );
        assert_eq!(
            options_of(&["up", "--endpoint=http://127.0.0.1:4700"]),
            " --endpoint http://127.0.0.1:4700"
        );
        assert_eq!(command("env"), "slipway env");
    }
}
