//! The endpoints of a stack: addresses for people, which the console links and commands print.

use std::collections::BTreeMap;

use serde_json::Value;

use super::at::{At, Problems};
use super::partial::Partial;

/// The schemes of endpoints: what people open, and what load balancers listen to.
const SCHEMES: [&str; 7] = ["https", "http", "wss", "ws", "tcp", "tls", "udp"];

/// Schemes that mean something to a browser also before what looks like a port.
const SCRIPTS: [&str; 5] = ["javascript", "data", "vbscript", "file", "blob"];

/// Reads the endpoints.
pub(super) fn read(at: &At, problems: &mut Problems) -> BTreeMap<String, String> {
    for (_, at) in at.members() {
        let (known, scheme) = match at.value {
            Partial::Known(Value::String(known)) => (known, scheme(known)),
            // What follows the first colon may be a port.
            Partial::Text(begin) => {
                let goes_on = |scheme: &&str| begin.trim().len() > scheme.len() + 1;
                (begin, scheme(begin).filter(goes_on))
            }
            _ => continue,
        };
        if known.chars().any(char::is_control) {
            at.wrong::<()>(problems, "has a line end or a control character", "give one address");
        } else if let Some(scheme) = scheme
            && !SCHEMES.iter().any(|known| known.eq_ignore_ascii_case(scheme))
        {
            let what = format!("has the scheme `{}`", scheme.escape_default());
            let remedy = format!(
                "use one of {}, or give a host, a host with a port or an ARN; other texts are for `notes`",
                SCHEMES.map(|scheme| format!("{scheme}://")).join(", ")
            );
            at.wrong::<()>(problems, &what, &remedy);
        }
    }
    at.texts(problems)
}

/// The scheme of an address, as a browser reads it; none of a host with a port, of an ARN and of words.
fn scheme(address: &str) -> Option<&str> {
    let (scheme, rest) = address.trim().split_once(':')?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|each| each.is_ascii_alphanumeric() || "+-.".contains(each));
    let port = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_host = !rest.starts_with("//") && port.parse::<u16>().is_ok();
    let is_script = SCRIPTS.iter().any(|script| script.eq_ignore_ascii_case(scheme));
    (is_script || is_scheme && !is_host && scheme != "arn").then_some(scheme)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::contract::{Contract, Partial};

    #[test]
    fn endpoint_is_an_address_that_people_may_open() {
        for right in [
            "https://a.test/x?y#z",
            "HTTP://a.test",
            "tcp://a.test:5432",
            "tls://a.test",
            "udp://a.test:53",
            "wss://a.test",
            "a.test",
            "a.test:5432",
            "localhost:80/x",
            "arn:aws:sqs:eu-west-1:111122223333:queue",
            "[2001:db8::1]:443",
            "good day",
        ] {
            assert!(
                Contract::parse(&json!({"endpoints": {"web": right}})).is_ok(),
                "{right:?}"
            );
        }
        for wrong in [
            "javascript:alert(1)",
            " JavaScript:alert(1)",
            "javascript:80/alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "vscode://x",
            "javascript://a.test/%0aalert(1)",
            "mailto:a@example.com",
            "https://a.test/\u{1b}[2J",
        ] {
            let problems = Contract::parse(&json!({"endpoints": {"web": wrong}})).expect_err(wrong);
            assert_eq!(
                (problems.len(), problems[0].field.as_str()),
                (1, "slipway.endpoints.web"),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn beginning_of_an_address_has_its_scheme() {
        let problems = |begin: &str| {
            let endpoint = [("web".to_owned(), Partial::Text(begin.to_owned()))];
            let endpoints = [("endpoints".to_owned(), Partial::Object(endpoint.into()))];
            Contract::problems(&Partial::Object(endpoints.into()))
        };
        for right in ["", "https://", "tcp://a-", "localhost:", "localhost:80", "arn:aws:sqs:"] {
            assert_eq!(problems(right), [], "{right:?}");
        }
        for wrong in ["redis://", "postgres://shop:", "mailto:a", "https://a\n"] {
            let found = problems(wrong);
            assert_eq!(
                found.iter().map(|it| it.field.as_str()).collect::<Vec<_>>(),
                ["slipway.endpoints.web"],
                "{wrong:?}"
            );
        }
    }
}
