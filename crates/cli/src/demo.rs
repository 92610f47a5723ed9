//! `slipway demo`: the main job from start to finish on this machine, with commentary.
//!
//! Nothing here is special to the demo: it starts the server that `slipway up` starts, and uses its HTTP API as any client would. It
//! verifies each of its claims, and ends with an error if one does not hold.

mod proof;
mod story;
mod traffic;

use crate::args::Demo;
use crate::command::console::open_in_browser;
use crate::error::Error;
use crate::guestbook::{self, Guestbook};
use crate::output::Output;
use crate::server::{self, LocalAws};
use crate::terraform::Search;
use aws_emulator::Limits;
use slipway_local::{Local, LocalOptions, Running};

use story::Story;

/// Plays the demo in a data folder of its own, and removes it afterwards.
pub async fn run(demo: Demo, output: Output) -> Result<(), Error> {
    output.say(
        "Slipway runs Terraform stacks for teams: plan, apply, migrate, roll out.\n\
         This demo starts Slipway and a local AWS on this machine, then provisions a guestbook with a database,\n\
         releases it four times (two of the releases are broken on purpose), and destroys it.\n",
    );
    let terraform = Search::from_env().find().await?;
    output.say("Building the guestbook...");
    let guestbook = guestbook::build()?;
    let folder = tempfile::Builder::new()
        .prefix("slipway-demo-")
        .disable_cleanup(demo.keep)
        .tempdir();
    let folder = folder.map_err(Error::file("make a folder in", &std::env::temp_dir()))?;
    let running = Local::start(LocalOptions {
        limits: Limits::default(),
        data: folder.path().to_owned(),
        api_port: 0,
        aws_port: 0,
        terraform,
        providers: "registry".to_owned(),
        program: server::this_program()?,
        concurrent_builds: None,
        require_token: false,
        accept_lost_data: false,
        webhooks_to_loopback: false,
        postgres: None,
        redis: None,
    })
    .await
    .map_err(Error::Local)?;
    output.say(&format!(
        "Slipway listens on {}, its local AWS on {}\n",
        running.api_url(),
        running.aws_url()
    ));

    let local_aws = LocalAws {
        address: running.aws_url(),
        token: None,
    };
    let outcome = play(&running, local_aws, &guestbook, demo.keep, output).await;
    if outcome.is_ok() && demo.keep && output.is_terminal() {
        stay(&running.api_url(), output).await?;
    }
    running.shutdown_with_builds().await.map_err(Error::Local)?;
    if demo.keep {
        let folder = folder.path().display();
        output.say(&format!(
            "The data is in {folder}: `slipway up --data {folder}` serves it again."
        ));
    } else if outcome.is_ok() {
        output.say("\nThat was the main job. Start your own server with `slipway up`. README.md continues from there.");
    }
    outcome
}

/// Runs the chapters; with `keep`, one more stack is left.
async fn play(
    running: &Running,
    local_aws: LocalAws,
    guestbook: &Guestbook,
    keep: bool,
    output: Output,
) -> Result<(), Error> {
    let story = Story::new(&running.api_url(), local_aws, output)?;
    let images = story.run(guestbook).await?;
    match images.get(1).filter(|_| keep) {
        Some(image) => story.leave_one(image).await,
        None => Ok(()),
    }
}

/// Serves on, with the console open, until Ctrl-C.
async fn stay(api: &str, output: Output) -> Result<(), Error> {
    output.say(&format!(
        "\nThe server keeps running. The console is at {api}. Press Ctrl-C to stop."
    ));
    open_in_browser(api);
    tokio::signal::ctrl_c()
        .await
        .map_err(|error| Error::Program(format!("cannot wait for a signal: {error}")))
}
