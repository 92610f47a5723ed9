//! The program's own log on standard error.

use std::fmt;
use std::io::IsTerminal;

use tracing::field::{Field, Visit};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::{RecordFields, VisitOutput};
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{DefaultVisitor, Writer};

use crate::harmless::in_a_line;

/// Starts the log. `usual` is its filter unless the environment has one.
pub fn start(usual: &str) {
    let filter = EnvFilter::try_from_env("SLIPWAY_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    tracing_subscriber::fmt()
        .fmt_fields(Harmless)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}

/// Fields and messages as tracing shows them, in one line and without what moves the cursor or turns letters around: a record may
/// quote an image, a blueprint or a request. Tracing escapes a part of these characters, and only in messages.
struct Harmless;

impl<'writer> FormatFields<'writer> for Harmless {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut fields_in_lines = InLines(DefaultVisitor::new(writer, true));
        fields.record(&mut fields_in_lines);
        fields_in_lines.0.finish()
    }
}

/// Hands each value on as a part of a line. Values of all types pass here, because the other methods lead to this one.
struct InLines<'writer>(DefaultVisitor<'writer>);

impl Visit for InLines<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = in_a_line(&format!("{value:?}"));
        self.0.record_debug(field, &format_args!("{text}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn log_has_no_escapes_and_no_lines_of_strangers() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(Harmless)
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .with_target(false)
            .finish();
        let said = "50 %\rgone \u{202e}txt \u{1b}[2J\u{9b}1m\n ERROR forged";
        let shown = "50 %\\x0dgone \\u{202e}txt \\x1b[2J\\x9b1m\\n ERROR forged";
        tracing::subscriber::with_default(subscriber, || {
            let _entered = tracing::warn_span!("build", id = %said).entered();
            tracing::warn!(error = %said, text = said, "it said {said}");
        });
        let text = String::from_utf8(kept.0.lock().expect("no panic").clone()).expect("a text");
        for part in [
            format!("build{{id={shown}}}"),
            format!("it said {shown}"),
            format!("error={shown}"),
        ] {
            assert!(text.contains(&part), "{part}: {text}");
        }
        let (lines, rest) = text.split_once('\n').expect("a line");
        assert!(
            !lines.contains(|c: char| c.is_control() || c == '\u{202e}'),
            "{lines:?}"
        );
        assert_eq!(rest, "");
    }
}
