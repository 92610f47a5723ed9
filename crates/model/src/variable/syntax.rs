//! Which files of a root module hold its configuration, and in which syntax.

use crate::terraform_file;

/// Terraform's two syntaxes.
#[derive(Clone, Copy)]
pub(crate) enum Syntax {
    /// `*.tf`.
    Hcl,
    /// `*.tf.json`.
    Json,
}

/// The syntax that Terraform reads a file of this name in; `None` for one that holds no configuration.
pub(crate) fn syntax_of(file: &str) -> Option<Syntax> {
    if terraform_file::is_ignored(file) {
        return None;
    }
    let json = file.strip_suffix(".tf.json").map(|_| Syntax::Json);
    json.or_else(|| file.strip_suffix(".tf").map(|_| Syntax::Hcl))
}

/// Whether what is in a file of this name changes what other files say.
pub(crate) fn is_override(file: &str) -> bool {
    let base = file.strip_suffix(".tf.json").or_else(|| file.strip_suffix(".tf"));
    syntax_of(file).is_some() && base.is_some_and(|base| base == "override" || base.ends_with("_override"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_ending_decides_what_is_an_override_file() {
        for file in ["override.tf", "a_override.tf.json", "_override.tf"] {
            assert!(is_override(file), "{file}");
        }
        for file in ["override.tf.tf", "override.md", "overrides.tf", "a_override.tf.tf.json"] {
            assert!(!is_override(file), "{file}");
        }
    }
}
