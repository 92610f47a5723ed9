//! The ways into an API on AWS, against an API Gateway and an identity provider that are played here.

mod gateway;
mod issuer;
mod login;
mod ways;

use std::path::Path;
use std::process::{Output, Stdio};

use tokio::process::Command;

/// Runs the command line as a user whose home is this folder, with nothing else in its environment than is given.
async fn slipway(home: &Path, vars: &[(&str, &str)], args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_slipway"))
        .args(args)
        .env_clear()
        .env("HOME", home)
        // There is no metadata service here, and no test waits for one.
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(vars.iter().copied())
        .stdin(Stdio::null())
        .output()
        .await
        .expect("slipway runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

/// All that a command said.
fn said(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// Starts a server on a port of its own.
async fn serve(router: axum::Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}
