//! A place in the output `slipway`: what stands there, checked, with every problem named by its path.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::name::Name;
use crate::problem::FieldProblem;
use crate::terraform::OUTPUT;

/// What has been found wrong so far.
pub(super) type Problems = Vec<FieldProblem>;

/// A value, and where it stands.
pub(super) struct At<'a> {
    pub(super) path: String,
    pub(super) value: &'a Value,
}

impl<'a> At<'a> {
    /// The output itself.
    pub(super) fn root(value: &'a Value) -> Self {
        Self {
            path: OUTPUT.to_owned(),
            value,
        }
    }

    /// Names a problem here. It gives no value, of whatever type is wanted.
    pub(super) fn wrong<T>(&self, problems: &mut Problems, detail: &str, remedy: &str) -> Option<T> {
        problems.push(FieldProblem::new(self.path.clone(), detail, remedy));
        None
    }

    pub(super) fn object(&self, problems: &mut Problems) -> Option<&'a Map<String, Value>> {
        let object = self.value.as_object();
        object.or_else(|| self.wrong(problems, "is not an object", "give an object"))
    }

    /// The attribute, if it is there. Terraform writes an attribute that is not set as `null`.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(Self {
            path: format!("{}.{key}", self.path),
            value,
        })
    }

    pub(super) fn require(&self, key: &str, problems: &mut Problems) -> Option<Self> {
        let found = self.get(key);
        if found.is_none() {
            let field = format!("{}.{key}", self.path);
            problems.push(FieldProblem::new(
                field,
                "is missing",
                "add the attribute to the output `slipway` of the blueprint",
            ));
        }
        found
    }

    pub(super) fn refuse_others(&self, fields: &Map<String, Value>, known: &[&str], problems: &mut Problems) {
        for name in fields.keys().filter(|name| !known.contains(&name.as_str())) {
            problems.push(FieldProblem::new(
                format!("{}.{name}", self.path),
                "is not an attribute of the contract",
                format!("use one of: {}", known.join(", ")),
            ));
        }
    }

    pub(super) fn text(&self, problems: &mut Problems) -> Option<String> {
        let text = self.value.as_str().filter(|text| !text.is_empty());
        text.map(str::to_owned)
            .or_else(|| self.wrong(problems, "is not a text", "give a text that is not empty"))
    }

    pub(super) fn name(&self, problems: &mut Problems) -> Option<Name> {
        match self.text(problems)?.parse() {
            Ok(name) => Some(name),
            Err(error) => self.wrong(problems, "is not a name", &format!("{error}")),
        }
    }

    pub(super) fn flag(&self, problems: &mut Problems) -> bool {
        let flag = self.value.as_bool();
        flag.or_else(|| self.wrong(problems, "is not true or false", "give true or false"))
            .unwrap_or_default()
    }

    pub(super) fn number(&self, problems: &mut Problems, most: u32) -> Option<u32> {
        let number = self.value.as_u64().and_then(|number| u32::try_from(number).ok());
        let number = number.filter(|number| *number <= most);
        number.or_else(|| {
            self.wrong(
                problems,
                "is not a number in range",
                &format!("give a whole number from 0 to {most}"),
            )
        })
    }

    /// A list of texts.
    pub(super) fn list(&self, problems: &mut Problems) -> Vec<String> {
        let texts = self
            .value
            .as_array()
            .map(|values| values.iter().map(|value| value.as_str().map(str::to_owned)));
        let texts: Option<Vec<String>> = texts.and_then(Iterator::collect);
        texts
            .or_else(|| self.wrong(problems, "is not a list of texts", "give a list of texts"))
            .unwrap_or_default()
    }

    /// Texts by name.
    pub(super) fn texts(&self, problems: &mut Problems) -> BTreeMap<String, String> {
        let Some(fields) = self.object(problems) else {
            return BTreeMap::new();
        };
        let keys = fields.keys().filter_map(|key| self.get(key).map(|at| (key, at)));
        keys.filter_map(|(key, at)| at.text(problems).map(|text| (key.clone(), text)))
            .collect()
    }

    /// Parts by name.
    pub(super) fn named<T>(
        &self,
        problems: &mut Problems,
        read: fn(&At, &mut Problems) -> Option<T>,
    ) -> BTreeMap<Name, T> {
        let Some(fields) = self.object(problems) else {
            return BTreeMap::new();
        };
        let mut parts = BTreeMap::new();
        for key in fields.keys() {
            let Some(at) = self.get(key) else { continue };
            match key.parse::<Name>() {
                Ok(name) => parts.extend(read(&at, problems).map(|part| (name, part))),
                Err(error) => {
                    at.wrong::<()>(problems, "is not a name", &error.to_string());
                }
            }
        }
        parts
    }
}
