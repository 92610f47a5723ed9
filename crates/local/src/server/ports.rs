//! The two ports, on loopback alone.

use std::io;
use std::net::Ipv4Addr;

use tokio::net::TcpListener;

use crate::Error;

/// Binds the port of the local AWS. While builds of the last server run, it is the one that they know, or none.
pub(super) async fn bind_aws(port: u16, last: Option<u16>, builds: usize) -> Result<TcpListener, Error> {
    let Some(last) = last.filter(|_| builds > 0) else {
        return bind("the local AWS", port, last).await;
    };
    let wait = "or wait until they have ended";
    let refused = |why, remedy| Error::PortOfBuilds {
        builds,
        port: last,
        why,
        remedy,
    };
    if port != 0 && port != last {
        return Err(refused(
            "not at the one that was named",
            format!("start with `--aws-port {last}`, {wait}"),
        ));
    }
    match listen(last).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(refused(
            "which another program uses",
            format!("end that program, {wait}"),
        )),
        Err(source) => Err(Error::Listen {
            what: "the local AWS",
            port: last,
            source,
        }),
    }
}

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
        let error = bind_aws(0, Some(port), 2).await.expect_err("of builds").to_string();
        assert!(
            error.contains("2 builds") && error.contains(&port.to_string()),
            "{error}"
        );
        drop(first);
        let error = bind_aws(port - 1, Some(port), 1)
            .await
            .expect_err("of builds")
            .to_string();
        assert!(error.contains(&format!("--aws-port {port}")), "{error}");
        drop(bind_aws(0, Some(port), 1).await.expect("the port of the builds"));
        let again = bind("the API", 0, Some(port)).await.expect("the same port");
        assert_eq!(again.local_addr().expect("an address").port(), port);
    }
}
