//! The lock file of a root module, against the providers that its modules require.
//!
//! Builds run `init -lockfile=readonly`, so a lock file that does not fit fails every stack
//! (<https://developer.hashicorp.com/terraform/language/files/dependency-lock>). Without a lock file, `slipway publish` makes one.

use std::collections::BTreeSet;

use hcl_edit::expr::{Expression, ObjectKey};
use semver::Version;

use super::{Source, calls};
use crate::problem::{FieldProblem, Place};
use crate::terraform::LOCK_FILE;
use crate::terraform_file::{self, Argument, Block};
use crate::variable::{SYNTAX_REMEDY, Syntax, syntax_of, text_of};

/// How people mend a lock file.
const REMEDY: &str = "write the lock file anew: `terraform providers lock -platform=linux_arm64 -platform=linux_amd64`";

/// The registries that a source without a host means.
const REGISTRIES: [&str; 2] = ["registry.terraform.io", "registry.opentofu.org"];

/// A provider that a module requires.
struct Required {
    /// The file, from the top of the files.
    file: String,
    at: Place,
    /// `namespace/type`, with a host or without.
    source: String,
    /// The version constraint.
    version: String,
}

/// A provider in the lock file.
struct Locked {
    address: String,
    version: Version,
    at: Place,
}

/// What is wrong with the lock file.
pub(super) fn problems(source: &Source) -> Vec<FieldProblem> {
    let field = source.root_field(LOCK_FILE);
    let Some((_, text)) = source.root_files().find(|(file, _)| *file == LOCK_FILE) else {
        return Vec::new();
    };
    let body = match terraform_file::parse(text) {
        Ok(body) => body,
        Err(error) => return vec![FieldProblem::new(field, error.message, SYNTAX_REMEDY).at(error.place)],
    };
    let (mut problems, mut missing) = (Vec::new(), Vec::new());
    let mut wrong = |at: Place, what: String| problems.push(FieldProblem::new(field.clone(), what, REMEDY).at(at));
    let (mut locked, mut seen): (Vec<Locked>, _) = (Vec::new(), BTreeSet::new());
    for block in body.blocks_of("provider") {
        let address = block.labels.first().map_or("", |label| label.as_ref());
        if !seen.insert(address.to_owned()) {
            wrong(block.at, format!("the provider {address} is locked twice"));
        }
        locked.extend(read(block, address, &mut wrong));
    }
    for required in required(source) {
        match locked.iter().find(|locked| required.is(&locked.address)) {
            Some(locked) if !satisfies(&locked.version, &required.version) => wrong(
                locked.at,
                format!(
                    "the provider {} is locked at {}, which {}:{} does not allow: {}",
                    locked.address, locked.version, required.file, required.at.line, required.version
                ),
            ),
            Some(_) => {}
            // Named already, if it is there.
            None if seen.iter().any(|address| required.is(address)) => {}
            None => {
                let what = format!("the provider {} is not in the lock file {LOCK_FILE}", required.source);
                missing.push(FieldProblem::new(format!("files.{}", required.file), what, REMEDY).at(required.at));
            }
        }
    }
    problems.extend(missing);
    problems
}

/// The version of a provider in the lock file, by the end of its address.
pub(super) fn version_of(source: &Source, provider: &str) -> Option<Version> {
    let (_, text) = source.root_files().find(|(file, _)| *file == LOCK_FILE)?;
    let body = terraform_file::parse(text).ok()?;
    let is_of = |block: &&Block<'_>| block.labels.first().is_some_and(|address| address.ends_with(provider));
    let version = body.blocks_of("provider").find(is_of)?.body.argument("version")?;
    Version::parse(&text_of(version)?).ok()
}

fn read(block: &Block<'_>, address: &str, wrong: &mut impl FnMut(Place, String)) -> Option<Locked> {
    let parts: Vec<&str> = address.split('/').collect();
    let is_plain = |part: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        !part.is_empty() && !part.starts_with('.') && part.chars().all(plain)
    };
    if parts.len() != 3 || !parts.iter().all(is_plain) {
        wrong(
            block.at,
            format!("{address:?} is no address of a provider: HOST/NAMESPACE/TYPE"),
        );
    }
    check_hashes(block, address, wrong);
    let Some(version) = block.body.argument("version") else {
        wrong(block.at, format!("the provider {address} has no `version`"));
        return None;
    };
    let Some(parsed) = text_of(version).and_then(|text| Version::parse(&text).ok()) else {
        wrong(
            version.at,
            format!("the version of the provider {address} is no version"),
        );
        return None;
    };
    Some(Locked {
        address: address.to_owned(),
        version: parsed,
        at: version.at,
    })
}

/// Builds compare packages with these: `h1:` of what is in one, `zh:` of a zip.
fn check_hashes(block: &Block<'_>, address: &str, wrong: &mut impl FnMut(Place, String)) {
    let Some(argument) = block.body.argument("hashes") else {
        return wrong(block.at, format!("the provider {address} has no `hashes`"));
    };
    let Ok(Expression::Array(hashes)) = argument.expression() else {
        return wrong(
            argument.at,
            format!("the `hashes` of the provider {address} are no list"),
        );
    };
    if hashes.is_empty() {
        wrong(argument.at, format!("the provider {address} has no `hashes`"));
    }
    for hash in &hashes {
        let is_one = hash
            .as_str()
            .is_some_and(|hash| hash.starts_with("h1:") || hash.starts_with("zh:"));
        if !is_one {
            let at = argument.place_of(hash);
            wrong(
                at,
                format!("a checksum of the provider {address} begins with neither `h1:` nor `zh:`"),
            );
        }
    }
}

impl Required {
    /// Whether this is the provider with an address of the lock file.
    fn is(&self, address: &str) -> bool {
        if self.source.split('/').count() == 3 {
            return self.source.eq_ignore_ascii_case(address);
        }
        address
            .split_once('/')
            .is_some_and(|(host, rest)| REGISTRIES.contains(&host) && rest.eq_ignore_ascii_case(&self.source))
    }
}

/// The providers that the root module and its local modules require, where they say so.
fn required(source: &Source) -> Vec<Required> {
    let mut required = Vec::new();
    for folder in calls::folders(source) {
        for (file, text) in source.files_of(&folder) {
            let (Some(Syntax::Hcl), Ok(body)) = (syntax_of(file), terraform_file::parse(text)) else {
                continue;
            };
            let file = match folder.as_str() {
                "" => file.to_owned(),
                folder => format!("{folder}/{file}"),
            };
            let blocks = body
                .blocks_of("terraform")
                .flat_map(|block| block.body.blocks_of("required_providers"));
            let arguments = blocks.flat_map(|block| &block.body.arguments);
            required.extend(arguments.filter_map(|argument| required_by(argument, &file)));
        }
    }
    required
}

fn required_by(argument: &Argument<'_>, file: &str) -> Option<Required> {
    let expression = argument.expression().ok()?;
    let part = |name: &str| {
        let mut parts = expression.as_object()?.iter();
        let found = parts.find(|(key, _)| match key {
            ObjectKey::Ident(key) => key.as_str() == name,
            ObjectKey::Expression(Expression::Variable(key)) => key.as_str() == name,
            ObjectKey::Expression(key) => key.as_str() == Some(name),
        });
        found.and_then(|(_, value)| value.expr().as_str()).map(str::to_owned)
    };
    let source = part("source").unwrap_or_else(|| format!("hashicorp/{}", argument.name));
    // Built into Terraform.
    if source.starts_with("terraform.io/builtin/") {
        return None;
    }
    // Before Terraform 0.13 an entry was the version alone.
    let version = part("version").or_else(|| expression.as_str().map(str::to_owned));
    Some(Required {
        file: file.to_owned(),
        at: argument.named_at,
        source,
        version: version.unwrap_or_default(),
    })
}

/// Whether a version meets a constraint
/// (<https://developer.hashicorp.com/terraform/language/expressions/version-constraints>). What cannot be read here is left to
/// Terraform.
fn satisfies(version: &Version, constraint: &str) -> bool {
    constraint
        .split(',')
        .all(|part| meets(version, part.trim()).unwrap_or(true))
}

fn meets(version: &Version, constraint: &str) -> Option<bool> {
    let digits = constraint.find(|c: char| c.is_ascii_digit())?;
    let (operator, wanted) = constraint.split_at(digits);
    let (numbers, more) = wanted
        .split_once(['-', '+'])
        .map_or((wanted, None), |(numbers, more)| (numbers, Some(more)));
    if more.is_some() {
        return None;
    }
    let numbers: Vec<u64> = numbers.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
    let number = |index: usize| numbers.get(index).copied().unwrap_or_default();
    let wanted = Version::new(number(0), number(1), number(2));
    Some(match operator.trim() {
        "" | "=" => *version == wanted,
        "!=" => *version != wanted,
        ">" => *version > wanted,
        ">=" => *version >= wanted,
        "<" => *version < wanted,
        "<=" => *version <= wanted,
        // The last number that is given may rise.
        "~>" => match numbers.len() {
            2 => *version >= wanted && version.major == wanted.major,
            3 => *version >= wanted && (version.major, version.minor) == (wanted.major, wanted.minor),
            _ => return None,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_meets_a_constraint_as_terraform_reads_it() {
        for (version, constraint, meets) in [
            ("6.69.1", "~> 6.0", true),
            ("7.0.0", "~> 6.0", false),
            ("6.1.9", "~> 6.1.2", true),
            ("6.2.0", "~> 6.1.2", false),
            ("1.2.0", ">= 1.2, < 1.3", true),
            ("1.3.0", ">= 1.2, < 1.3", false),
            ("1.3.0", "!= 1.3.0", false),
            ("1.3.0", "1.3", true),
            ("1.3.0", "= 1.3.1", false),
            ("1.3.0", "> 1.3.0", false),
            ("1.3.0", "", true),
            ("1.3.0", "about 2", true),
        ] {
            let parsed = Version::parse(version).expect(version);
            assert_eq!(satisfies(&parsed, constraint), meets, "{version} {constraint}");
        }
    }

    #[test]
    fn lock_file_that_does_not_fit_is_named_with_its_line() {
        let provider = |address: &str, version: &str, hashes: &str| {
            format!("provider \"{address}\" {{\n  version = \"{version}\"\n  hashes = [{hashes}]\n}}\n")
        };
        let aws = "registry.terraform.io/hashicorp/aws";
        let main = "terraform {\n  required_providers {\n    aws = { source = \"hashicorp/aws\", version = \"~> 6.0\" }\n  }\n}\n";
        for (lock, expected) in [
            (provider(aws, "6.1.0", "\"h1:a=\""), vec![]),
            (
                provider("registry.opentofu.org/hashicorp/aws", "6.1.0", "\"h1:a=\""),
                vec![],
            ),
            (String::new(), vec![("files.main.tf", 3)]),
            (
                provider(aws, "5.0.0", "\"zh:a\""),
                vec![("files..terraform.lock.hcl", 2)],
            ),
            (provider(aws, "6.x", "\"zh:a\""), vec![("files..terraform.lock.hcl", 2)]),
            (provider(aws, "6.1.0", ""), vec![("files..terraform.lock.hcl", 3)]),
            (
                provider(aws, "6.1.0", "\n\"h1:a=\",\n\"md5:b\""),
                vec![("files..terraform.lock.hcl", 5)],
            ),
            (
                provider("aws", "6.1.0", "\"h1:a=\""),
                vec![("files..terraform.lock.hcl", 1), ("files.main.tf", 3)],
            ),
            (
                provider(aws, "6.1.0", "\"h1:a=\"").repeat(2),
                vec![("files..terraform.lock.hcl", 5)],
            ),
            ("provider {".to_owned(), vec![("files..terraform.lock.hcl", 1)]),
        ] {
            let mut source = Source::default();
            source.files.insert("main.tf".to_owned(), main.to_owned());
            source.files.insert(LOCK_FILE.to_owned(), lock.clone());
            let mut found: Vec<_> = problems(&source)
                .into_iter()
                .map(|problem| (problem.field, problem.place.map_or(0, |place| place.line)))
                .collect();
            found.sort();
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(field, line)| (field.to_owned(), line))
                .collect();
            assert_eq!(found, expected, "{lock}");
        }
    }
}
