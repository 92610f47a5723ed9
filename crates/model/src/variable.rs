//! The schema of a blueprint's variables, and the check of a request against it.
//!
//! The schema is read from the blueprint's own `variable` blocks when a version is published, so there is no second place
//! in which it could be wrong.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::problem::FieldProblem;

mod check;
mod constant;
mod convert;
mod declared;
mod evaluate;
mod json;
mod native;
mod read;
mod schema;
mod shown;
mod syntax;
mod types;
mod validation;
mod values;

pub(crate) use constant::constant_of;
pub(crate) use native::{is_on, text_of};
pub(crate) use read::SYNTAX_REMEDY;
pub use read::read_schema;
pub use schema::json_schema;
pub(crate) use syntax::{Syntax, is_override, syntax_of};
pub use values::values_in;

/// What stands in place of a sensitive value wherever a value is shown.
pub const HIDDEN: &str = "(sensitive)";

/// One `variable` block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What values it takes.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The type as the blueprint writes it, for people.
    pub type_text: String,
    /// Whether a request has to give a value: there is no default.
    pub required: bool,
    /// The default, where there is one that may be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// The default as the blueprint writes it, where only Terraform can say what it comes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_expression: Option<String>,
    /// The default of a sensitive variable, which is never shown, and which texts must not contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_default: Option<Value>,
    /// Whether `null` is a value that it takes.
    pub nullable: bool,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Whether its value is never shown.
    #[serde(default)]
    pub sensitive: bool,
    /// What else its value must satisfy.
    #[serde(default)]
    pub validations: Vec<Validation>,
}

/// A `validation` block of a variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validation {
    /// The condition, as the blueprint writes it.
    pub condition: String,
    /// What Terraform says when it does not hold.
    pub error_message: String,
}

/// A Terraform type constraint (`https://developer.hashicorp.com/terraform/language/expressions/type-constraints`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Any value.
    Any,
    /// Text.
    String,
    /// A number.
    Number,
    /// True or false.
    Bool,
    /// Values of one type, in order.
    List(Box<Kind>),
    /// Values of one type, each once.
    Set(Box<Kind>),
    /// Values of one type by name.
    Map(Box<Kind>),
    /// Values of these types, in this order.
    Tuple(Vec<Kind>),
    /// Values of these types by name.
    Object(BTreeMap<String, Attribute>),
}

/// An attribute of an `object` type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attribute {
    /// What values it takes.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Whether it may be left out: `optional(…)`.
    pub optional: bool,
    /// What it is then, where the blueprint says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// The default as the blueprint writes it, where only Terraform can say what it comes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_expression: Option<String>,
}

/// Checks the values of a request against a schema; every problem is named at once.
///
/// `fixed` are the values that the environment gives: a request can neither set nor miss these. A `null` in the request
/// is the same as leaving the variable out. The values come back as they were given, less the nulls: Terraform fills in
/// the defaults itself.
pub fn check(
    schema: &[Variable],
    fixed: &Map<String, Value>,
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, Vec<FieldProblem>> {
    check::request(schema, fixed, given)
}

/// The names of the variables whose values are never shown.
pub fn sensitive_names(schema: &[Variable]) -> BTreeSet<String> {
    let sensitive = schema.iter().filter(|variable| variable.sensitive);
    sensitive.map(|variable| variable.name.clone()).collect()
}
