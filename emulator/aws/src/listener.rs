//! A port that is served until its token is cancelled.

use std::time::Duration;

use axum::Router;
use axum::serve::{Listener, ListenerExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::error::chain;
use crate::idle::{IDLE, IdleListener};

/// How long an answer in progress may take once the server stops. A long poll is cut off.
const GRACE: Duration = Duration::from_secs(3);

/// Serves a router until `stop`. An answer in progress then has three seconds to end.
pub fn serve(what: &'static str, listener: TcpListener, router: Router, stop: CancellationToken) -> JoinHandle<()> {
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
                    tracing::error!(server = what, error = %chain(&source), "a server ended without a request to stop");
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
