//! What a command prints: lines and tables for people, JSON for programs.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::OnceLock;

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use serde_json::Value;

use crate::error::Error;
use crate::harmless::{harmless, in_a_line};
use crate::query::{self, Query};

/// Why the query of this process failed on what it was to print.
static FAILED_QUERY: OnceLock<String> = OnceLock::new();

/// Set once it was noted that the query found nothing: notifications and lines of logs are printed one by one.
static FOUND_NOTHING: OnceLock<()> = OnceLock::new();

/// Why what it printed could not be written.
static FAILED_WRITE: OnceLock<String> = OnceLock::new();

/// Fails if not everything could be printed.
pub fn check() -> Result<(), Error> {
    is_written(io::stdout().flush());
    if let Some(reason) = FAILED_WRITE.get() {
        return Err(Error::Program(format!("failed to write the output: {reason}")));
    }
    let failed = FAILED_QUERY.get().map(|reason| {
        let text = format!("failed to evaluate the expression of `--query`: {reason}");
        Error::Usage(text)
    });
    failed.map_or(Ok(()), Err)
}

/// A form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines and tables for people
    #[value(alias = "text")]
    Table,
    /// JSON for programs
    Json,
    /// YAML for programs and people
    Yaml,
    /// SARIF 2.1.0, of the checks of blueprints and migrations
    Sarif,
}

/// Where a command's answer goes, and in which form.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    format: Format,
    /// What is printed of the data.
    query: Option<Query>,
    /// Whether that is printed as plain text.
    plain: bool,
    terminal: bool,
    colours: bool,
}

/// How a line looks on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    Bold,
    Faint,
    Red,
    Yellow,
    Green,
}

impl Style {
    /// The parameters of its escape sequence (ECMA-48, "select graphic rendition").
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Bold => Some("1"),
            Self::Faint => Some("2"),
            Self::Red => Some("31"),
            Self::Yellow => Some("33"),
            Self::Green => Some("32"),
        }
    }
}

/// A line for people. Its text may come from anywhere, and stays one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub style: Style,
    pub text: String,
}

impl Line {
    pub fn new(style: Style, text: String) -> Self {
        Self { style, text }
    }

    /// The line as it is printed: the only escape sequences are those of its own colour.
    fn shown(&self, colours: bool) -> String {
        let text = in_a_line(&self.text);
        match self.style.code().filter(|_| colours) {
            Some(code) => format!("\x1b[{code}m{text}\x1b[0m"),
            None => text,
        }
    }
}

impl Output {
    /// The standard output, in this form; of the data only what `query` finds. Its result is plain text where no form for programs
    /// is requested.
    pub fn new(format: Format, query: Option<Query>) -> Self {
        let terminal = io::stdout().is_terminal();
        // https://no-color.org: set to anything but nothing.
        let wants_none = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let plain = query.is_some() && format == Format::Table;
        Self {
            format: if plain { Format::Json } else { format },
            query,
            plain,
            terminal,
            colours: terminal && !wants_none,
        }
    }

    /// Whether lines may move: standard output is a terminal, and JSON was not requested.
    pub fn is_terminal(self) -> bool {
        self.terminal && !self.is_data()
    }

    /// Whether programs read: the answer is data, and nothing else is printed.
    pub fn is_data(self) -> bool {
        self.format != Format::Table
    }

    /// The form of the answer.
    pub fn format(self) -> Format {
        self.format
    }

    /// Prints a line for people; nothing where programs read.
    pub fn say(self, line: &str) {
        if !self.is_data() {
            print(line);
        }
    }

    /// Prints a note for people on standard error, apart from lines that a script may read; nothing where programs read.
    pub fn note(self, text: &str) {
        if !self.is_data() {
            let _ = writeln!(io::stderr(), "{}", harmless(text));
        }
    }

    /// Prints lines for people, in colours where a terminal takes them; nothing where programs read.
    pub fn lines(self, lines: &[Line]) {
        if !self.is_data() {
            let mut stdout = io::stdout().lock();
            for line in lines {
                if !is_written(writeln!(stdout, "{}", line.shown(self.colours))) {
                    return;
                }
            }
        }
    }

    /// Prints an answer: as it is for programs, as `people` shows it for people.
    pub fn answer(self, value: &Value, people: impl FnOnce(&Value) -> String) {
        if self.is_data() {
            self.data(value);
        } else {
            print(people(value).trim_end());
        }
    }

    /// Prints data for programs: JSON in a line, or spread out on a terminal; or YAML.
    pub fn data(self, value: &Value) {
        let found = self.query.map(|query| query.search(value));
        let value = match found.as_ref() {
            None => value,
            Some(Ok(found)) => found,
            Some(Err(reason)) => {
                let _ = FAILED_QUERY.set(reason.clone());
                return;
            }
        };
        if self.plain && query::is_nothing(value) {
            if FOUND_NOTHING.set(()).is_ok() {
                let _ = writeln!(io::stderr(), "note: the expression of `--query` found nothing");
            }
            return;
        }
        if self.plain {
            return print_data(&query::plain(value));
        }
        let text = match self.format {
            Format::Yaml => serde_yaml_ng::to_string(value).ok(),
            _ if self.terminal => serde_json::to_string_pretty(value).ok(),
            _ => None,
        };
        print_data(text.unwrap_or_else(|| value.to_string()).trim_end());
    }

    /// Prints a list: an array for programs, a table for people. A column is a heading and the path of its value.
    pub fn table(self, items: &[Value], columns: &[(&str, &str)], empty: &str) {
        if self.is_data() {
            self.data(&Value::from(items.to_vec()));
        } else if items.is_empty() {
            print(empty);
        } else {
            print(&table(items, columns, self.terminal.then(Timestamp::now)));
        }
    }
}

/// A table for people: plain columns, no frame, so that it can be cut and searched.
/// Times are relative to `now`, on a terminal.
fn table(items: &[Value], columns: &[(&str, &str)], now: Option<Timestamp>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|(heading, _)| heading.to_uppercase()));
    for item in items {
        table.add_row(columns.iter().map(|(_, path)| {
            let text = in_a_line(&text_at(item, path));
            match now.filter(|_| is_moment(path)) {
                Some(now) => relative(&text, now),
                None => text,
            }
        }));
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim().to_owned()).collect();
    lines.join("\n")
}

/// The value at a path like `stack.id`, as people read it.
pub fn text_at(value: &Value, path: &str) -> String {
    let found = path.split('.').try_fold(value, |value, part| value.get(part));
    match found {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) if is_moment(path) => text.parse().map_or_else(|_| text.clone(), moment),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// Whether the field of this path is a moment.
fn is_moment(path: &str) -> bool {
    ["at", "time"].contains(&path) || path.ends_with("_at")
}

/// A moment to the second: `2026-11-21T15:04:05Z`. It is cut, as logs cut theirs: a rounded cause could be later than its effect.
pub fn moment(moment: Timestamp) -> String {
    let seconds = TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Trunc);
    moment.round(seconds).unwrap_or(moment).to_string()
}

/// How long ago a moment is: `3 min ago`.
fn relative(moment: &str, now: Timestamp) -> String {
    let Ok(then) = moment.parse::<Timestamp>() else {
        return moment.to_owned();
    };
    match now.duration_since(then).as_secs() {
        ..0 => moment.to_owned(),
        seconds @ 0..60 => format!("{seconds} s ago"),
        seconds @ 60..3_600 => format!("{} min ago", seconds / 60),
        seconds @ 3_600..172_800 => format!("{} h ago", seconds / 3_600),
        seconds => format!("{} days ago", seconds / 86_400),
    }
}

/// Prints a text for people. A pipe gets no escapes either: it may lead to a pager, or to a file that is shown later.
fn print(text: &str) {
    write_line(&harmless(text));
}

/// Prints data for programs, which get it as it is.
fn print_data(text: &str) {
    if io::stdout().is_terminal() {
        print(text);
    } else {
        write_line(text);
    }
}

fn write_line(line: &str) {
    is_written(writeln!(io::stdout(), "{line}"));
}

/// Writes a document as it is.
pub fn write_document(bytes: &[u8]) {
    is_written(io::stdout().write_all(bytes));
}

/// Whether something was written. A reader that has gone away (`slipway … | head -1`) has all that it wanted; of every other failure,
/// the first is what the command ends with.
pub fn is_written(result: io::Result<()>) -> bool {
    match result {
        Ok(()) => true,
        Err(error) => {
            if error.kind() != ErrorKind::BrokenPipe {
                let _ = FAILED_WRITE.set(error.to_string());
            }
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn line_has_no_escapes_but_its_own_and_no_breaks() {
        let line = Line::new(Style::Red, "aws_a.b[\"\u{1b}[32mgreen\"]\nok".to_owned());
        let text = "aws_a.b[\"\\x1b[32mgreen\"]\\nok";
        assert_eq!(line.shown(true), format!("\u{1b}[31m{text}\u{1b}[0m"));
        assert_eq!(line.shown(false), text);
        assert_eq!(Line::new(Style::Plain, "a".to_owned()).shown(true), "a");
    }

    #[test]
    fn moment_is_cut_to_the_second() {
        for (given, shown) in [
            ("2026-11-30T04:44:46.707Z", "2026-11-30T04:44:46Z"),
            ("2026-11-30T04:44:46Z", "2026-11-30T04:44:46Z"),
        ] {
            assert_eq!(moment(given.parse().expect("a time")), shown);
        }
    }

    #[test]
    fn times_on_a_terminal_are_relative() {
        let now: Timestamp = "2026-11-21T15:04:05Z".parse().expect("a time");
        for (moment, expected) in [
            ("2026-11-21T15:04:00Z", "5 s ago"),
            ("2026-11-21T14:01:05Z", "1 h ago"),
            ("2026-11-21T14:59:05Z", "5 min ago"),
            ("2026-11-18T15:04:05Z", "3 days ago"),
            ("2026-11-21T15:04:06Z", "2026-11-21T15:04:06Z"),
            ("-", "-"),
        ] {
            assert_eq!(relative(moment, now), expected);
        }
    }

    #[test]
    fn a_table_has_a_line_an_item_and_a_dash_for_what_is_not_there() {
        assert_eq!(
            text_at(&json!({"time": "2026-11-21T15:04:05.123456789Z"}), "time"),
            "2026-11-21T15:04:05Z"
        );
        let items = [
            json!({"id": "a", "stack": {"name": "one"}, "created_at": "2026-11-21T15:04:05.123456789Z"}),
            json!({"id": "b", "stack": {"name": "two\nc"}}),
        ];
        let columns = [("id", "id"), ("stack", "stack.name"), ("requested", "created_at")];
        let text = table(&items, &columns, None);
        let words: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        let expected: [&[&str]; 3] = [
            &["ID", "STACK", "REQUESTED"],
            &["a", "one", "2026-11-21T15:04:05Z"],
            &["b", "two\\nc", "-"],
        ];
        assert_eq!(words, expected);
    }
}
