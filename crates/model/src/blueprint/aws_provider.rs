//! The configurations of the AWS provider: what the runner overrides in the root module, and which ones Slipway rejects.
//!
//! A nested block of an override file replaces every block of its kind, `dynamic` ones too (`prepareContent` in Terraform's
//! `internal/configs/module_merge_body.go`). So what the blueprint has in such a block is read here, and the runner writes it again.
//! Override files are not merged across modules: a `provider` block of another module would keep what it has.

use std::collections::BTreeMap;

use hcl_edit::Ident;
use hcl_edit::expr::Expression;
use semver::Version;
use serde_json::{Map, Value};

use super::{Source, below, calls, lock, passed};
use crate::problem::{FieldProblem, Place};
use crate::terraform_file::{self, Body};
use crate::terraform_json::{self, Node, Step};
use crate::variable::{is_override, text_of};

/// The local name, unless the module says otherwise.
const AWS: &str = "aws";

const TAGS: &str = "default_tags";
const ROLE: &str = "assume_role";
const WEB_IDENTITY: &str = "assume_role_with_web_identity";

/// The arguments with credentials, or with where these are
/// (<https://registry.terraform.io/providers/hashicorp/aws/latest/docs#argument-reference>).
const CREDENTIALS: [&str; 7] = [
    "access_key",
    "profile",
    "secret_key",
    "shared_config_files",
    "shared_credentials_file",
    "shared_credentials_files",
    "token",
];

/// The first version that assumes several roles, one with the credentials of the one before
/// (<https://github.com/hashicorp/terraform-provider-aws/pull/39255>).
const CHAINS_ROLES: Version = Version::new(5, 67, 0);

/// How the root module calls and configures the AWS provider.
#[derive(Debug, Clone, PartialEq)]
pub struct AwsProvider {
    /// Its local name: `aws`, if the module does not say otherwise.
    pub name: String,
    /// The configuration without an alias, which may have no block.
    pub default: AwsConfiguration,
    /// Its further configurations, by alias.
    pub aliases: BTreeMap<String, AwsConfiguration>,
}

/// What a configuration has in the blocks that the runner replaces, as values of a `.tf.json` file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AwsConfiguration {
    /// The argument `tags` of its `default_tags`.
    pub tags: Option<Value>,
    /// Its `assume_role` blocks, in order.
    pub roles: Vec<Map<String, Value>>,
}

impl AwsProvider {
    /// Reads how the root module calls and configures the AWS provider.
    pub fn of(source: &Source) -> Self {
        let module = Module::read(source, &source.root);
        let mut provider = Self {
            name: module.local_name().unwrap_or(AWS).to_owned(),
            default: AwsConfiguration::default(),
            aliases: BTreeMap::new(),
        };
        for block in module.configurations() {
            let configuration = match &block.alias {
                None => &mut provider.default,
                Some(alias) => provider.aliases.entry(alias.clone()).or_default(),
            };
            configuration.take(block);
        }
        if locked_without_chains(source).is_some() {
            // Plan rejects such a version. Earlier ones of Slipway replaced these roles, so a destroy finds its resources without them.
            provider.aliases.values_mut().for_each(|alias| alias.roles.clear());
        }
        provider
    }

    /// The aliases of the configurations that assume roles.
    pub fn with_roles(&self) -> impl Iterator<Item = &String> {
        let aliases = self.aliases.iter();
        aliases.filter_map(|(alias, configuration)| (!configuration.roles.is_empty()).then_some(alias))
    }

    /// Leaves out the roles of a further configuration.
    pub fn leave_out_roles(&mut self, alias: &str) {
        if let Some(configuration) = self.aliases.get_mut(alias) {
            configuration.roles.clear();
        }
    }
}

impl AwsConfiguration {
    /// Takes what a block has. The blocks of an override file, which come last, replace earlier ones.
    fn take(&mut self, block: &ProviderBlock) {
        if block.has(TAGS) {
            self.tags = block.of(TAGS).find_map(|tags| tags.get("tags")).cloned();
        }
        if block.has(ROLE) {
            self.roles = block.of(ROLE).cloned().collect();
        }
    }
}

/// The locked version of the AWS provider, if that assumes one role alone.
fn locked_without_chains(source: &Source) -> Option<Version> {
    lock::version_of(source, "/hashicorp/aws").filter(|locked| *locked < CHAINS_ROLES)
}

/// The configurations that Slipway rejects. If the runner assumes the role of an environment, these are more: each configuration then
/// works with that role, and one with credentials of its own is for another account, or is a leftover.
pub(super) fn problems(source: &Source, assumes_role: bool) -> Vec<FieldProblem> {
    let unchained = locked_without_chains(source);
    let mut problems = Vec::new();
    for folder in calls::folders(source) {
        let module = Module::read(source, &folder);
        for block in module.configurations() {
            if folder == source.root {
                problems.extend(block.problems(assumes_role));
                let has_second_role = assumes_role && block.alias.is_some() && block.has(ROLE);
                if let Some(locked) = unchained.as_ref().filter(|_| has_second_role) {
                    let detail = format!(
                        "the provider `{}` has an `assume_role` besides that of the environment, which the locked version {locked} does \
                         not support",
                        block.key()
                    );
                    let remedy = "lock version 5.67 of `hashicorp/aws` or a later one";
                    problems.push(block.problem(detail, remedy));
                }
            } else if !block.is_empty || !passed::to_every_call(source, &folder, &block.key()) {
                let detail = format!(
                    "the module configures the provider `{}` itself, so its resources would get neither the role of the environment nor \
                     the tags of the stack",
                    block.key()
                );
                let remedy = "remove the block, or use a version of the module without it; configure the provider in the root module, and \
                              pass it in the call: `providers = { aws = aws.name }`";
                problems.push(block.problem(detail, remedy));
            }
        }
    }
    problems
}

/// The `provider` blocks of one module, and the sources of its providers by their local names.
#[derive(Default)]
struct Module {
    blocks: Vec<ProviderBlock>,
    sources: BTreeMap<String, String>,
}

/// A `provider` block.
struct ProviderBlock {
    name: String,
    alias: Option<String>,
    file: String,
    at: Place,
    /// Whether it has nothing but its alias and its version.
    is_empty: bool,
    /// The arguments of [`CREDENTIALS`], as they are written.
    credentials: Vec<(String, String)>,
    /// The blocks in it that matter here, as values of a `.tf.json` file.
    blocks: Vec<(String, Map<String, Value>)>,
    /// The kinds of blocks in it whose content cannot be written again: of a `dynamic` block, or with a name twice.
    unread: Vec<String>,
}

impl Module {
    /// A file that cannot be read is passed over: Terraform rejects it.
    fn read(source: &Source, folder: &str) -> Self {
        let mut module = Self::default();
        let mut files: Vec<_> = source.files_of(folder).collect();
        files.sort_by_key(|(file, _)| (is_override(file), *file));
        for (file, text) in files {
            if terraform_file::is_ignored(file) {
                continue;
            }
            // An earlier Slipway published files of OpenTofu too.
            if file.ends_with(".tf") || file.ends_with(".tofu") {
                if let Ok(body) = terraform_file::parse(text) {
                    module.read_native(&body, &below(folder, file));
                }
            } else if (file.ends_with(".tf.json") || file.ends_with(".tofu.json"))
                && let Ok(node) = Node::parse(text)
            {
                module.read_json(text, &node, &below(folder, file));
            }
        }
        module
    }

    fn read_native(&mut self, body: &Body<'_>, file: &str) {
        let required = body
            .blocks_of("terraform")
            .flat_map(|block| block.body.blocks_of("required_providers"));
        for argument in required.flat_map(|required| &required.body.arguments) {
            let Ok(Expression::Object(object)) = argument.expression() else {
                continue;
            };
            let source = object.iter().find(|(key, _)| {
                key.as_ident().map(Ident::as_str) == Some("source")
                    || key.as_expr().and_then(Expression::as_str) == Some("source")
            });
            if let Some(source) = source.and_then(|(_, value)| value.expr().as_str()) {
                self.sources.insert(argument.name.to_owned(), source.to_owned());
            }
        }
        for block in body.blocks_of("provider") {
            let Some(name) = block.labels.first() else { continue };
            let arguments = &block.body.arguments;
            let nested = &block.body.blocks;
            let written = arguments.iter().filter(|argument| CREDENTIALS.contains(&argument.name));
            let dynamic = block.body.blocks_of("dynamic");
            self.blocks.push(ProviderBlock {
                name: name.clone().into_owned(),
                alias: block.body.argument("alias").and_then(text_of),
                file: file.to_owned(),
                at: block.at,
                is_empty: nested.is_empty() && arguments.iter().all(|argument| names_only(argument.name)),
                credentials: written
                    .map(|argument| (argument.name.to_owned(), argument.text.to_owned()))
                    .collect(),
                blocks: nested
                    .iter()
                    .filter(|block| block.kind != "dynamic")
                    .map(|block| (block.kind.to_owned(), templates(&block.body)))
                    .collect(),
                unread: dynamic
                    .filter_map(|block| Some(block.labels.first()?.clone().into_owned()))
                    .collect(),
            });
        }
    }

    fn read_json(&mut self, text: &str, module: &Node, file: &str) {
        let terraform = module.blocks("terraform").into_iter();
        let required = terraform.flat_map(|block| block.blocks("required_providers"));
        for (name, requirement) in required.flat_map(Node::members) {
            if let Some(source) = requirement.get("source").and_then(Node::as_text) {
                self.sources.insert(name.clone(), source.to_owned());
            }
        }
        for (name, block) in module.labelled("provider") {
            let dynamic = block.labelled("dynamic").into_iter().map(|(kind, _)| kind.to_owned());
            let mut unread: Vec<String> = dynamic.collect();
            let mut blocks = Vec::new();
            for kind in [TAGS, ROLE, WEB_IDENTITY] {
                for nested in block.blocks(kind) {
                    match nested.value() {
                        Ok(Value::Object(arguments)) => blocks.push((kind.to_owned(), arguments)),
                        _ => unread.push(kind.to_owned()),
                    }
                }
            }
            let credentials = block.members().iter();
            let credentials = credentials.filter(|(name, _)| CREDENTIALS.contains(&name.as_str()));
            self.blocks.push(ProviderBlock {
                name: name.to_owned(),
                alias: block.get("alias").and_then(Node::as_text).map(str::to_owned),
                file: file.to_owned(),
                at: terraform_json::place(text, &[Step::Member("provider"), Step::Member(name)]),
                is_empty: block.members().iter().all(|(name, _)| names_only(name)),
                credentials: credentials
                    .map(|(name, value)| (name.clone(), json_text(value).to_owned()))
                    .collect(),
                blocks,
                unread,
            });
        }
    }

    /// What the module calls the AWS provider. None if `aws` is another provider.
    fn local_name(&self) -> Option<&str> {
        let mut sources = self.sources.iter();
        let named = sources.find(|(_, source)| is_aws(source));
        let named = named.map(|(name, _)| name.as_str());
        named.or_else(|| (!self.sources.contains_key(AWS)).then_some(AWS))
    }

    /// The blocks of the AWS provider, those of override files last.
    fn configurations(&self) -> impl Iterator<Item = &ProviderBlock> {
        let name = self.local_name();
        self.blocks
            .iter()
            .filter(move |block| name == Some(block.name.as_str()))
    }
}

impl ProviderBlock {
    /// Its name in the module: `aws`, `aws.edge`.
    fn key(&self) -> String {
        match &self.alias {
            None => self.name.clone(),
            Some(alias) => format!("{}.{alias}", self.name),
        }
    }

    fn of(&self, kind: &str) -> impl Iterator<Item = &Map<String, Value>> {
        let blocks = self.blocks.iter().filter(move |(known, _)| known == kind);
        blocks.map(|(_, arguments)| arguments)
    }

    fn is_unread(&self, kind: &str) -> bool {
        self.unread.iter().any(|known| known == kind)
    }

    fn has(&self, kind: &str) -> bool {
        self.is_unread(kind) || self.of(kind).next().is_some()
    }

    fn problem(&self, detail: String, remedy: impl Into<String>) -> FieldProblem {
        FieldProblem::new(format!("files.{}", self.file), detail, remedy).at(self.at)
    }

    /// What is wrong with a configuration of the root module.
    fn problems(&self, assumes_role: bool) -> Vec<FieldProblem> {
        let key = self.key();
        let mut problems = Vec::new();
        if self.is_unread(TAGS) {
            let detail = format!("the tags of the provider `{key}` could not be merged with those of the stack");
            let remedy = "write one `default_tags` block, not `dynamic`, with one value for each tag";
            problems.push(self.problem(detail, remedy));
        }
        if !assumes_role {
            return problems;
        }
        if self.alias.is_none() && self.has(ROLE) {
            let detail = format!(
                "the provider `{key}` has an `assume_role`, but without an alias it works in the account of the environment, with the \
                 environment's role"
            );
            let remedy = "remove `assume_role`; for another account, give the provider an `alias`";
            problems.push(self.problem(detail, remedy));
        } else if self.is_unread(ROLE) {
            let detail = format!("the role of the provider `{key}` could not be assumed after that of the environment");
            let remedy = "write `assume_role` as a block, not `dynamic`, with one value for each argument";
            problems.push(self.problem(detail, remedy));
        }
        let arguments = self.credentials.iter().filter(|(_, text)| !may_be_null(text));
        let arguments = arguments.map(|(name, _)| name.as_str());
        for name in arguments.chain(self.has(WEB_IDENTITY).then_some(WEB_IDENTITY)) {
            let detail = format!("the provider `{key}` has `{name}`, but a build assumes the role of the environment");
            let remedy = format!(
                "remove `{name}`; for another account, write an `assume_role` in a provider with an `alias`, with a role that the \
                 environment's role may assume"
            );
            problems.push(self.problem(detail, remedy));
        }
        problems
    }
}

fn is_aws(source: &str) -> bool {
    source == "hashicorp/aws" || source.ends_with("/hashicorp/aws")
}

/// Whether an argument configures nothing.
fn names_only(argument: &str) -> bool {
    ["alias", "version", "//"].contains(&argument)
}

/// Whether credentials may be left out for a stack. If they are not, the AWS provider cannot assume the role of the environment with them:
/// its trust policy lets builds alone in. The plan then fails.
fn may_be_null(text: &str) -> bool {
    text == "null" || text.contains("var.") || text.contains("local.")
}

fn json_text(value: &Node) -> &str {
    match value {
        Node::Null => "null",
        Node::Text(text) => text,
        _ => "",
    }
}

/// The arguments of a block as strings of a `.tf.json` file, which are templates: one that is a single interpolation keeps its type. Line
/// ends around an expression end a comment or a heredoc in it.
fn templates(body: &Body<'_>) -> Map<String, Value> {
    let arguments = body.arguments.iter();
    arguments
        .map(|argument| (argument.name.to_owned(), format!("${{\n{}\n}}", argument.text).into()))
        .collect()
}

#[cfg(test)]
#[path = "aws_provider_tests.rs"]
mod tests;
