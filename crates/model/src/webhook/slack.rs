//! Messages for Slack: <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>.
//!
//! Every block has text of the type `plain_text`, in which Slack reads no markup. The text of the desktop notification is markup, so its
//! control characters are escaped: <https://docs.slack.dev/messaging/formatting-message-text#escaping>.

use serde_json::{Value, json};

use super::text::{Message, Tone};

/// The longest texts that Slack takes, in characters: <https://docs.slack.dev/reference/block-kit/blocks>.
const HEADER: usize = 150;
const FIELD: usize = 2_000;
const TEXT: usize = 3_000;
/// The most fields of a section.
const FIELDS: usize = 10;

pub(super) fn body(message: &Message) -> Value {
    let sign = match message.tone {
        Tone::Good => "✅ ",
        Tone::Attention => "🟡 ",
        Tone::Bad => "🔴 ",
        Tone::Neutral => "",
    };
    let title = format!("{sign}{}", message.title.replace('\n', " "));
    let mut blocks = vec![json!({"type": "header", "text": plain(&title, HEADER)})];
    let fields = message.facts.iter().take(FIELDS);
    let fields: Vec<Value> = fields
        .map(|(name, value)| plain(&format!("{name}\n{value}"), FIELD))
        .collect();
    blocks.push(json!({"type": "section", "fields": fields}));
    if let Some(detail) = &message.detail {
        blocks.push(json!({"type": "section", "text": plain(detail, TEXT)}));
    }
    if let Some(command) = &message.command {
        blocks.push(json!({"type": "context", "elements": [plain(command, TEXT)]}));
    }
    json!({"text": escaped(&title), "blocks": blocks})
}

fn plain(text: &str, most: usize) -> Value {
    let text: String = text.chars().take(most).collect();
    // Emoji are shown as they are written, `:like this:`.
    json!({"type": "plain_text", "text": text, "emoji": false})
}

/// A text as markup that shows it: no link, no mention, no formatting.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // A word joiner beside them keeps them from being formatting, and `@` and `#` from being a mention.
            '*' | '_' | '~' | '`' | '@' | '#' | ':' => escaped.extend(['\u{2060}', letter]),
            other => escaped.push(other),
        }
    }
    escaped
}
