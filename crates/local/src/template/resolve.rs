//! References as text: `Ref`, `Fn::Sub`, `Fn::GetAtt` and `Fn::Join` with local names and ARNs.

use std::cell::RefCell;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::TemplateError;
use super::kind::{IGNORED, Kind};
use super::yaml::join;
use aws_emulator::wire::{ACCOUNT, REGION, arn};

/// `AWS::StackName` here, which begins every name.
const STACK: &str = "slipway";
/// The sections that a template may have. Rules are for those who give parameters, metadata and outputs for people.
const SECTIONS: [&str; 10] = [
    "AWSTemplateFormatVersion",
    "Transform",
    "Description",
    "Metadata",
    "Parameters",
    "Rules",
    "Conditions",
    "Globals",
    "Resources",
    "Outputs",
];
/// What a resource may have beside its type and properties: how CloudFormation replaces it, how SAM builds it.
const RESOURCE_ATTRIBUTES: [&str; 7] = [
    "Type",
    "Condition",
    "Properties",
    "DeletionPolicy",
    "UpdateReplacePolicy",
    "Metadata",
    "DependsOn",
];

/// A template whose references can be followed.
pub struct Resolver<'a> {
    parameters: Map<String, Value>,
    conditions: &'a Value,
    function_globals: Value,
    resources: Vec<(&'a str, Kind, &'a Value)>,
    /// The logical ids whose names are being resolved, to find circles.
    following: RefCell<Vec<String>>,
}

impl<'a> Resolver<'a> {
    /// Checks what the template is made of.
    pub fn new(document: &'a Value) -> Result<Self, TemplateError> {
        let sections = object("", document)?;
        refuse_others("", sections, &SECTIONS)?;
        let globals = sections
            .get("Globals")
            .map_or(Ok(None), |globals| object("Globals", globals).map(Some))?;
        if let Some(globals) = globals {
            refuse_others("Globals", globals, &["Function"])?;
        }
        let mut resolver = Self {
            parameters: parameters(sections.get("Parameters"))?,
            conditions: sections.get("Conditions").unwrap_or(&Value::Null),
            function_globals: globals
                .and_then(|globals| globals.get("Function"))
                .cloned()
                .unwrap_or_default(),
            resources: Vec::new(),
            following: RefCell::default(),
        };
        for (logical_id, resource) in object("Resources", &sections["Resources"])? {
            let path = join("Resources", logical_id);
            let attributes = object(&path, resource)?;
            refuse_others(&path, attributes, &RESOURCE_ATTRIBUTES)?;
            let kind = attributes.get("Type").and_then(Value::as_str).unwrap_or_default();
            let kind = Kind::parse(kind).ok_or_else(|| TemplateError::Unknown {
                path: join(&path, "Type"),
                what: format!("the resource type {kind:?}"),
            })?;
            // One that is not made is refused all the same when its type is not known: another default would make it.
            let made = attributes.get("Condition").map_or(Ok(true), |condition| {
                let path = join(&path, "Condition");
                let name = condition
                    .as_str()
                    .ok_or_else(|| unresolved(&path, &condition.to_string()))?;
                resolver.condition(&path, name)
            })?;
            if made {
                let properties = resource.get("Properties").unwrap_or(&Value::Null);
                resolver.resources.push((logical_id.as_str(), kind, properties));
            }
        }
        Ok(resolver)
    }

    /// The resources in the order of the file.
    pub fn resources(&self) -> impl Iterator<Item = (&'a str, Kind)> {
        self.resources.iter().map(|(logical_id, kind, _)| (*logical_id, *kind))
    }

    /// The properties of a resource, resolved and typed, without those that mean nothing here.
    pub fn properties<T: DeserializeOwned>(&self, logical_id: &str) -> Result<T, TemplateError> {
        let path = format!("Resources.{logical_id}.Properties");
        let (kind, raw) = self.find(logical_id).ok_or_else(|| unresolved(&path, logical_id))?;
        let mut properties = raw.clone();
        if kind == Kind::Function {
            properties = merge(&self.function_globals, properties);
        }
        for (ignored_of, pattern, _reason) in IGNORED {
            if *ignored_of == kind {
                strip(&mut properties, pattern);
            }
        }
        let resolved = self.value(&path, &properties)?;
        serde_path_to_error::deserialize(resolved).map_err(|error| TemplateError::Shape {
            path: format!("{path}.{}", error.path()),
            source: error.into_inner(),
        })
    }

    /// The ARN of a resource.
    pub fn arn(&self, logical_id: &str) -> Result<String, TemplateError> {
        self.attribute(&join("Resources", logical_id), logical_id, "Arn")
    }

    fn find(&self, logical_id: &str) -> Option<(Kind, &'a Value)> {
        self.resources
            .iter()
            .find(|(id, ..)| *id == logical_id)
            .map(|(_, kind, properties)| (*kind, *properties))
    }

    fn value(&self, path: &str, value: &Value) -> Result<Value, TemplateError> {
        Ok(match value {
            Value::Array(items) => {
                let items = items.iter().enumerate();
                Value::Array(
                    items
                        .map(|(i, item)| self.value(&format!("{path}[{i}]"), item))
                        .collect::<Result<_, _>>()?,
                )
            }
            Value::Object(entries) => {
                if let Some((name, argument)) = intrinsic(entries) {
                    if name == "Fn::If" {
                        return self.value(path, self.chosen(path, argument)?);
                    }
                    return self.intrinsic(path, name, argument).map(Value::String);
                }
                let mut object = Map::new();
                for (key, value) in entries {
                    object.insert(key.clone(), self.value(&join(path, key), value)?);
                }
                Value::Object(object)
            }
            plain => plain.clone(),
        })
    }

    fn intrinsic(&self, path: &str, name: &str, argument: &Value) -> Result<String, TemplateError> {
        let wrong = || unresolved(path, &format!("{name} {argument}"));
        match (name, argument) {
            ("Ref", Value::String(reference)) => self.reference(path, reference),
            ("Fn::GetAtt", Value::String(reference)) => {
                let (logical_id, attribute) = reference.split_once('.').ok_or_else(wrong)?;
                self.attribute(path, logical_id, attribute)
            }
            ("Fn::GetAtt", Value::Array(parts)) => match &parts[..] {
                [Value::String(logical_id), Value::String(attribute)] => self.attribute(path, logical_id, attribute),
                _ => Err(wrong()),
            },
            ("Fn::Sub", Value::String(text)) => self.substitute(path, text),
            ("Fn::Join", Value::Array(parts)) => match &parts[..] {
                [Value::String(separator), Value::Array(items)] => {
                    let items: Result<Vec<_>, _> = items.iter().map(|item| self.text(path, item)).collect();
                    Ok(items?.join(separator))
                }
                _ => Err(wrong()),
            },
            ("Ref" | "Fn::GetAtt" | "Fn::Sub" | "Fn::Join", _) => Err(wrong()),
            _ => Err(TemplateError::UnknownIntrinsic {
                path: path.to_owned(),
                name: name.to_owned(),
            }),
        }
    }

    /// The branch of a `Fn::If` that holds.
    fn chosen<'v>(&self, path: &str, argument: &'v Value) -> Result<&'v Value, TemplateError> {
        match argument.as_array().map(Vec::as_slice) {
            Some([Value::String(condition), then, otherwise]) => Ok(if self.condition(path, condition)? {
                then
            } else {
                otherwise
            }),
            _ => Err(unresolved(path, &format!("Fn::If {argument}"))),
        }
    }

    /// Whether a condition of the template holds.
    fn condition(&self, path: &str, name: &str) -> Result<bool, TemplateError> {
        let condition = self.conditions.get(name).ok_or_else(|| unresolved(path, name))?;
        self.holds(&join("Conditions", name), condition)
    }

    fn holds(&self, path: &str, condition: &Value) -> Result<bool, TemplateError> {
        let wrong = || unresolved(path, &condition.to_string());
        let (name, argument) = condition.as_object().and_then(intrinsic).ok_or_else(wrong)?;
        match (name, argument.as_array().map(Vec::as_slice)) {
            ("Fn::Equals", Some([left, right])) => Ok(self.text(path, left)? == self.text(path, right)?),
            ("Fn::Not", Some([only])) => Ok(!self.holds(path, only)?),
            _ => Err(wrong()),
        }
    }

    fn text(&self, path: &str, value: &Value) -> Result<String, TemplateError> {
        match self.value(path, value)? {
            Value::String(text) => Ok(text),
            other => Err(unresolved(path, &other.to_string())),
        }
    }

    /// The text of a `Fn::Sub`. `${!Name}` is `${Name}` itself.
    fn substitute(&self, path: &str, text: &str) -> Result<String, TemplateError> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or_else(|| unresolved(path, text))?;
            out.push_str(before);
            match (name.strip_prefix('!'), name.split_once('.')) {
                (Some(literal), _) => out.extend(["${", literal, "}"]),
                (None, Some((logical_id, attribute))) => out.push_str(&self.attribute(path, logical_id, attribute)?),
                (None, None) => out.push_str(&self.reference(path, name)?),
            }
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    /// What `Ref` gives: the name of most resources, the ARN of a state machine, the URL of a queue.
    fn reference(&self, path: &str, reference: &str) -> Result<String, TemplateError> {
        let pseudo = match reference {
            "AWS::Region" => Some(REGION),
            "AWS::AccountId" => Some(ACCOUNT),
            "AWS::Partition" => Some("aws"),
            "AWS::StackName" => Some(STACK),
            "AWS::URLSuffix" => Some("amazonaws.com"),
            _ => self.parameters.get(reference).and_then(Value::as_str),
        };
        // The functions are part of this program: the version that is deployed is the function.
        if let Some(function) = reference.strip_suffix(".Version") {
            return self.version(path, function);
        }
        match (pseudo, self.find(reference)) {
            (Some(value), _) => Ok(value.to_owned()),
            (None, Some((Kind::StateMachine, _))) => self.attribute(path, reference, "Arn"),
            (None, Some((Kind::Queue, _))) => self.attribute(path, reference, "QueueUrl"),
            (None, Some(_)) => self.name(path, reference),
            (None, None) => Err(unresolved(path, reference)),
        }
    }

    fn version(&self, path: &str, logical_id: &str) -> Result<String, TemplateError> {
        match self.find(logical_id) {
            Some((Kind::Function, properties)) if properties.get("AutoPublishAlias").is_some() => {
                self.attribute(path, logical_id, "Arn")
            }
            _ => Err(unresolved(path, &format!("{logical_id}.Version"))),
        }
    }

    fn attribute(&self, path: &str, logical_id: &str, attribute: &str) -> Result<String, TemplateError> {
        let wrong = || unresolved(path, &format!("{logical_id}.{attribute}"));
        let (kind, _) = self.find(logical_id).ok_or_else(wrong)?;
        let name = self.name(path, logical_id)?;
        match (kind, attribute) {
            (Kind::Table, "Arn") => Ok(arn("dynamodb", &format!("table/{name}"))),
            (Kind::Table, "StreamArn") => Ok(arn("dynamodb", &format!("table/{name}/stream/1"))),
            (Kind::Bucket, "Arn") => Ok(format!("arn:aws:s3:::{name}")),
            (Kind::Function, "Arn") => Ok(arn("lambda", &format!("function:{name}"))),
            (Kind::StateMachine, "Arn") => Ok(arn("states", &format!("stateMachine:{name}"))),
            (Kind::StateMachine, "Name") => Ok(name),
            (Kind::Project, "Arn") => Ok(arn("codebuild", &format!("project/{name}"))),
            (Kind::Queue, "Arn") => Ok(arn("sqs", &name)),
            (Kind::Queue, "QueueName") => Ok(name),
            // Of a URL only the end matters: the endpoint of this server is known when it listens.
            (Kind::Queue, "QueueUrl") => Ok(format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}")),
            (Kind::EventBus, "Arn") => Ok(arn("events", &format!("event-bus/{name}"))),
            (Kind::LogGroup, "Arn") => Ok(arn("logs", &format!("log-group:{name}:*"))),
            // Of those only roles have an ARN that other resources need.
            (Kind::MeaninglessHere, "Arn") => Ok(format!("arn:aws:iam::{ACCOUNT}:role/{name}")),
            _ => Err(wrong()),
        }
    }

    fn name(&self, path: &str, logical_id: &str) -> Result<String, TemplateError> {
        let (kind, properties) = self.find(logical_id).ok_or_else(|| unresolved(path, logical_id))?;
        let Some(property) = kind.name_property() else {
            return Ok(format!("{STACK}-{logical_id}"));
        };
        // A name that CloudFormation makes up would be another one here.
        let Some(name) = properties.get(property) else {
            return Err(unresolved(path, &format!("{logical_id}, which has no {property}")));
        };
        if self.following.borrow().iter().any(|id| id == logical_id) {
            return Err(TemplateError::Circular {
                path: path.to_owned(),
                reference: logical_id.to_owned(),
            });
        }
        self.following.borrow_mut().push(logical_id.to_owned());
        let name = self.text(&format!("Resources.{logical_id}.Properties.{property}"), name);
        self.following.borrow_mut().pop();
        name
    }
}

fn parameters(section: Option<&Value>) -> Result<Map<String, Value>, TemplateError> {
    let mut values = Map::new();
    let Some(section) = section else { return Ok(values) };
    for (name, parameter) in object("Parameters", section)? {
        // CloudFormation hands numbers on as texts.
        let default = parameter.get("Default").map(|default| match default {
            Value::Number(number) => Value::String(number.to_string()),
            other => other.clone(),
        });
        values.insert(
            name.clone(),
            default.ok_or_else(|| unresolved(&join("Parameters", name), name))?,
        );
    }
    Ok(values)
}

/// SAM's way of merging `Globals`: objects are merged, anything else of the resource wins.
fn merge(globals: &Value, own: Value) -> Value {
    match (globals, own) {
        (Value::Object(globals), Value::Object(mut own)) => {
            let mut merged = globals.clone();
            for (key, value) in &mut own {
                let value = merge(globals.get(key).unwrap_or(&Value::Null), value.take());
                merged.insert(key.clone(), value);
            }
            Value::Object(merged)
        }
        (globals, Value::Null) => globals.clone(),
        (_, own) => own,
    }
}

/// Removes what a pattern names: `Events.*.Properties.DeadLetterConfig`, where `*` is any key or place.
fn strip(value: &mut Value, pattern: &str) {
    let (first, rest) = pattern
        .split_once('.')
        .map_or((pattern, None), |(first, rest)| (first, Some(rest)));
    match (value, first, rest) {
        (Value::Object(entries), "*", Some(rest)) => entries.values_mut().for_each(|value| strip(value, rest)),
        (Value::Array(items), "*", Some(rest)) => items.iter_mut().for_each(|item| strip(item, rest)),
        (Value::Object(entries), key, None) => drop(entries.remove(key)),
        (Value::Object(entries), key, Some(rest)) => {
            if let Some(value) = entries.get_mut(key) {
                strip(value, rest);
            }
        }
        _ => {}
    }
}

/// An object of one key is an intrinsic function if the key looks like one.
fn intrinsic(entries: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = entries.iter().next().filter(|_| entries.len() == 1)?;
    (name == "Ref" || name == "Condition" || name.starts_with("Fn::")).then_some((name, argument))
}

fn object<'v>(path: &str, value: &'v Value) -> Result<&'v Map<String, Value>, TemplateError> {
    value.as_object().ok_or_else(|| TemplateError::Unknown {
        path: path.to_owned(),
        what: format!("{value} where an object is expected"),
    })
}

fn refuse_others(path: &str, entries: &Map<String, Value>, known: &[&str]) -> Result<(), TemplateError> {
    entries
        .keys()
        .find(|key| !known.contains(&key.as_str()))
        .map_or(Ok(()), |key| {
            Err(TemplateError::Unknown {
                path: join(path, key),
                what: format!("{key:?}"),
            })
        })
}

fn unresolved(path: &str, reference: &str) -> TemplateError {
    TemplateError::Unresolved {
        path: path.to_owned(),
        reference: reference.to_owned(),
    }
}
