//! A variable as its block declares it.

use super::constant::Constant;
use super::{Kind, Validation, Variable, convert};
use crate::problem::Place;
use crate::terraform_file;

/// A `variable` block as it was written, in either of Terraform's two syntaxes.
#[derive(Default)]
pub(super) struct Declared {
    pub(super) kind: Option<(Kind, String)>,
    pub(super) default: Option<Given>,
    pub(super) description: Option<String>,
    pub(super) sensitive: Option<bool>,
    pub(super) ephemeral: Option<bool>,
    pub(super) nullable: Option<bool>,
    pub(super) validations: Vec<Validation>,
}

/// A default, and where it is written.
pub(super) struct Given {
    pub(super) value: Constant,
    pub(super) at: Place,
    /// The file, where it is not the one that declares the variable.
    pub(super) file: Option<String>,
}

impl Given {
    pub(super) fn new(value: Constant, at: Place) -> Self {
        Self { value, at, file: None }
    }
}

/// A block, and what is wrong with it.
pub(super) struct Read {
    pub(super) name: String,
    pub(super) declared: Declared,
    /// Where it begins.
    pub(super) at: Place,
    pub(super) problems: Vec<Wrong>,
}

pub(super) struct Wrong {
    pub(super) at: Place,
    pub(super) detail: String,
    pub(super) remedy: &'static str,
}

impl Read {
    pub(super) fn new(name: String, at: Place) -> Self {
        Self {
            name,
            declared: Declared::default(),
            at,
            problems: Vec::new(),
        }
    }

    pub(super) fn problem(&mut self, at: Place, detail: impl std::fmt::Display, remedy: &'static str) {
        self.problems.push(Wrong {
            at,
            detail: format!("variable `{}`: {detail}", self.name),
            remedy,
        });
    }
}

/// The longest name of a variable. Terraform has no limit; a sensitive one's is a key of the table, which has 1,024 bytes.
const LONGEST_NAME: usize = 255;

/// Why a variable cannot have this name; but for its length, that is Terraform's rule (`decodeVariableBlock` in its
/// `internal/configs/named_values.go`).
pub(super) fn name_problem(name: &str) -> Option<&'static str> {
    /// What means something in a `module` block.
    const RESERVED: [&str; 10] = [
        "source",
        "version",
        "count",
        "for_each",
        "depends_on",
        "providers",
        "_",
        "lifecycle",
        "locals",
        "provider",
    ];
    if !terraform_file::is_identifier(name) {
        Some("a name begins with a letter or `_`, and has letters, digits, `_` and `-`")
    } else if name.len() > LONGEST_NAME {
        Some("the name has more than 255 bytes")
    } else if RESERVED.contains(&name) {
        Some("Terraform reserves this name for its `module` blocks")
    } else {
        None
    }
}

pub(super) fn default_problem(declared: &Declared, default: &Given) -> Option<String> {
    let default = default.value.value()?;
    if default.is_null() && declared.nullable == Some(false) {
        return Some("the default is null, and `nullable` is false".to_owned());
    }
    let (kind, _) = declared.kind.as_ref()?;
    let what = convert::problem(kind, default)?;
    Some(format!("the default does not fit the type: {what}"))
}

pub(super) fn variable(name: String, declared: Declared) -> Variable {
    let (kind, type_text) = declared.kind.unwrap_or_else(|| (Kind::Any, "any".to_owned()));
    let sensitive = declared.sensitive.unwrap_or_default() || declared.ephemeral.unwrap_or_default();
    let default = declared.default.as_ref().map(|given| &given.value);
    let shown = default.filter(|_| !sensitive);
    let hidden = default.filter(|_| sensitive);
    Variable {
        name,
        kind,
        type_text,
        required: declared.default.is_none(),
        default: shown.and_then(Constant::value).cloned(),
        default_expression: shown.and_then(Constant::written).map(str::to_owned),
        hidden_default: hidden.and_then(Constant::value).cloned(),
        // Terraform's own default (`https://developer.hashicorp.com/terraform/language/values/variables`, "nullable").
        nullable: declared.nullable.unwrap_or(true),
        description: declared.description.unwrap_or_default(),
        sensitive,
        validations: declared.validations,
    }
}
