//! A place in the output `slipway`: what stands there, checked, with every problem named by its path.

use std::collections::BTreeMap;

use serde_json::Value;

use super::partial::Partial;
use crate::name::Name;
use crate::problem::FieldProblem;
use crate::terraform::OUTPUT;

/// What has been found wrong so far.
pub(super) type Problems = Vec<FieldProblem>;

/// A value, and where it stands. What is not known yet gives no value and no problem.
pub(super) struct At<'a> {
    pub(super) path: String,
    pub(super) value: &'a Partial,
    /// The attributes that are misspelled here, as they are written.
    misspelled: BTreeMap<&'static str, &'a str>,
}

/// How long a name may be that is compared with those of attributes.
const LONGEST_COMPARED: usize = 100;

/// The attribute that a misspelled name means: at most a third of its characters are missing, added, replaced or swapped.
fn nearest(written: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    if written.len() > LONGEST_COMPARED {
        return None;
    }
    let most = (written.chars().count() / 3).max(1);
    let apart = known.map(|name| (strsim::osa_distance(written, name), name));
    let near = apart.min().filter(|(apart, _)| *apart <= most);
    near.map(|(_, name)| name)
}

impl<'a> At<'a> {
    /// The output itself.
    pub(super) fn root(value: &'a Partial) -> Self {
        Self {
            path: OUTPUT.to_owned(),
            value,
            misspelled: BTreeMap::new(),
        }
    }

    /// Names a problem here. It gives no value, of whatever type is wanted.
    pub(super) fn wrong<T>(&self, problems: &mut Problems, detail: &str, remedy: &str) -> Option<T> {
        problems.push(FieldProblem::new(self.path.clone(), detail, remedy));
        None
    }

    /// What is of another type than it should be. Of what is not known yet, that is unknown too.
    fn mistyped<T>(&self, problems: &mut Problems, detail: &str, remedy: &str) -> Option<T> {
        if self.value.is_unknown() {
            return None;
        }
        self.wrong(problems, detail, remedy)
    }

    pub(super) fn object(&self, problems: &mut Problems) -> Option<&'a BTreeMap<String, Partial>> {
        match self.value {
            Partial::Object(fields) => Some(fields),
            _ => self.mistyped(problems, "is not an object", "give an object"),
        }
    }

    /// The attribute, if it is there. Terraform writes an attribute that is not set as `null`.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let Partial::Object(fields) = self.value else {
            return None;
        };
        let written = self.misspelled.get(key).copied().unwrap_or(key);
        let value = fields.get(written).filter(|value| !value.is_null())?;
        Some(Self {
            path: format!("{}.{written}", self.path),
            value,
            misspelled: BTreeMap::new(),
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

    /// The same place, where misspelled attributes are read as what they mean: nothing else is wrong because of the spelling.
    pub(super) fn spelled(&self, known: &[&'static str]) -> Self {
        let mut misspelled = BTreeMap::new();
        if let Partial::Object(fields) = self.value {
            for name in fields.keys().filter(|name| !known.contains(&name.as_str())) {
                let missing = known.iter().copied().filter(|known| self.get(known).is_none());
                if let Some(meant) = nearest(name, missing) {
                    misspelled.entry(meant).or_insert(name.as_str());
                }
            }
        }
        Self {
            path: self.path.clone(),
            value: self.value,
            misspelled,
        }
    }

    /// The attributes by name, read as they are meant; those that are not known attributes are named as problems.
    pub(super) fn attributes(&self, known: &[&'static str], problems: &mut Problems) -> Option<Self> {
        let fields = self.object(problems)?;
        let spelled = self.spelled(known);
        for name in fields.keys().filter(|name| !known.contains(&name.as_str())) {
            let mut meant = spelled.misspelled.iter().filter(|(_, written)| *written == name);
            let remedy = match meant.next() {
                Some((meant, _)) => format!("write `{meant}`"),
                None => format!("use one of: {}", known.join(", ")),
            };
            problems.push(FieldProblem::new(
                format!("{}.{name}", self.path),
                "is not an attribute of the contract",
                remedy,
            ));
        }
        Some(spelled)
    }

    /// The elements of a list.
    pub(super) fn elements(&self) -> Vec<Self> {
        let Partial::List(values) = self.value else {
            return Vec::new();
        };
        let element = |(index, value)| Self {
            path: format!("{}[{index}]", self.path),
            value,
            misspelled: BTreeMap::new(),
        };
        values.iter().enumerate().map(element).collect()
    }

    /// The members of an object that are not `null`, with their names.
    pub(super) fn members(&self) -> Vec<(&'a str, Self)> {
        let Partial::Object(fields) = self.value else {
            return Vec::new();
        };
        let member = |name: &'a String| self.get(name).map(|at| (name.as_str(), at));
        fields.keys().filter_map(member).collect()
    }

    pub(super) fn text(&self, problems: &mut Problems) -> Option<String> {
        match self.value {
            Partial::Known(Value::String(text)) if text.is_empty() => {
                self.wrong(problems, "is empty", "give a text that is not empty")
            }
            Partial::Known(Value::String(text)) => Some(text.clone()),
            Partial::Text(_) => None,
            _ => self.mistyped(problems, "is not a text", "give a text that is not empty"),
        }
    }

    pub(super) fn name(&self, problems: &mut Problems) -> Option<Name> {
        match self.text(problems)?.parse() {
            Ok(name) => Some(name),
            Err(error) => self.wrong(problems, "is not a name", &format!("{error}")),
        }
    }

    pub(super) fn flag(&self, problems: &mut Problems) -> bool {
        match self.value {
            Partial::Known(Value::Bool(flag)) => *flag,
            _ => self
                .mistyped(problems, "is not true or false", "give true or false")
                .unwrap_or_default(),
        }
    }

    pub(super) fn number(&self, problems: &mut Problems, most: u32) -> Option<u32> {
        let number = match self.value {
            Partial::Known(value) => value.as_u64().and_then(|number| u32::try_from(number).ok()),
            _ => None,
        };
        let number = number.filter(|number| *number <= most);
        number.or_else(|| {
            self.mistyped(
                problems,
                "is not a number in range",
                &format!("give a whole number from 0 to {most}"),
            )
        })
    }

    /// A list of texts; `None` if one of them is wrong, or not known yet.
    pub(super) fn list(&self, problems: &mut Problems) -> Option<Vec<String>> {
        if !matches!(self.value, Partial::List(_)) {
            return self.mistyped(problems, "is not a list of texts", "give a list of texts");
        }
        let text = |at: &Self| match at.value {
            Partial::Known(Value::String(text)) => Some(text.clone()),
            Partial::Text(_) => None,
            _ => at.mistyped(problems, "is not a text", "give a list of texts"),
        };
        // Each is read, whatever is wrong with the one before.
        let texts: Vec<Option<String>> = self.elements().iter().map(text).collect();
        texts.into_iter().collect()
    }

    /// Texts by name.
    pub(super) fn texts(&self, problems: &mut Problems) -> BTreeMap<String, String> {
        let _ = self.object(problems);
        let members = self.members().into_iter();
        members
            .filter_map(|(key, at)| at.text(problems).map(|text| (key.to_owned(), text)))
            .collect()
    }

    /// Parts by name.
    pub(super) fn named<T>(
        &self,
        problems: &mut Problems,
        read: fn(&At, &mut Problems) -> Option<T>,
    ) -> BTreeMap<Name, T> {
        let _ = self.object(problems);
        let mut parts = BTreeMap::new();
        for (key, at) in self.members() {
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
