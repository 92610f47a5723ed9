//! A port that is served until it is told to stop.

use std::time::Duration;

use axum::middleware::from_fn_with_state;
use axum::serve::{Listener, ListenerExt};
use axum::{Extension, Router};
use slipway_api::Caller;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::gateway;
use super::idle::{IDLE, IdleListener};
use crate::Error;
use crate::front::{Guard, guard};
use crate::stepfunctions::Functions;

/// How long an answer that is under way may take once the server is to stop. A long poll is cut off.
const GRACE: Duration = Duration::from_secs(3);

pub(super) fn api_router(api: Router, functions: Functions, guard_of_api: Guard) -> Router {
    // Who can reach loopback and the data folder is the user of this machine.
    let caller = Caller::named(os_user(), true);
    api.layer(Extension(caller))
        .layer(from_fn_with_state(functions, gateway::around))
        .layer(from_fn_with_state(guard_of_api, guard))
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
        let listener = IdleListener {
            inner: no_delay(listener),
            limit: IDLE,
        };
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

/// A listener whose connections send at once (`TCP_NODELAY`). Otherwise the second part of an answer, its body, waits for the
/// client's acknowledgement of the first, which Linux delays by 40 ms.
pub fn no_delay(listener: TcpListener) -> impl Listener<Io = TcpStream, Addr = std::net::SocketAddr> {
    listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::warn!(%error, "failed to set TCP_NODELAY: answers may take 40 ms longer");
        }
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn accepted_connections_send_at_once() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let _client = TcpStream::connect(address).await.expect("a connection");
        let (accepted, _) = no_delay(listener).accept().await;
        assert!(accepted.nodelay().expect("the option"));
    }
}
