//! Terraform's values, as far as expressions here need them.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use icu_normalizer::ComposingNormalizerBorrowed;
use serde_json::Value as Json;

use super::Stop;
use crate::variable::Kind;
use crate::variable::check::is_negative_zero;

/// Below this, 2^53, whole numbers are exact; Terraform's numbers are so far beyond.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    /// A list or a tuple.
    List(Vec<Value>),
    /// A set, in the order in which Terraform goes through it.
    Set(Vec<Value>),
    /// A map or an object.
    Map(BTreeMap<String, Value>),
}

/// What comes of evaluating.
pub(super) type Evaluated = Result<Value, Stop>;

impl Value {
    /// A value of no declared type.
    pub(crate) fn untyped(json: &Json) -> Evaluated {
        Self::typed(&Kind::Any, json)
    }

    /// A value of a declared type: the attributes that are left out are there, with their defaults.
    pub(crate) fn typed(kind: &Kind, json: &Json) -> Evaluated {
        Ok(match (kind, json) {
            (_, Json::Null) => Self::Null,
            (_, Json::Bool(flag)) => Self::Bool(*flag),
            (_, Json::Number(number)) => Self::number(number.as_f64().ok_or(Stop::Unknown)?)?,
            (_, Json::String(text)) => Self::text(text.clone()),
            (Kind::List(element), Json::Array(values)) => {
                Self::List(each(values.iter().map(|value| (&**element, value)))?)
            }
            (Kind::Set(element), Json::Array(values)) => {
                Self::set(each(values.iter().map(|value| (&**element, value)))?)?
            }
            (Kind::Tuple(kinds), Json::Array(values)) => Self::List(each(kinds.iter().zip(values))?),
            (_, Json::Array(values)) => Self::List(each(values.iter().map(|value| (&Kind::Any, value)))?),
            (Kind::Object(attributes), Json::Object(values)) => {
                let mut object = BTreeMap::new();
                for (name, attribute) in attributes {
                    let given = values.get(name).filter(|value| !value.is_null());
                    if given.is_none() && attribute.default_expression.is_some() {
                        return Err(Stop::Unknown);
                    }
                    let value = given.or(attribute.default.as_ref());
                    object.insert(
                        name.clone(),
                        Self::typed(&attribute.kind, value.unwrap_or(&Json::Null))?,
                    );
                }
                Self::Map(object)
            }
            (kind, Json::Object(values)) => {
                let element = match kind {
                    Kind::Map(element) => element,
                    _ => &Kind::Any,
                };
                let typed = |(name, value): (&String, &Json)| Ok((normal(name.clone()), Self::typed(element, value)?));
                Self::Map(values.iter().map(typed).collect::<Result<_, Stop>>()?)
            }
        })
    }

    /// A text, in the form in which Terraform has every text.
    pub(super) fn text(text: String) -> Self {
        Self::Text(normal(text))
    }

    /// The value as JSON; `None` for a number that JSON here does not have.
    pub(crate) fn to_json(&self) -> Option<Json> {
        Some(match self {
            Self::Null => Json::Null,
            Self::Bool(flag) => Json::Bool(*flag),
            Self::Number(number) => match self.as_whole() {
                Ok(whole) => whole.into(),
                Err(_) => Json::Number(serde_json::Number::from_f64(*number)?),
            },
            Self::Text(text) => Json::String(text.clone()),
            Self::List(values) | Self::Set(values) => values.iter().map(Self::to_json).collect::<Option<_>>()?,
            Self::Map(values) => {
                let entries = values
                    .iter()
                    .map(|(name, value)| Some((name.clone(), value.to_json()?)));
                Json::Object(entries.collect::<Option<_>>()?)
            }
        })
    }

    /// A number, unless it would not be exact.
    pub(super) fn number(number: f64) -> Evaluated {
        if number.is_finite() && number.abs() < EXACT && !is_negative_zero(number) {
            Ok(Self::Number(number))
        } else {
            Err(Stop::Unknown)
        }
    }

    /// A number of things.
    pub(super) fn count(count: usize) -> Evaluated {
        let count = u32::try_from(count).map_err(|_| Stop::Unknown)?;
        Ok(Self::Number(f64::from(count)))
    }

    /// A set of these: each once, in order. Of what Terraform orders by a digest, or would convert first, none.
    pub(super) fn set(values: Vec<Self>) -> Evaluated {
        let mut set: Vec<Self> = Vec::new();
        for value in values {
            let mut place = set.len();
            for (index, known) in set.iter().enumerate() {
                match value.order(known)? {
                    Ordering::Less => {
                        place = index;
                        break;
                    }
                    Ordering::Equal => {
                        place = usize::MAX;
                        break;
                    }
                    Ordering::Greater => {}
                }
            }
            if place <= set.len() {
                // The first of a set is compared with nothing, and must be of a kind that can be.
                value.order(&value)?;
                set.insert(place, value);
            }
        }
        Ok(Self::Set(set))
    }

    fn order(&self, other: &Self) -> Result<Ordering, Stop> {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) => Ok(one.cmp(other)),
            (Self::Number(one), Self::Number(other)) => one.partial_cmp(other).ok_or(Stop::Unknown),
            (Self::Bool(one), Self::Bool(other)) => Ok(one.cmp(other)),
            _ => Err(Stop::Unknown),
        }
    }

    /// Whether two values are equal. What is not of one simple type is not compared: a list never equals a tuple.
    pub(super) fn equals(&self, other: &Self) -> Result<bool, Stop> {
        match (self, other) {
            (Self::Null, Self::Null) => Ok(true),
            (Self::Null, _) | (_, Self::Null) => Ok(false),
            _ => Ok(self.order(other)? == Ordering::Equal),
        }
    }

    pub(super) fn as_bool(&self) -> Result<bool, Stop> {
        match self {
            Self::Bool(flag) => Ok(*flag),
            other => Err(other.not_this()),
        }
    }

    pub(super) fn as_number(&self) -> Result<f64, Stop> {
        match self {
            Self::Number(number) => Ok(*number),
            other => Err(other.not_this()),
        }
    }

    /// A whole number.
    pub(super) fn as_whole(&self) -> Result<i64, Stop> {
        let number = self.as_number()?;
        if number.fract() != 0.0 {
            return Err(Stop::Unknown);
        }
        // Below 2^53 it is exact.
        #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
        Ok(number as i64)
    }

    /// A text, or what Terraform makes a text of where it wants one.
    pub(super) fn as_text(&self) -> Result<String, Stop> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::Bool(flag) => Ok(flag.to_string()),
            Self::Number(_) => Ok(self.as_whole()?.to_string()),
            other => Err(other.not_this()),
        }
    }

    /// The elements of a list or a set.
    pub(super) fn as_elements(&self) -> Result<&[Self], Stop> {
        match self {
            Self::List(values) | Self::Set(values) => Ok(values),
            other => Err(other.not_this()),
        }
    }

    pub(super) fn as_map(&self) -> Result<&BTreeMap<String, Self>, Stop> {
        match self {
            Self::Map(values) => Ok(values),
            other => Err(other.not_this()),
        }
    }

    /// Null is no argument of anything that wants a value; another type might be converted.
    fn not_this(&self) -> Stop {
        match self {
            Self::Null => Stop::Error,
            _ => Stop::Unknown,
        }
    }
}

/// Unicode's composed form (NFC): Terraform's texts are in it, however they were written (`NormalizeString` in
/// `github.com/zclconf/go-cty/cty`).
fn normal(text: String) -> String {
    if text.is_ascii() {
        return text;
    }
    ComposingNormalizerBorrowed::new_nfc().normalize(&text).into_owned()
}

fn each<'a>(values: impl Iterator<Item = (&'a Kind, &'a Json)>) -> Result<Vec<Value>, Stop> {
    values.map(|(kind, value)| Value::typed(kind, value)).collect()
}
