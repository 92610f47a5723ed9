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
         stack (`--yes`), and `approve` shows the approval sheet and asks. In scripts and CI, commands return as soon as the request is\n\
         accepted, and ask nothing. Add `--wait` to wait for the result, `--yes` to `stack destroy`, and `--sheet` to `approve`.\n\n\
         With `--json`, a list is one array of all items: `slipway stack list --json | jq '.[].name'`. The API gives a list in pages,\n\
         which are objects with `items`. If `--query` finds nothing, a note on standard error says so, and nothing is printed. With\n\
         `--json`, it prints `null` or `[]`.\n\n## Options of every command\n\n",
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
    let aliases: Vec<String> = command
        .get_visible_aliases()
        .map(|alias| format!("`{alias}`"))
        .collect();
    if !aliases.is_empty() {
        let _ = writeln!(page, "\nAlso: {}.", aliases.join(", "));
    }
    if inner.is_empty() {
        let mut usage = command.clone();
        let usage = usage.render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ");
        let _ = writeln!(page, "\n```text\n{usage}\n```");
    }
    // A group has options too, which come before the command in it.
    let own: Vec<&Arg> = command.get_arguments().filter(|arg| !arg.is_global_set()).collect();
    if own.iter().any(|arg| is_documented(arg)) {
        page.push('\n');
        options(page, &own);
    }
    for command in inner {
        section(page, command, &name);
    }
}

/// An option of the command, and not one that clap adds to each.
fn is_documented(arg: &Arg) -> bool {
    let is_of_clap = matches!(
        arg.get_action(),
        ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
    );
    !arg.is_hide_set() && !is_of_clap
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
    fn every_option_with_a_value_is_documented() {
        fn check(page: &str, command: &Command, name: &str) {
            let begin = page.find(&format!("# {name}\n")).map_or(0, |begin| begin + 1);
            let section = page[begin..].split("\n## ").next().unwrap_or_default();
            let section = section.split("\n### ").next().unwrap_or_default();
            for arg in command
                .get_arguments()
                .filter(|arg| !arg.is_global_set() && !arg.is_hide_set())
            {
                if let (Some(long), ArgAction::Set | ArgAction::Append) = (arg.get_long(), arg.get_action()) {
                    assert!(section.contains(&format!("--{long} <")), "{name} --{long}: {section}");
                }
            }
            for inner in command.get_subcommands().filter(|command| is_shown(command)) {
                check(page, inner, &format!("{name} {}", inner.get_name()));
            }
        }
        let mut root = Cli::command();
        root.build();
        let page = markdown();
        for command in root.get_subcommands().filter(|command| is_shown(command)) {
            check(&page, command, &format!("slipway {}", command.get_name()));
        }
    }

    /// The commands of a page's code, each from `slipway` to the end of its words.
    fn commands(page: &str) -> Vec<String> {
        let page = page.replace("\\\n", " ");
        let mut is_code = false;
        let code = page.lines().filter(|line| {
            let is_fence = line.trim_start().starts_with("```");
            is_code ^= is_fence;
            is_code && !is_fence
        });
        let lines: Vec<&str> = code.collect();
        let mut found = Vec::new();
        for line in lines {
            for (at, _) in line.match_indices("slipway ") {
                // Elsewhere it is a name, such as that of a table.
                let before = line[..at].split_whitespace().next_back().unwrap_or_default();
                let begins = ["", "$", "-", "|", "&&", ";", "then"].contains(&before) || before.ends_with("$(");
                if begins {
                    let command = line[at..].split(['|', ')', ';', '#', '&', '>', '`']).next();
                    found.extend(command.map(str::to_owned));
                }
            }
        }
        found
    }

    /// The first word that the program does not know as a command or an option.
    fn unknown<'a>(root: &Command, words: &mut impl Iterator<Item = &'a str>) -> Option<&'a str> {
        let (mut command, mut is_value) = (root, false);
        for word in words {
            if let Some(option) = word.strip_prefix("--").filter(|option| !option.is_empty()) {
                let (name, value) = option
                    .split_once('=')
                    .map_or((option, None), |(name, value)| (name, Some(value)));
                let known = [command, root].into_iter().flat_map(Command::get_arguments);
                let mut known = known.filter(|arg| arg.get_long() == Some(name));
                let Some(arg) = known.next() else { return Some(word) };
                let takes = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
                is_value = takes && value.is_none();
            } else if is_value {
                is_value = false;
            } else if command.has_subcommands() && word.starts_with(|first: char| first.is_ascii_lowercase()) {
                match command.find_subcommand(word) {
                    Some(inner) => command = inner,
                    None => return Some(word),
                }
            }
        }
        None
    }

    #[test]
    fn commands_in_the_documentation_exist() {
        let mut root = Cli::command();
        root.build();
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let pages = fs::read_dir(top.join("docs"))
            .expect("a folder")
            .map(|page| page.expect("a page").path());
        let pages = pages.filter(|page| page.extension().is_some_and(|end| end == "md"));
        let (mut checked, mut wrong) = (0, Vec::new());
        for page in pages.chain([top.join("README.md")]) {
            for command in commands(&fs::read_to_string(&page).expect("a page")) {
                checked += 1;
                if let Some(word) = unknown(&root, &mut command.split_whitespace().skip(1)) {
                    wrong.push(format!("{}: {word} in {command}", page.display()));
                }
            }
        }
        assert!(checked > 100 && wrong.is_empty(), "{checked}: {wrong:#?}");
        let mut words = "stack list --nope".split_whitespace();
        assert_eq!(unknown(&root, &mut words), Some("--nope"));
    }

    #[test]
    fn every_command_has_a_man_page() {
        let folder = tempfile::tempdir().expect("a folder");
        let pages = man(folder.path()).expect("man pages");
        let page = fs::read_to_string(folder.path().join("slipway-stack-create.1")).expect("a page");
        assert!(pages > 50 && page.contains("blueprint"), "{pages}");
    }
}
