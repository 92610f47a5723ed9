//! The blueprint's files: fetched by digest, and checked before Terraform reads them.

use std::collections::BTreeSet;

use hcl_edit::expr::Expression;
use slipway_model::artifact;
use slipway_model::blueprint::{RemoteModule, Source, folder_of, refusal};
use slipway_model::environment::Environment;
use slipway_model::name::Digest;
use slipway_model::operation::Operation;
use slipway_model::secret::Sources;
use slipway_model::stack::Stack;
use slipway_model::terraform_file::{self, Argument, Body};
use slipway_model::terraform_json::Node;
use slipway_model::variable::{Variable, read_schema};

use crate::error::Error;
use crate::objects::Bucket;
use crate::secrets;

/// Fetches the files of a blueprint version.
pub(crate) async fn fetch(artifacts: &Bucket, digest: &Digest) -> Result<Source, Error> {
    let key = artifact::blueprint(digest);
    let Some(object) = artifacts.get(&key).await? else {
        return Err(Error::NoBlueprint(key));
    };
    let differs = |why: String| Error::BlueprintDiffers { key: key.clone(), why };
    let source: Source = serde_json::from_slice(&object.bytes).map_err(|error| differs(error.to_string()))?;
    let found = source.digest();
    if found != *digest {
        return Err(differs(format!(
            "their digest is {}, not {}",
            found.as_str(),
            digest.as_str()
        )));
    }
    check_names(&source)?;
    Ok(source)
}

/// The schema of a version that the stack was made from before; empty if its files are no longer there or cannot be read.
async fn schema_of(artifacts: &Bucket, digest: &Digest) -> Result<Vec<Variable>, Error> {
    let Some(object) = artifacts.get(&artifact::blueprint(digest)).await? else {
        return Ok(Vec::new());
    };
    let source: Option<Source> = serde_json::from_slice(&object.bytes).ok();
    let schema = source.and_then(|source| read_schema(source.root_files()).ok());
    Ok(schema.unwrap_or_default())
}

/// Refuses files that call remote modules, as earlier versions of Slipway published them: what `init` downloads may be other code
/// than what was reviewed.
pub(crate) fn check_modules(source: &Source) -> Result<(), Error> {
    match source.remote_modules().into_iter().next() {
        None => Ok(()),
        Some(RemoteModule { folder, call }) => Err(Error::RemoteModule {
            file: folder_of(&folder, &call.file).unwrap_or(call.file),
            module: call.source,
        }),
    }
}

/// Refuses files that would take the place of the runner's own, or come after them and win. So does a publish; what was published
/// before it did is refused here.
fn check_names(source: &Source) -> Result<(), Error> {
    let refused = source.root_files().find_map(|(name, _)| Some((name, refusal(name)?)));
    match refused {
        None => Ok(()),
        Some((name, why)) => Err(Error::BlueprintFile {
            file: name.to_owned(),
            why,
        }),
    }
}

/// The names of the variables that the root module declares. None where a file cannot be read: Terraform names the place.
pub(crate) fn declared_variables(source: &Source) -> BTreeSet<String> {
    let schema = read_schema(source.root_files()).unwrap_or_default();
    schema.into_iter().map(|variable| variable.name).collect()
}

/// How the root module calls the AWS provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AwsProvider {
    /// Its local name: `aws`, if the module does not say otherwise.
    pub(crate) name: String,
    /// The aliases of its further configurations.
    pub(crate) aliases: BTreeSet<String>,
}

/// Reads how the root module calls the AWS provider.
pub(crate) fn aws_provider(source: &Source) -> AwsProvider {
    let mut name = "aws".to_owned();
    let mut blocks = Vec::new();
    for (file, text) in source.root_files() {
        if terraform_file::is_ignored(file) {
            continue;
        }
        let ends_with = |ends: [&str; 2]| ends.iter().any(|end| file.strip_suffix(end).is_some());
        if ends_with([".tf", ".tofu"]) {
            // One that cannot be read, Terraform rejects too.
            if let Ok(body) = terraform_file::parse(text) {
                read_hcl(&body, &mut name, &mut blocks);
            }
        } else if ends_with([".tf.json", ".tofu.json"])
            && let Ok(file) = Node::parse(text)
        {
            read_json(&file, &mut name, &mut blocks);
        }
    }
    let aliases = blocks
        .into_iter()
        .filter(|(provider, _)| *provider == name)
        .map(|(_, alias)| alias)
        .collect();
    AwsProvider { name, aliases }
}

fn is_aws(source: &str) -> bool {
    source == "hashicorp/aws" || source.ends_with("/hashicorp/aws")
}

/// The source of the AWS provider's local name, and the aliased provider blocks as (local name, alias).
fn read_hcl(body: &Body<'_>, name: &mut String, blocks: &mut Vec<(String, String)>) {
    let terraform = body
        .blocks_of("terraform")
        .flat_map(|block| block.body.blocks_of("required_providers"));
    for argument in terraform.flat_map(|required| &required.body.arguments) {
        let Ok(Expression::Object(object)) = argument.expression() else {
            continue;
        };
        let source = object.iter().find(|(key, _)| {
            key.as_ident().map(hcl_edit::Ident::as_str) == Some("source")
                || key.as_expr().and_then(Expression::as_str) == Some("source")
        });
        if source.and_then(|(_, value)| value.expr().as_str()).is_some_and(is_aws) {
            argument.name.clone_into(name);
        }
    }
    for provider in body.blocks_of("provider") {
        let label = provider.labels.first().map(|label| label.clone().into_owned());
        let alias = provider.body.argument("alias").and_then(Argument::as_text);
        blocks.extend(label.zip(alias));
    }
}

fn read_json(module: &Node, name: &mut String, blocks: &mut Vec<(String, String)>) {
    let terraform = module
        .blocks("terraform")
        .into_iter()
        .flat_map(|block| block.blocks("required_providers"));
    for (local, requirement) in terraform.flat_map(Node::members) {
        if requirement.get("source").and_then(Node::as_text).is_some_and(is_aws) {
            local.clone_into(name);
        }
    }
    for (label, configuration) in module.labelled("provider") {
        let alias = configuration.get("alias").and_then(Node::as_text);
        blocks.extend(alias.map(|alias| (label.to_owned(), alias.to_owned())));
    }
}

/// Learns the secrets of an operation, before anything of the blueprint runs. The state has the defaults of the version that the stack
/// was made from before, and a plan shows them.
pub(crate) async fn learn_secrets(
    artifacts: &Bucket,
    operation: &Operation,
    stack: &Stack,
    environment: &Environment,
    source: &Source,
) -> Result<(), Error> {
    // A file that cannot be read, Terraform cannot read either: nothing of it runs.
    let mut schemas = vec![read_schema(source.root_files()).unwrap_or_default()];
    let configurations: Vec<_> = [&operation.configuration, &stack.configuration]
        .into_iter()
        .chain(&stack.applied)
        .collect();
    let digests: BTreeSet<&Digest> = configurations.iter().map(|made| &made.digest).collect();
    for earlier in digests {
        if *earlier != operation.configuration.digest {
            schemas.push(schema_of(artifacts, earlier).await?);
        }
    }
    let schemas: Vec<&[Variable]> = schemas.iter().map(Vec::as_slice).collect();
    let sources = Sources {
        schemas: &schemas,
        configurations: &configurations,
        environment: Some(environment),
    };
    secrets::learn_of(&sources);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(files: &[(&str, &str)]) -> Source {
        let files = files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        Source {
            root: String::new(),
            files: files.collect(),
            ..Source::default()
        }
    }

    #[test]
    fn remote_module_is_refused_by_file_and_source() {
        let local = ("m/main.tf", "module \"n\" { source = \"../n\" }");
        let main = ("main.tf", "module \"m\" { source = \"./m\" }");
        let mut source = source(&[main, local, ("n/main.tf", "")]);
        check_modules(&source).expect("local modules");
        let remote = "module \"vpc\" { source = \"example/vpc/aws\" }".to_owned();
        source.files.insert("n/main.tf".to_owned(), remote);
        let refused = check_modules(&source).expect_err("a remote module").to_string();
        assert!(
            refused.contains("n/main.tf") && refused.contains("example/vpc/aws"),
            "{refused}"
        );
    }

    #[test]
    fn every_configuration_of_the_aws_provider_is_found() {
        let plain = source(&[("main.tf", "resource \"aws_vpc\" \"this\" {}")]);
        let expected = AwsProvider {
            name: "aws".to_owned(),
            aliases: BTreeSet::new(),
        };
        assert_eq!(aws_provider(&plain), expected);
        let named = source(&[
            (
                "main.tf",
                r#"
                terraform {
                  required_providers {
                    cloud = { source = "hashicorp/aws", version = "~> 6.0" }
                    other = { source = "example/aws" }
                  }
                }
                provider "cloud" {}
                provider "cloud" {
                  alias  = "edge"
                  region = "us-east-1"
                }
                provider "other" { alias = "x" }
                "#,
            ),
            ("more.tf.json", r#"{"provider": {"cloud": [{"alias": "dns"}]}}"#),
            ("broken.tf", "resource {"),
        ]);
        let expected = AwsProvider {
            name: "cloud".to_owned(),
            aliases: BTreeSet::from(["dns".to_owned(), "edge".to_owned()]),
        };
        assert_eq!(aws_provider(&named), expected);
    }
}
