//! The blueprint's files: fetched by digest, and checked before Terraform reads them.

use std::collections::BTreeSet;

use slipway_model::artifact;
use slipway_model::blueprint::{RemoteModule, Source, folder_of, refusal};
use slipway_model::environment::Environment;
use slipway_model::name::Digest;
use slipway_model::operation::Operation;
use slipway_model::secret::Sources;
use slipway_model::stack::Stack;
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

/// Refuses configurations of the AWS provider that would work elsewhere than in the environment, or without its tags.
pub(crate) fn check_providers(source: &Source, environment: &Environment) -> Result<(), Error> {
    let problems = source.problems_of_aws_providers(environment.role.is_some());
    if problems.is_empty() {
        return Ok(());
    }
    Err(Error::AwsProvider(problems))
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
}
