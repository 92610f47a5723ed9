//! The protocol of each service of the local AWS: a call as an HTTP request, and the parts of its response.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use crate::error::Error;

/// A protocol of AWS.
enum Protocol {
    /// The prefix of `X-Amz-Target`, and the version of the JSON protocol.
    Json(&'static str, &'static str),
    /// By method and path.
    Rest(&'static [RestAction]),
    /// Lambda's `Invoke`, whose body is what the function gets.
    Invoke,
    /// By a form: the version of the API.
    Query(&'static str),
}

/// One action of a REST service. Members of the request go into the path and the query by the names that follow.
struct RestAction {
    name: &'static str,
    method: &'static str,
    path: &'static str,
    /// The member that ends the path.
    named_by: Option<&'static str>,
    /// Members of the request, and what the query calls them.
    query: &'static [(&'static str, &'static str)],
}

/// The services, as the AWS CLI calls them.
const SERVICES: [(&str, Protocol); 14] = [
    (
        "application-autoscaling",
        Protocol::Json("AnyScaleFrontendService", "1.1"),
    ),
    ("cloudwatch", Protocol::Json("GraniteServiceVersion20100801", "1.0")),
    ("codebuild", Protocol::Json("CodeBuild_20161006", "1.1")),
    ("dynamodb", Protocol::Json("DynamoDB_20120810", "1.0")),
    ("ecr", Protocol::Json("AmazonEC2ContainerRegistry_V20150921", "1.1")),
    ("ecs", Protocol::Json("AmazonEC2ContainerServiceV20141113", "1.1")),
    ("elasticache", Protocol::Query("2015-02-02")),
    ("events", Protocol::Json("AWSEvents", "1.1")),
    ("lambda", Protocol::Invoke),
    ("logs", Protocol::Json("Logs_20140328", "1.1")),
    ("rds", Protocol::Query("2014-10-31")),
    ("scheduler", Protocol::Rest(&SCHEDULER)),
    ("sqs", Protocol::Json("AmazonSQS", "1.0")),
    ("stepfunctions", Protocol::Json("AWSStepFunctions", "1.0")),
];

const SCHEDULER: [RestAction; 5] = [
    schedule("CreateSchedule", "POST", &[]),
    schedule("UpdateSchedule", "PUT", &[]),
    schedule("GetSchedule", "GET", &[("GroupName", "groupName")]),
    schedule(
        "DeleteSchedule",
        "DELETE",
        &[("GroupName", "groupName"), ("ClientToken", "clientToken")],
    ),
    RestAction {
        name: "ListSchedules",
        method: "GET",
        path: "/schedules",
        named_by: None,
        query: &[
            ("GroupName", "ScheduleGroup"),
            ("MaxResults", "MaxResults"),
            ("NamePrefix", "NamePrefix"),
            ("NextToken", "NextToken"),
            ("State", "State"),
        ],
    },
];

const fn schedule(
    name: &'static str,
    method: &'static str,
    query: &'static [(&'static str, &'static str)],
) -> RestAction {
    RestAction {
        name,
        method,
        path: "/schedules/",
        named_by: Some("Name"),
        query,
    }
}

/// What stays as it is in a path, besides letters and digits: what the names of functions have.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// A call as an HTTP request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: &'static str,
    /// What follows the endpoint.
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

impl Request {
    /// The request for an action of a service.
    pub(super) fn new(service: &str, action: &str, members: &Value) -> Result<Self, Error> {
        let Some((_, protocol)) = SERVICES.iter().find(|(name, _)| *name == service) else {
            let names = SERVICES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            return Err(Error::Usage(format!("no service `{service}`: use one of {names}")));
        };
        match protocol {
            Protocol::Json(prefix, version) => Ok(Self {
                method: "POST",
                path: "/".to_owned(),
                headers: vec![
                    ("content-type", format!("application/x-amz-json-{version}")),
                    ("x-amz-target", format!("{prefix}.{action}")),
                ],
                body: members.to_string(),
            }),
            Protocol::Rest(actions) => Self::rest(service, action, members, actions),
            Protocol::Invoke => Self::invoke(action, members),
            Protocol::Query(version) => Self::query(action, version, members),
        }
    }

    fn invoke(action: &str, members: &Value) -> Result<Self, Error> {
        if action != "Invoke" {
            return Err(Error::Usage(format!("no action `{action}` of `lambda`: use Invoke")));
        }
        let text = |name: &str| {
            let text = members[name].as_str();
            text.ok_or_else(|| Error::Usage(format!("`Invoke` needs the member `{name}`, a text")))
        };
        let name = utf8_percent_encode(text("FunctionName")?, UNRESERVED);
        let qualifier = members["Qualifier"].as_str();
        let qualifier = qualifier.map(|one| format!("?Qualifier={}", utf8_percent_encode(one, UNRESERVED)));
        Ok(Self {
            method: "POST",
            path: format!(
                "/2015-03-31/functions/{name}/invocations{}",
                qualifier.unwrap_or_default()
            ),
            headers: vec![
                ("content-type", "application/json".to_owned()),
                ("x-amz-invocation-type", text("InvocationType")?.to_owned()),
            ],
            body: members["Payload"].to_string(),
        })
    }

    fn rest(service: &str, action: &str, members: &Value, actions: &[RestAction]) -> Result<Self, Error> {
        let Some(rest) = actions.iter().find(|rest| rest.name == action) else {
            let names = actions.iter().map(|rest| rest.name).collect::<Vec<_>>().join(", ");
            return Err(Error::Usage(format!(
                "no action `{action}` of `{service}`: use one of {names}"
            )));
        };
        let mut members = members
            .as_object()
            .cloned()
            .ok_or_else(|| Error::Usage("the request is not a JSON object".to_owned()))?;
        let mut path = rest.path.to_owned();
        if let Some(name) = rest.named_by {
            let named = take_text(&mut members, name)?;
            let named = named.ok_or_else(|| Error::Usage(format!("`{action}` needs the member `{name}`")))?;
            path.extend(utf8_percent_encode(&named, NON_ALPHANUMERIC));
        }
        let mut separator = '?';
        for (member, parameter) in rest.query {
            if let Some(value) = take_text(&mut members, member)? {
                path.push(separator);
                path.push_str(parameter);
                path.push('=');
                path.extend(utf8_percent_encode(&value, NON_ALPHANUMERIC));
                separator = '&';
            }
        }
        let takes_body = matches!(rest.method, "POST" | "PUT");
        if let Some(other) = members.keys().next().filter(|_| !takes_body) {
            return Err(Error::Usage(format!("`{action}` has no member `{other}`")));
        }
        Ok(Self {
            method: rest.method,
            path,
            headers: vec![("content-type", "application/json".to_owned())],
            body: if takes_body {
                Value::Object(members).to_string()
            } else {
                String::new()
            },
        })
    }
}

impl Request {
    /// The members as a form. An item of the list `Tags` is `Tags.Tag.1`, and the local AWS answers in JSON when asked to.
    fn query(action: &str, version: &str, members: &Value) -> Result<Self, Error> {
        let Value::Object(members) = members else {
            return Err(Error::Usage("the request is not a JSON object".to_owned()));
        };
        let mut form = format!("Action={}&Version={version}", encoded(action));
        for (name, value) in members {
            add_to_form(&mut form, name, name, value);
        }
        Ok(Self {
            method: "POST",
            path: "/".to_owned(),
            headers: vec![
                ("content-type", "application/x-www-form-urlencoded".to_owned()),
                ("accept", "application/json".to_owned()),
            ],
            body: form,
        })
    }
}

/// Adds a value under its whole name; `last` is the last word of it, of which items have the singular.
fn add_to_form(form: &mut String, name: &str, last: &str, value: &Value) {
    let text = match value {
        Value::Null => return,
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let item = last.strip_suffix('s').unwrap_or(last);
            for (place, value) in items.iter().enumerate() {
                add_to_form(form, &format!("{name}.{item}.{}", place + 1), item, value);
            }
            return;
        }
        Value::Object(members) => {
            for (member, value) in members {
                add_to_form(form, &format!("{name}.{member}"), member, value);
            }
            return;
        }
    };
    form.extend(["&", &encoded(name), "=", &encoded(&text)]);
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// What an answer says: that of the Query protocol is wrapped twice.
pub(super) fn result(mut answer: Value) -> Value {
    let inner = answer
        .as_object_mut()
        .filter(|members| members.len() == 1)
        .and_then(|members| {
            let mut response = take_ending(members, "Response")?;
            take_ending(response.as_object_mut()?, "Result")
        });
    inner.unwrap_or(answer)
}

fn take_ending(members: &mut Map<String, Value>, end: &str) -> Option<Value> {
    let name = members.keys().find(|name| name.ends_with(end)).cloned()?;
    members.remove(&name)
}

/// Takes a member out; numbers are texts in a path.
fn take_text(members: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Error> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(other) => Err(Error::Usage(format!("`{name}` is not a text: {other}"))),
    }
}

/// What went wrong, by the answer of a service: the name of the error, and the sentence for people.
pub(super) fn error(answer: &Value) -> (String, String) {
    let query = &answer["ErrorResponse"]["Error"];
    let kind = answer["__type"].as_str().or(query["Code"].as_str()).unwrap_or("error");
    let message = [&answer["message"], &answer["Message"], &query["Message"]];
    let message = message.into_iter().find_map(Value::as_str);
    (
        kind.rsplit('#').next().unwrap_or(kind).to_owned(),
        message.unwrap_or_default().to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_of_a_rest_action_go_where_they_belong() {
        let request = json!({"Name": "a b/c", "GroupName": "default"});
        let read = Request::new("scheduler", "GetSchedule", &request).expect("a request");
        assert_eq!(
            (read.method, read.path.as_str(), read.body.as_str()),
            ("GET", "/schedules/a%20b%2Fc?groupName=default", "")
        );
        let made = Request::new("scheduler", "CreateSchedule", &request).expect("a request");
        assert_eq!(
            (made.method, made.body.as_str()),
            ("POST", r#"{"GroupName":"default"}"#)
        );
        for (action, request) in [
            ("GetSchedule", json!({})),
            ("GetSchedule", json!({"Name": ["a"]})),
            ("GetSchedule", json!({"Name": "a", "Colour": "blue"})),
            ("GetSchedule", json!("a")),
            ("ListTasks", json!({})),
        ] {
            assert!(
                Request::new("scheduler", action, &request).is_err(),
                "{action} {request}"
            );
        }
        assert!(Request::new("nothing", "GetSchedule", &request).is_err());
    }

    #[test]
    fn a_request_becomes_a_form_and_the_answer_is_unwrapped() {
        let members =
            json!({"DBInstanceIdentifier": "a&b", "SkipFinalSnapshot": true, "Tags": [{"Key": "k", "Value": "v"}]});
        let request = Request::new("rds", "DeleteDBInstance", &members).expect("a request");
        assert_eq!(
            request.body,
            "Action=DeleteDBInstance&Version=2014-10-31&DBInstanceIdentifier=a%26b&SkipFinalSnapshot=true\
             &Tags%2ETag%2E1%2EKey=k&Tags%2ETag%2E1%2EValue=v"
        );
        let answer =
            json!({"DeleteDBInstanceResponse": {"DeleteDBInstanceResult": {"DBInstance": {}}, "ResponseMetadata": {}}});
        assert_eq!(result(answer), json!({"DBInstance": {}}));
        assert_eq!(result(json!({"clusterArns": []})), json!({"clusterArns": []}));
        let refused = json!({"ErrorResponse": {"Error": {"Code": "DBInstanceNotFound", "Message": "m"}}});
        assert_eq!(error(&refused), ("DBInstanceNotFound".to_owned(), "m".to_owned()));
    }
}
