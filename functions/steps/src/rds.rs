//! RDS, as far as snapshots need it.
//!
//! RDS speaks the Query protocol: a form goes there, and XML comes back. Its crate of the AWS SDK has 160 operations, and four are called.
//! <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/Welcome.html>

use aws_config::SdkConfig;
use aws_smithy_runtime_api::box_error::BoxError;
use slipway_aws::signed::{Call, Service};

/// The version of the API.
const VERSION: &str = "2014-10-31";

/// As the SDK knows it.
const RDS: Service = Service { id: "RDS", name: "rds" };

/// RDS in one account and Region.
#[derive(Debug, Clone)]
pub(crate) struct Rds {
    sdk: SdkConfig,
}

/// What RDS answers, or why it does not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RdsError {
    /// It says why not.
    #[error("{code}: {message}")]
    Answered { status: u16, code: String, message: String },
    /// There is no answer.
    #[error("RDS does not answer")]
    Unanswered(#[source] BoxError),
}

impl Rds {
    pub(crate) fn new(sdk: &SdkConfig) -> Self {
        Self { sdk: sdk.clone() }
    }

    /// Calls an action; its answer's XML.
    pub(crate) async fn call(&self, action: &str, parameters: &[(&str, &str)]) -> Result<String, RdsError> {
        let region = self.sdk.region().map(ToString::to_string).unwrap_or_default();
        let call = Call {
            path: "/".to_owned(),
            content_type: "application/x-www-form-urlencoded",
            header: None,
            body: form(action, parameters),
        };
        let answer = RDS.send(&self.sdk, &region, call).await;
        let (status, body) = answer.map_err(RdsError::Unanswered)?;
        if (200..300).contains(&status) {
            return Ok(body);
        }
        Err(RdsError::Answered {
            status,
            code: element(&body, "Code").unwrap_or_default(),
            message: element(&body, "Message").unwrap_or_default(),
        })
    }
}

fn form(action: &str, parameters: &[(&str, &str)]) -> String {
    let mut form = format!("Action={action}&Version={VERSION}");
    for (name, value) in parameters {
        form.push('&');
        form.push_str(name);
        form.push('=');
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => form.push(char::from(byte)),
                other => form.push_str(&encoded(other)),
            }
        }
    }
    form
}

fn encoded(byte: u8) -> String {
    format!("%{byte:02X}")
}

/// The text of the first element of this name.
pub(crate) fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&amp;", "&"),
    ];
    let text = entities.iter().fold(text.to_owned(), |text, (entity, character)| {
        text.replace(entity, character)
    });
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_form_are_escaped() {
        assert_eq!(
            form("DescribeDBSnapshots", &[("DBSnapshotIdentifier", "a b&c=ä")]),
            "Action=DescribeDBSnapshots&Version=2014-10-31&DBSnapshotIdentifier=a%20b%26c%3D%C3%A4"
        );
    }

    #[test]
    fn the_text_of_an_element_is_its_own() {
        let xml = "<R><Error><Code>A</Code><Message> a &lt;b&gt; &amp;amp; </Message></Error></R>";
        assert_eq!(element(xml, "Code").as_deref(), Some("A"));
        assert_eq!(element(xml, "Message").as_deref(), Some("a <b> &amp;"));
        assert_eq!(element(xml, "Status"), None);
    }
}
