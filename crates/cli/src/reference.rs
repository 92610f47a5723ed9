//! The reference of the command line, `docs/cli.md`, and its man pages: both are made from what `--help` is made from.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use clap::{Arg, ArgAction, Command, CommandFactory};

use crate::args::{Cli, EXIT_CODES};
use crate::error::Error;

/// The page in Markdown.
pub fn markdown() -> String {
    let mut root = Cli::command();
    root.build();
    let mut page = String::from(
        "# The command line\n\n\
         This page is generated from the program: `slipway reference` prints it. `slipway man FOLDER` writes the same as man pages,\n\
         `slipway completion SHELL` prints a completion script. Environment variables are in [environment.md](environment.md).\n\n\
         On a terminal, commands that start an operation watch it to its end (`--no-wait`), `stack destroy` asks for the name of the\n\
         stack (`--yes`), and `approve` shows the approval sheet and asks. Where the output is not a terminal, nothing waits and nothing\n\
         asks, unless an option says so.\n\n## Options of every command\n\n",
    );
    let global: Vec<&Arg> = root.get_arguments().filter(|arg| arg.is_global_set()).collect();
    options(&mut page, &global);
    page.push_str("\n## Exit codes\n\n| code | meaning |\n| --- | --- |\n");
    for line in EXIT_CODES.lines().skip(1) {
        if let Some((code, meaning)) = line.trim().split_once("  ") {
            let _ = writeln!(page, "| {code} | {} |", meaning.trim());
        }
    }
    for command in root.get_subcommands().filter(|command| is_shown(command)) {
        section(&mut page, command, "slipway");
    }
    page
}

fn is_shown(command: &Command) -> bool {
    command.get_name() != "help" && !command.is_hide_set()
}

fn section(page: &mut String, command: &Command, parent: &str) {
    let name = format!("{parent} {}", command.get_name());
    let inner: Vec<&Command> = command.get_subcommands().filter(|command| is_shown(command)).collect();
    let mark = if parent == "slipway" { "##" } else { "###" };
    // Writing into a text never fails.
    let _ = writeln!(page, "\n{mark} {name}\n");
    if let Some(about) = command.get_about() {
        let _ = writeln!(page, "{about}.");
    }
    if inner.is_empty() {
        let mut usage = command.clone();
        let usage = usage.render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ");
        let _ = writeln!(page, "\n```text\n{usage}\n```");
        let own: Vec<&Arg> = command.get_arguments().filter(|arg| !arg.is_global_set()).collect();
        if own.iter().any(|arg| is_documented(arg)) {
            page.push('\n');
            options(page, &own);
        }
    }
    for command in inner {
        section(page, command, &name);
    }
}

fn is_documented(arg: &Arg) -> bool {
    !arg.is_hide_set() && !["help", "version"].contains(&arg.get_id().as_str())
}

fn options(page: &mut String, args: &[&Arg]) {
    page.push_str("| option | meaning |\n| --- | --- |\n");
    for arg in args.iter().filter(|arg| is_documented(arg)) {
        let values = arg.get_value_names().unwrap_or_default();
        let values: Vec<String> = values.iter().map(|value| format!("<{value}>")).collect();
        let takes = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
        let name = match (arg.get_short(), arg.get_long()) {
            (Some(short), Some(long)) => format!("-{short}, --{long}"),
            (None, Some(long)) => format!("--{long}"),
            _ => String::new(),
        };
        let name = match (name.is_empty(), takes) {
            (true, _) => values.join(" "),
            (false, true) => format!("{name} {}", values.join(" ")),
            (false, false) => name,
        };
        let mut meaning = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let possible: Vec<String> = arg
            .get_possible_values()
            .iter()
            .filter(|_| takes)
            .map(|value| format!("`{}`", value.get_name()))
            .collect();
        if !possible.is_empty() {
            let _ = write!(meaning, ": {}", possible.join(", "));
        }
        let defaults = arg.get_default_values().iter().map(|value| value.to_string_lossy());
        let defaults: Vec<_> = defaults.collect();
        if takes && !defaults.is_empty() {
            let _ = write!(meaning, " [default: {}]", defaults.join(", "));
        }
        if let Some(variable) = arg.get_env() {
            let _ = write!(meaning, " [`{}`]", variable.to_string_lossy());
        }
        let cell = |text: &str| {
            text.replace('|', "\\|")
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        };
        let _ = writeln!(page, "| `{name}` | {} |", cell(&meaning));
    }
}

/// Writes a man page for each command into a folder; gives how many there are.
pub fn man(folder: &Path) -> Result<usize, Error> {
    let mut root = Cli::command();
    root.build();
    let failed = Error::file("write man pages into", folder);
    fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(root, folder).map_err(failed)?;
    Ok(fs::read_dir(folder).map_err(failed)?.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_is_the_one_of_this_program() {
        let committed = include_str!("../../../docs/cli.md");
        assert!(
            markdown() == committed,
            "docs/cli.md is not of this version: write it anew with `cargo run -- reference > docs/cli.md`"
        );
    }

    #[test]
    fn every_command_has_a_man_page() {
        let folder = tempfile::tempdir().expect("a folder");
        let pages = man(folder.path()).expect("man pages");
        let page = fs::read_to_string(folder.path().join("slipway-stack-create.1")).expect("a page");
        assert!(pages > 50 && page.contains("blueprint"), "{pages}");
    }
}
