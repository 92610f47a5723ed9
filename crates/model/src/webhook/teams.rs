//! Adaptive Cards for workflows of Microsoft Teams:
//! <https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using>.
//!
//! Texts are runs of a `RichTextBlock`, in which Teams reads no Markdown: <https://adaptivecards.io/explorer/TextRun.html>.

use serde_json::{Value, json};

use super::text::{Message, Tone};

pub(super) fn body(message: &Message) -> Value {
    let colour = match message.tone {
        Tone::Good => "good",
        Tone::Attention => "warning",
        Tone::Bad => "attention",
        Tone::Neutral => "default",
    };
    let title =
        json!({"type": "TextRun", "text": inert(&message.title), "weight": "bolder", "size": "large", "color": colour});
    let mut body = vec![json!({"type": "RichTextBlock", "inlines": [title]})];
    for (name, value) in &message.facts {
        let name = json!({"type": "TextRun", "text": format!("{name}: "), "weight": "bolder"});
        let value = json!({"type": "TextRun", "text": inert(value)});
        body.push(json!({"type": "RichTextBlock", "spacing": "small", "inlines": [name, value]}));
    }
    for line in message.detail.iter().flat_map(|detail| detail.lines()) {
        let line = json!({"type": "TextRun", "text": inert(line), "fontType": "monospace"});
        body.push(json!({"type": "RichTextBlock", "spacing": "small", "inlines": [line]}));
    }
    if let Some(command) = &message.command {
        let command = json!({"type": "TextRun", "text": inert(command), "fontType": "monospace", "isSubtle": true});
        body.push(json!({"type": "RichTextBlock", "inlines": [command]}));
    }
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": inert(&message.title),
        "body": body,
    });
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": card,
        }],
    })
}

/// A text in which a card finds nothing to compute: `{{DATE(…)}}` and `${…}` are functions and templates, and `<at>` is a mention.
fn inert(text: &str) -> String {
    text.replace("{{", "{\u{2060}{")
        .replace("${", "$\u{2060}{")
        .replace("<at", "<\u{2060}at")
}
