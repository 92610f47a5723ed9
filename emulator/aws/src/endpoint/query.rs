//! Services that are asked by a form and answer in XML (AWS's Query protocol).
//!
//! A client that accepts `application/json` gets JSON, as from those services of AWS that still speak so.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Request, StatusCode};
use serde_json::{Map, Value, json};

use super::{body, escaped};
use crate::wire::{AwsError, request_id};

/// Calls one action of a service with its parameters: texts, and lists of texts.
pub(super) type QueryHandler =
    Arc<dyn Fn(String, Map<String, Value>) -> BoxFuture<'static, Result<Value, AwsError>> + Send + Sync>;

/// A service of the Query protocol.
pub(super) struct QueryService {
    /// What the version of its API is called, which every request names.
    pub(super) version: &'static str,
    /// What its XML is of.
    pub(super) namespace: &'static str,
    pub(super) call: QueryHandler,
}

pub(super) async fn answer(service: &QueryService, request: Request<Body>) -> Response {
    let accepts = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let as_json = accepts.is_some_and(|accept| accept.starts_with("application/json"));
    let (action, outcome) = match read(service, request).await {
        Ok((action, parameters)) => {
            let outcome = (service.call)(action.clone(), parameters).await;
            (action, outcome)
        }
        Err(error) => (String::new(), Err(error)),
    };
    let (status, answer) = match outcome {
        Ok(result) => {
            let members = json!({format!("{action}Result"): result, "ResponseMetadata": {"RequestId": request_id()}});
            (StatusCode::OK, (format!("{action}Response"), members))
        }
        Err(error) => {
            let kind = if error.status.is_client_error() {
                "Sender"
            } else {
                "Receiver"
            };
            let members = json!({
                "Error": {"Type": kind, "Code": error.code, "Message": error.message}, "RequestId": request_id(),
            });
            (error.status, ("ErrorResponse".to_owned(), members))
        }
    };
    let (name, members) = answer;
    if as_json {
        let headers = [(CONTENT_TYPE, "application/json")];
        return (status, headers, json!({name: members}).to_string()).into_response();
    }
    let mut text = format!("<{name} xmlns=\"{}\">", service.namespace);
    write(&mut text, &members);
    text.extend(["</", &name, ">"]);
    (status, [(CONTENT_TYPE, "text/xml")], text).into_response()
}

async fn read(service: &QueryService, request: Request<Body>) -> Result<(String, Map<String, Value>), AwsError> {
    let bytes = body(request).await?;
    let mut parameters: BTreeMap<String, String> = form_urlencoded::parse(&bytes).into_owned().collect();
    let action = parameters.remove("Action");
    let action =
        action.ok_or_else(|| AwsError::new("MissingAction", "The request must contain the parameter Action."))?;
    match parameters.remove("Version") {
        Some(version) if version == service.version => {}
        other => {
            let version = other.unwrap_or_default();
            let message = format!("The version {version} is not known; it is {}.", service.version);
            return Err(AwsError::new("InvalidParameterValue", message));
        }
    }
    Ok((action, grouped(parameters)))
}

/// `Tags.Tag.1.Key` and the like are one list, under its first word.
fn grouped(parameters: BTreeMap<String, String>) -> Map<String, Value> {
    let mut grouped = Map::new();
    for (name, value) in parameters {
        match name.split_once('.') {
            None => drop(grouped.insert(name, Value::String(value))),
            Some((list, _)) => {
                let entry = grouped.entry(list).or_insert_with(|| json!([]));
                if let Some(items) = entry.as_array_mut() {
                    items.push(Value::String(value));
                }
            }
        }
    }
    grouped
}

/// A value as XML. The items of the list `DBInstances` are `DBInstance`, and those of `TagList` are `Tag`.
fn write(text: &mut String, value: &Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
                text.extend(["<", name, ">"]);
                if let Value::Array(items) = value {
                    let item = name.strip_suffix("List").or(name.strip_suffix('s')).unwrap_or("member");
                    for value in items {
                        text.extend(["<", item, ">"]);
                        write(text, value);
                        text.extend(["</", item, ">"]);
                    }
                } else {
                    write(text, value);
                }
                text.extend(["</", name, ">"]);
            }
        }
        Value::String(plain) => text.push_str(&escaped(plain)),
        other => text.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_xml_and_nothing_in_them_does() {
        let mut text = String::new();
        write(
            &mut text,
            &json!({"DBInstances": [{"Name": "a<b>&c", "Port": 1, "Gone": null, "TagList": []}], "Marker": "m"}),
        );
        assert_eq!(
            text,
            "<DBInstances><DBInstance><Name>a&lt;b&gt;&amp;c</Name><Port>1</Port><TagList></TagList></DBInstance>\
             </DBInstances><Marker>m</Marker>"
        );
    }

    #[test]
    fn lists_are_read_under_their_first_word() {
        let parameters = [("Name", "n"), ("Tags.Tag.1.Key", "k"), ("Tags.Tag.1.Value", "v")];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            Value::Object(grouped(BTreeMap::from(parameters))),
            json!({"Name": "n", "Tags": ["k", "v"]})
        );
    }
}
