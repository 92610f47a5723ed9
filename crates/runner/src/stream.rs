//! Terraform's `-json` stream: one message a line, in a closed list of types that its version numbers.
//!
//! The types are those of Terraform 1.11 and OpenTofu 1.10 (`ui` 1.2). A later one of the same major version may add types
//! and fields. Fields are ignored, as the format asks for
//! (<https://developer.hashicorp.com/terraform/internals/machine-readable-ui>). A type is reported by its name: in an apply it is
//! ignored, in a plan it may be a change, so that the plan needs an approval.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};

use serde::Deserialize;
use serde_json::Value;

/// The major version of the stream that is understood.
pub(crate) const UI_MAJOR: &str = "1";

/// One message of the stream.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Message {
    Version(Version),
    Diagnostic {
        diagnostic: Diagnostic,
    },
    PlannedChange {
        change: Change,
    },
    ResourceDrift {
        change: Change,
    },
    ChangeSummary {
        changes: Changes,
    },
    Outputs {
        outputs: BTreeMap<String, Output>,
    },
    ApplyStart {
        hook: Hook,
    },
    ApplyProgress {
        hook: Hook,
    },
    ApplyComplete {
        hook: Hook,
    },
    ApplyErrored {
        hook: Hook,
    },
    ProvisionStart {
        hook: Hook,
    },
    ProvisionProgress {
        hook: Hook,
    },
    ProvisionComplete {
        hook: Hook,
    },
    ProvisionErrored {
        hook: Hook,
    },
    RefreshStart {
        hook: Hook,
    },
    RefreshComplete {
        hook: Hook,
    },
    EphemeralOpStart {
        hook: Hook,
    },
    EphemeralOpProgress {
        hook: Hook,
    },
    EphemeralOpComplete {
        hook: Hook,
    },
    EphemeralOpErrored {
        hook: Hook,
    },
    StateLockAcquire,
    StateLockRelease,
    InitOutput,
    Log,
    #[serde(other)]
    Unknown,
}

/// The first message: who writes the stream.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Version {
    /// Terraform's version, where it is Terraform.
    pub(crate) terraform: Option<String>,
    /// OpenTofu's version, where it is OpenTofu.
    pub(crate) tofu: Option<String>,
    /// The version of the stream.
    pub(crate) ui: String,
}

/// An error or a warning.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Diagnostic {
    pub(crate) severity: Severity,
    pub(crate) summary: String,
    #[serde(default)]
    pub(crate) detail: String,
    /// The resource that it is about.
    pub(crate) address: Option<String>,
    /// The place in the blueprint.
    pub(crate) range: Option<Range>,
    snippet: Option<Snippet>,
}

/// The source at that place.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Snippet {
    context: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    Error,
    Warning,
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Range {
    pub(crate) filename: String,
    pub(crate) start: Position,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Position {
    pub(crate) line: u64,
}

impl Diagnostic {
    /// The head of the block of the blueprint that it is about, such as `output "web"`.
    pub(crate) fn block(&self) -> Option<&str> {
        self.snippet.as_ref()?.context.as_deref()
    }

    /// The text and its place, without the values in the snippet, which may be confidential.
    pub(crate) fn text(&self) -> String {
        let mut text = self.summary.trim_end().to_owned();
        if !self.detail.is_empty() {
            text.push_str(": ");
            text.push_str(self.detail.trim_end());
        }
        let file = self
            .range
            .as_ref()
            .map(|range| format!("{}:{}", range.filename, range.start.line));
        let places: Vec<String> = file.into_iter().chain(self.address.clone()).collect();
        if !places.is_empty() {
            text = format!("{text} ({})", places.join(", "));
        }
        text
    }
}

/// What is planned for one resource.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Change {
    pub(crate) resource: Resource,
    /// `noop`, `move`, `create`, `read`, `update`, `replace`, `delete`, `import` or `remove`. An import or a move shows here
    /// only where nothing else changes.
    pub(crate) action: String,
    /// Of a resource that is imported.
    pub(crate) importing: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Resource {
    pub(crate) addr: String,
}

/// How many resources are changed, or were: the message with which Terraform ends a plan or an apply. A replacement counts as
/// added and removed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Changes {
    /// `plan`, `apply` or `destroy`.
    pub(crate) operation: String,
    pub(crate) add: u64,
    pub(crate) change: u64,
    pub(crate) remove: u64,
    #[serde(default)]
    pub(crate) import: u64,
}

/// What happens to one resource.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Hook {
    pub(crate) resource: Resource,
    pub(crate) action: Option<String>,
    pub(crate) elapsed_seconds: Option<f64>,
    /// The attribute that has the id of the resource.
    pub(crate) id_key: Option<String>,
    /// The id of the resource, once it has one.
    pub(crate) id_value: Option<String>,
    pub(crate) provisioner: Option<String>,
    pub(crate) output: Option<String>,
}

/// A root output: what is planned for it, or its value after an apply. A sensitive one comes without its value.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Output {
    #[serde(default)]
    pub(crate) sensitive: bool,
    pub(crate) action: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) value: Option<Value>,
}

/// `null` is a value too, and not the same as none.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// A line of Terraform's standard output.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Line {
    /// A message.
    Message(Box<Message>),
    /// A message of a type that is not known, or not in this shape: its type.
    Unknown(String),
    /// A message that is not whole: the disk was full when it was written, or the program was killed.
    Cut,
    /// Something else: a few texts of `init` are not in JSON, nor is what a crash prints.
    Text(String),
}

impl Line {
    /// Reads a line. It never fails: what is not a message is a text.
    pub(crate) fn parse(line: &str) -> Self {
        match serde_json::from_str(line) {
            Ok(Message::Unknown) => Self::unknown(line),
            Ok(message) => Self::Message(Box::new(message)),
            Err(_) if line.starts_with('{') => Self::unknown(line),
            Err(_) => Self::Text(line.to_owned()),
        }
    }

    fn unknown(line: &str) -> Self {
        #[derive(Deserialize)]
        struct Typed {
            #[serde(rename = "type")]
            kind: String,
        }
        serde_json::from_str(line).map_or(Self::Cut, |Typed { kind }| Self::Unknown(kind))
    }
}

/// How much of a growing file is read at once: a provisioner may write more than fits into memory.
const CHUNK: usize = 1 << 20;

/// The longest line that is read. A message with the outputs or with a value of a resource may be long.
const LONGEST: usize = 64 << 20;

/// The lines of a growing file that another process writes.
#[derive(Debug)]
pub(crate) struct Tail {
    file: File,
    /// What was read after the last line break.
    rest: Vec<u8>,
    /// Whether the beginning of that line was dropped, because it is too long.
    dropped: bool,
    longest: usize,
}

impl Tail {
    /// Reads `file` from its beginning.
    pub(crate) fn new(file: File) -> Self {
        Self {
            file,
            rest: Vec::new(),
            dropped: false,
            longest: LONGEST,
        }
    }

    /// The lines that the next part of the file completes; `None` where there is no more of it now.
    pub(crate) fn lines(&mut self) -> io::Result<Option<Vec<Line>>> {
        let before = self.rest.len();
        let read = self.file.by_ref().take(CHUNK as u64).read_to_end(&mut self.rest)?;
        if read == 0 {
            return Ok(None);
        }
        let end = self.rest[before..].iter().rposition(|&byte| byte == b'\n');
        let mut lines = Vec::new();
        if let Some(end) = end {
            let text: Vec<u8> = self.rest.drain(..=before + end).collect();
            let mut texts = text.split(|&byte| byte == b'\n');
            if std::mem::take(&mut self.dropped) {
                texts.next();
                lines.push(Line::Cut);
            }
            let whole = texts.filter(|line| !line.is_empty());
            lines.extend(whole.map(|line| Line::parse(&String::from_utf8_lossy(line))));
        }
        if self.rest.len() > self.longest {
            self.rest.clear();
            self.dropped = true;
        }
        Ok(Some(lines))
    }

    /// The text after the last line break, when no process writes any more.
    pub(crate) fn rest(self) -> Option<Line> {
        if self.dropped {
            return Some(Line::Cut);
        }
        (!self.rest.is_empty()).then(|| Line::parse(&String::from_utf8_lossy(&self.rest)))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_message_is_read_and_an_unknown_one_is_not_an_error() {
        let line = r#"{"@level":"info","type":"planned_change","change":{"resource":{"addr":"a.b[\"x\"]","module":""},"action":"create"}}"#;
        let Line::Message(message) = Line::parse(line) else {
            panic!("not a message")
        };
        let Message::PlannedChange { change } = *message else {
            panic!("{message:?}")
        };
        assert_eq!(
            (change.resource.addr.as_str(), change.action.as_str()),
            ("a.b[\"x\"]", "create")
        );
        for (kind, unknown) in [
            ("action_start", r#"{"type":"action_start","hook":{}}"#),
            ("apply_start", r#"{"type":"apply_start","hook":"of another shape"}"#),
        ] {
            assert_eq!(Line::parse(unknown), Line::Unknown(kind.to_owned()), "{unknown}");
        }
        // A write that a full disk cut short, alone and with the next message after it.
        assert_eq!(Line::parse(&line[..90]), Line::Cut);
        assert_eq!(Line::parse(&format!("{}{line}", &line[..90])), Line::Cut);
        assert_eq!(Line::parse("panic: x"), Line::Text("panic: x".to_owned()));
    }

    #[test]
    fn an_output_that_is_null_is_not_one_without_a_value() {
        let read = |text: &str| serde_json::from_str::<Output>(text).expect("an output").value;
        assert_eq!(read(r#"{"sensitive":false,"value":null}"#), Some(Value::Null));
        assert_eq!(read(r#"{"sensitive":true}"#), None);
    }

    #[test]
    fn a_line_is_read_when_it_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("stream");
        let mut writer = File::create(&path).expect("a file");
        let mut tail = Tail::new(File::open(&path).expect("the file"));
        write!(writer, "{{\"type\":\"lo").expect("half a line");
        assert_eq!(tail.lines().expect("lines"), Some(vec![]));
        write!(writer, "g\"}}\nrest").expect("the other half");
        let log = Line::Message(Box::new(Message::Log));
        assert_eq!(tail.lines().expect("lines"), Some(vec![log]));
        assert_eq!(tail.lines().expect("lines"), None);
        assert_eq!(tail.rest(), Some(Line::Text("rest".to_owned())));
    }

    #[test]
    fn large_stream_is_read_in_parts() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("stream");
        let line = format!("{}\n", "x".repeat(999));
        std::fs::write(&path, line.repeat(8 * CHUNK / line.len())).expect("a file");
        let mut tail = Tail::new(File::open(&path).expect("the file"));
        let mut read = 0;
        while let Some(lines) = tail.lines().expect("lines") {
            assert!(
                lines.len() * line.len() <= CHUNK + line.len(),
                "{} lines at once",
                lines.len()
            );
            assert!(tail.rest.len() < line.len() && tail.rest.capacity() <= 4 * CHUNK);
            read += lines.len();
        }
        assert_eq!(read, 8 * CHUNK / line.len());
    }

    #[test]
    fn line_that_is_too_long_is_not_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("stream");
        std::fs::write(&path, format!("{}\n{{\"type\":\"log\"}}\n", "x".repeat(5 * CHUNK))).expect("a file");
        let mut tail = Tail::new(File::open(&path).expect("the file"));
        tail.longest = 2 * CHUNK;
        let mut all = Vec::new();
        while let Some(lines) = tail.lines().expect("lines") {
            all.extend(lines);
        }
        assert_eq!(all, [Line::Cut, Line::Message(Box::new(Message::Log))]);
        assert_eq!(tail.rest(), None);
    }
}
