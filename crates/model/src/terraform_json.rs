//! Terraform's JSON syntax (`.tf.json`).
//!
//! An object may name a kind of block, or a label, more than once: Terraform puts these together
//! (`https://developer.hashicorp.com/terraform/language/syntax/json`). So the members of an object are kept as they stand.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::json::Fault;

mod place;

pub use place::{Step, place, written};

/// A JSON value whose objects may name a member twice.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// An object, as its members stand.
    Object(Vec<(String, Node)>),
}

impl Node {
    /// Reads a file.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        Ok(serde_json::from_str(text)?)
    }

    /// The members of an object; none of anything else.
    pub fn members(&self) -> &[(String, Self)] {
        match self {
            Self::Object(members) => members,
            _ => &[],
        }
    }

    /// The first member of this name.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.members()
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }

    /// The text that it is.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The blocks of a kind that has no labels: one is an object, several are a list of them, and both may stand here again.
    /// The content around them may be a list too.
    pub fn blocks(&self, kind: &str) -> Vec<&Self> {
        let members = self.each().flat_map(Self::members);
        let named = members.filter(|(known, _)| known == kind);
        named.flat_map(|(_, value)| value.each()).collect()
    }

    /// The blocks of a kind that has one label, with their labels.
    pub fn labelled(&self, kind: &str) -> Vec<(&str, &Self)> {
        let labels = self.blocks(kind).into_iter().flat_map(Self::members);
        labels
            .flat_map(|(label, value)| value.each().map(move |block| (label.as_str(), block)))
            .collect()
    }

    fn each(&self) -> impl Iterator<Item = &Self> {
        let (one, many) = match self {
            Self::List(many) => (None, many.as_slice()),
            Self::Null => (None, [].as_slice()),
            one => (Some(one), [].as_slice()),
        };
        one.into_iter().chain(many)
    }

    /// The value, where no object in it names a member twice; the name otherwise.
    pub fn value(&self) -> Result<Value, String> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Bool(flag) => Value::Bool(*flag),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Text(text) => Value::String(text.clone()),
            Self::List(values) => Value::Array(values.iter().map(Self::value).collect::<Result<_, _>>()?),
            Self::Object(members) => {
                let mut object = Map::new();
                for (name, value) in members {
                    if object.insert(name.clone(), value.value()?).is_some() {
                        return Err(name.clone());
                    }
                }
                Value::Object(object)
            }
        })
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Number::from_f64(value).map_or(Node::Null, Node::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Node, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = elements.next_element()? {
            values.push(value);
        }
        Ok(Node::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = entries.next_entry()? {
            members.push(member);
        }
        Ok(Node::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_that_stand_apart_are_put_together() {
        let text = r#"{"variable": {"a": {"n": 1}}, "variable": [{"b": [{}, {}]}, {"a": {"n": 2}}], "terraform": {}}"#;
        let file = Node::parse(text).expect("a file");
        let labels: Vec<&str> = file.labelled("variable").into_iter().map(|(label, _)| label).collect();
        assert_eq!(labels, ["a", "b", "b", "a"]);
        assert_eq!((file.blocks("terraform").len(), file.blocks("module").len()), (1, 0));
        let list = Node::parse(r#"[{"module": {"a": {}}}, {"module": {"b": {}}}]"#).expect("a file");
        let labels: Vec<&str> = list.labelled("module").into_iter().map(|(label, _)| label).collect();
        assert_eq!(labels, ["a", "b"]);
    }

    #[test]
    fn a_value_names_each_member_once() {
        let node = Node::parse(r#"{"a": [{"b": 1, "c": null}]}"#).expect("a value");
        assert_eq!(node.value(), Ok(serde_json::json!({"a": [{"b": 1, "c": null}]})));
        let twice = Node::parse(r#"{"a": [{"b": 1, "b": 2}]}"#).expect("a value");
        assert_eq!(twice.value(), Err("b".to_owned()));
    }
}
