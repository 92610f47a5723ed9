//! `slipway publish`

use serde_json::Value;

use crate::args::Publish;
use crate::client::Client;
use crate::error::Error;
use crate::global::Global;
use crate::output::Output;
use crate::publish::artifacts::Artifacts;
use crate::publish::packages::Packages;
use crate::publish::toolchain::{self, Toolchain};
use crate::publish::{Architecture, Done, blueprints};
use crate::terraform::Search;

/// Publishes what is given: the toolchain, the providers of the blueprints, the blueprints.
pub async fn run(publish: Publish, global: &Global, output: Output) -> Result<(), Error> {
    let client = Client::of(global)?;
    let on_aws = global.endpoint.is_some();
    let architecture = publish.architecture.or(on_aws.then_some(Architecture::Arm64));
    // Local builds run on this machine.
    let platform = architecture.map_or_else(slipway_runner::providers::package::platform, |it| {
        it.platform().to_owned()
    });
    let found = blueprints::find(&publish.folder, publish.draft).await?;
    let artifacts = Artifacts::open(global, publish.bucket).await?;
    let packages = Packages {
        terraform: Search::from_env().find().await?,
        mirror: publish.mirror,
        platform,
    };

    let toolchain = match (&publish.runner, architecture) {
        (Some(runner), Some(architecture)) => Some(Toolchain::pack(architecture, runner, publish.terraform).await?),
        (Some(_), None) => {
            let what = "name the processor of the builds with `--architecture`: local mode has no toolchain, it runs this program";
            return Err(Error::Usage(what.to_owned()));
        }
        (None, Some(architecture)) if on_aws => {
            toolchain::require(architecture, &artifacts).await?;
            None
        }
        (None, _) => None,
    };
    let mut ready = Vec::new();
    for blueprint in found {
        blueprint.warn(output);
        ready.push(blueprint.prepare(&client, &artifacts, &packages).await?);
    }
    let locks: Vec<(String, String)> = ready
        .iter()
        .filter_map(|blueprint| Some((blueprint.title(), blueprint.lock()?.clone())))
        .collect();
    let needed = Packages::needed(&locks)?;

    let mut done = Vec::new();
    if let Some(toolchain) = toolchain {
        done.push(toolchain.publish(&artifacts, output).await?);
    }
    for provider in &needed {
        done.push(packages.publish(provider, &artifacts, output).await?);
    }
    for blueprint in &ready {
        done.push(blueprint.publish(&client).await?);
    }
    let items: Vec<Value> = done.iter().map(Done::to_json).collect();
    let columns = [("kind", "kind"), ("name", "name"), ("result", "result")];
    output.table(&items, &columns, "");
    Ok(())
}
