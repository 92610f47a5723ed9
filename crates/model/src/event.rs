//! Requests that come as events from other accounts: version 1 of the detail of `Slipway Request`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::account::AccountId;
use crate::fields::{Fields, described};
use crate::id::StackId;
use crate::name::{Digest, Image, Name};
use crate::problem::FieldProblem;
use crate::request::{NAME_REMEDY, StackDraft, read_images};
use crate::source_account::Action;

/// The version of the contract that is understood.
pub const VERSION: u64 = 1;

/// The most bytes that the detail of a request has, as compact JSON: as many as the API takes.
pub const SIZE: usize = 256 * 1024;

/// The most characters of a business key.
const KEY_LENGTH: usize = 128;

const KEY_REMEDY: &str = "give 1 to 128 printable ASCII characters, the same in every event of one request";
const STACK_REMEDY: &str = "give the stack's id, or an object with its `environment` and `name`";

/// The account that requested an operation by event, and whether the result was reported to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The account that the event came from.
    pub account: AccountId,
    /// The key of the request, by which the account matches results.
    pub key: String,
    /// The requested action.
    pub action: Action,
    /// Whether the end of the operation was reported to the account.
    pub result: Delivery,
}

/// Whether the result of an operation was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Not yet.
    Due,
    /// It was sent.
    #[serde(rename = "told")]
    Sent,
    /// It could not be sent for a day, and is no longer retried.
    Dropped,
}

impl Origin {
    /// A request of the account under its key.
    pub fn new(account: AccountId, key: impl Into<String>, action: Action) -> Self {
        Self {
            account,
            key: key.into(),
            action,
            result: Delivery::Due,
        }
    }

    /// The name of the account as requester and owner.
    pub fn caller(&self) -> String {
        caller(&self.account)
    }
}

/// The name of an account as requester and owner.
pub fn caller(account: &AccountId) -> String {
    format!("event:{account}")
}

/// A request, read.
#[derive(Debug, Clone)]
pub struct Request {
    /// By what the request is known, however often and under whatever ids its event comes.
    pub key: String,
    /// The requested change.
    pub asks: Asks,
}

/// The change that a request asks for.
#[derive(Debug, Clone)]
pub enum Asks {
    /// A new stack.
    Provision(Box<StackDraft>),
    /// New images for a stack.
    Release(StackReference, BTreeMap<Name, Image>),
    /// That a stack goes.
    Destroy(StackReference),
    /// Whether a stack still is what its Terraform says.
    Drift(StackReference),
}

/// How a request names a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StackReference {
    /// By its id.
    Id(StackId),
    /// By what people call it.
    Named {
        /// The environment that it lives in.
        environment: Name,
        /// Its name there.
        name: Name,
    },
}

/// A request that cannot be read: all that is wrong with it, and what of it is right and says what it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the request is not of the form of version {VERSION}")]
pub struct Unreadable {
    /// The key.
    pub key: Option<String>,
    /// The action.
    pub action: Option<Action>,
    /// What is wrong.
    pub problems: Vec<FieldProblem>,
}

impl Request {
    /// Reads the detail of an event.
    pub fn read(detail: &Value) -> Result<Self, Unreadable> {
        let Value::Object(object) = detail else {
            let detail = format!("is {}, not an object", described(detail));
            return Err(Unreadable::only(FieldProblem::new("detail", detail, "give an object")));
        };
        let mut fields = Fields::new(object.clone());
        read_version(&mut fields)?;
        let key = read_key(&mut fields);
        let actions = Action::ALL.map(Action::as_str).join(", ");
        let action: Option<Action> = fields.required("action", &format!("give one of: {actions}"));
        let asks = action.and_then(|action| read_asks(action, &mut fields));
        let problems = fields.problems();
        match (key, asks) {
            (Some(key), Some(asks)) if problems.is_empty() => Ok(Self { key, asks }),
            (key, _) => Err(Unreadable { key, action, problems }),
        }
    }
}

impl Asks {
    /// The actions that can be permitted to source accounts.
    pub fn action(&self) -> Action {
        match self {
            Self::Provision(_) => Action::Provision,
            Self::Release(..) => Action::Release,
            Self::Destroy(_) => Action::Destroy,
            Self::Drift(_) => Action::Drift,
        }
    }
}

impl Unreadable {
    fn only(problem: FieldProblem) -> Self {
        Self {
            key: None,
            action: None,
            problems: vec![problem],
        }
    }
}

/// Without a version that is known, nothing is known of the other fields.
fn read_version(fields: &mut Fields) -> Result<(), Unreadable> {
    let detail = match fields.take("version") {
        Some(Value::Number(number)) if number.as_u64() == Some(VERSION) => return Ok(()),
        Some(Value::Number(number)) => format!("there is no version {number}"),
        Some(other) => format!("is {}, not a number", described(&other)),
        None => "is missing".to_owned(),
    };
    let remedy = format!("give the version of the contract, {VERSION}");
    let problem = FieldProblem::new("version", detail, remedy);
    Err(Unreadable {
        key: read_key(fields),
        ..Unreadable::only(problem)
    })
}

fn read_key(fields: &mut Fields) -> Option<String> {
    let key: String = fields.required("key", KEY_REMEDY)?;
    let printable = key.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if printable && (1..=KEY_LENGTH).contains(&key.len()) {
        return Some(key);
    }
    let detail = "is not 1 to 128 printable ASCII characters";
    fields.problem(FieldProblem::new("key", detail, KEY_REMEDY));
    None
}

/// The request, as far as it can be parsed; the problems are added to `fields`.
fn read_asks(action: Action, fields: &mut Fields) -> Option<Asks> {
    match action {
        Action::Provision => {
            let draft = StackDraft::read(read_body(fields));
            let problems = draft.problems.clone();
            below_request(fields, problems);
            Some(Asks::Provision(Box::new(draft)))
        }
        Action::Release => {
            let stack = read_stack(fields);
            let images = read_images(read_body(fields));
            let images = images.map_err(|problems| below_request(fields, problems)).ok();
            Some(Asks::Release(stack?, images?))
        }
        Action::Destroy => Some(Asks::Destroy(read_stack(fields)?)),
        Action::Drift => Some(Asks::Drift(read_stack(fields)?)),
    }
}

/// The field `request`: what the API takes as a body.
fn read_body(fields: &mut Fields) -> Fields {
    Fields::new(fields.object("request").unwrap_or_default())
}

fn below_request(fields: &mut Fields, problems: Vec<FieldProblem>) {
    for problem in problems {
        fields.problem(problem.below("request"));
    }
}

fn read_stack(fields: &mut Fields) -> Option<StackReference> {
    match fields.take("stack") {
        Some(Value::String(text)) => match text.parse::<StackId>() {
            Ok(id) => Some(StackReference::Id(id)),
            Err(error) => {
                fields.problem(FieldProblem::new("stack", error.to_string(), STACK_REMEDY));
                None
            }
        },
        Some(Value::Object(object)) => {
            let mut inner = Fields::new(object);
            let environment = inner.required("environment", NAME_REMEDY);
            let name = inner.required("name", NAME_REMEDY);
            for problem in inner.problems() {
                fields.problem(problem.below("stack"));
            }
            let (environment, name) = (environment?, name?);
            Some(StackReference::Named { environment, name })
        }
        other => {
            let detail = other.map_or("is missing".to_owned(), |other| {
                format!("is {}, neither a text nor an object", described(&other))
            });
            fields.problem(FieldProblem::new("stack", detail, STACK_REMEDY));
            None
        }
    }
}

/// What a request says, whatever the order in which it says it: two events with this digest are the same request.
pub fn content(detail: &Value) -> Digest {
    Digest::of(sorted(detail).to_string().as_bytes())
}

/// A value whose objects have their fields in the order of their names.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let by_name: BTreeMap<&String, &Value> = object.iter().collect();
            let fields = by_name.into_iter().map(|(name, value)| (name.clone(), sorted(value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Value::Array(values) => Value::Array(values.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
