//! The two ports, on loopback alone.

use std::io;
use std::net::Ipv4Addr;

use tokio::net::TcpListener;

use crate::Error;

/// Binds a port. 0 means the one that was taken last time, or else any that is free.
pub(super) async fn bind(what: &'static str, port: u16, last: Option<u16>) -> Result<TcpListener, Error> {
    if port != 0 {
        return listen(port).await.map_err(|source| refused(what, port, source));
    }
    if let Some(last) = last {
        match listen(last).await {
            Ok(listener) => return Ok(listener),
            Err(error) => tracing::warn!(port = last, %error, "the port of the last time is taken; another is used"),
        }
    }
    listen(0).await.map_err(|source| refused(what, 0, source))
}

async fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
}

fn refused(what: &'static str, port: u16, source: io::Error) -> Error {
    if source.kind() == io::ErrorKind::AddrInUse {
        Error::PortInUse { what, port }
    } else {
        Error::Listen { what, port, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_named_with_the_remedy_and_a_remembered_one_is_taken_again() {
        let first = bind("the API", 0, None).await.expect("a free port");
        let port = first.local_addr().expect("an address").port();
        let error = bind("the API", port, None).await.expect_err("in use").to_string();
        assert!(
            error.contains(&port.to_string()) && error.contains("0 picks a free one"),
            "{error}"
        );
        let other = bind("the API", 0, Some(port)).await.expect("another port");
        assert_ne!(other.local_addr().expect("an address").port(), port);
        drop(first);
        let again = bind("the API", 0, Some(port)).await.expect("the same port");
        assert_eq!(again.local_addr().expect("an address").port(), port);
    }
}
