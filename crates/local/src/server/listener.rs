//! A port that is served until it is told to stop.

use std::time::Duration;

use axum::{Extension, Router};
use slipway_api::Caller;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::front::{Guard, guard};

/// How long an answer that is under way may take once the server is to stop. A long poll is cut off.
const GRACE: Duration = Duration::from_secs(3);

pub(super) fn api_router(api: Router, port: u16) -> Router {
    // Who can reach loopback and the data folder is the user of this machine.
    let caller = Caller {
        name: os_user(),
        admin: true,
    };
    api.layer(Extension(caller))
        .layer(axum::middleware::from_fn_with_state(Guard::new(port), guard))
}

fn os_user() -> String {
    let named = ["USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok());
    named
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw()))
}

pub(super) fn serve(
    what: &'static str,
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let stopped = stop.clone();
        let serving = axum::serve(listener, router).with_graceful_shutdown(async move { stopped.cancelled().await });
        let cut_off = async {
            stop.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            outcome = serving.into_future() => {
                if let Err(source) = outcome {
                    let error = Error::Serve { what, source };
                    tracing::error!(error = %slipway_model::error_chain::chain(&error), "a server failed");
                }
            }
            () = cut_off => {}
        }
    })
}
