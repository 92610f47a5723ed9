//! `slipway example`

use std::io::Write;

use serde_json::json;

use crate::client::Client;
use crate::error::Error;
use crate::guestbook;
use crate::output::Output;
use crate::server::LocalAws;

/// Publishes the guestbook's blueprint and pushes its images; prints the names of these as a shell takes them.
pub async fn run(client: &Client, aws: &LocalAws, output: Output) -> Result<(), Error> {
    // Not on standard output, which a shell evaluates.
    let _ = writeln!(
        std::io::stderr(),
        "Building the guestbook. The first build may take minutes."
    );
    let images = guestbook::build()?.publish(client, aws).await?;
    output.answer(&json!({ "blueprint": "guestbook", "images": images }), |_| {
        let export = |(index, image): (usize, &String)| format!("export RELEASE_{}={image}", index + 1);
        images
            .iter()
            .enumerate()
            .map(export)
            .collect::<Vec<String>>()
            .join("\n")
    });
    Ok(())
}
