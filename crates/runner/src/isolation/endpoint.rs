//! The container credentials endpoint: the source of credentials for Terraform and every process that it starts.
//!
//! It is the endpoint that containers have on AWS (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>).
//! SDKs renew credentials before they expire, so an apply that outlives a session still writes its state. It listens on loopback
//! and requires the token of this build.

use std::io;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::Session;
use crate::error::Error;
use slipway_model::error_chain::chain;

/// The path of the credentials.
const PATH: &str = "/credentials";

/// The largest head of a request that is read, and how long it may take.
const LARGEST_HEAD: usize = 8 * 1024;
const SLOWEST: Duration = Duration::from_secs(5);

/// The endpoint. It ends with this.
#[derive(Debug)]
pub(crate) struct Endpoint {
    session: Session,
    url: String,
    token: String,
    server: AbortHandle,
}

impl Endpoint {
    /// Serves the session's credentials on a free port of loopback.
    pub(crate) async fn serve(session: Session) -> Result<Self, Error> {
        let failed = |source: io::Error| Error::Endpoint { source };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let token = token().map_err(failed)?;
        let (terraform, expected) = (session.clone(), token.clone());
        let server = tokio::spawn(async move {
            loop {
                let Ok((connection, _)) = listener.accept().await else {
                    // Too many open files: Terraform's client asks again.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                let (session, expected) = (terraform.clone(), expected.clone());
                tokio::spawn(async move {
                    // A client that goes away has its reasons.
                    let _ = answer(connection, &session, &expected).await;
                });
            }
        });
        Ok(Self {
            session,
            url: format!("http://127.0.0.1:{port}{PATH}"),
            token,
            server: server.abort_handle(),
        })
    }

    /// The session whose credentials it serves.
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// The variables by which AWS's SDKs find it, and nothing else. A profile of this machine would come before it.
    pub(crate) fn variables(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", self.url.clone()),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", self.token.clone()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
        ]
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// 256 random bits.
fn token() -> io::Result<String> {
    let mut bytes = [0; 32];
    io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut bytes)?;
    Ok(hex::encode(bytes))
}

async fn answer(mut connection: TcpStream, session: &Session, token: &str) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let head = timeout(SLOWEST, head(&mut connection))
        .await
        .map_err(io::Error::other)??;
    let (status, body) = if !asks_for_credentials(&head) {
        (
            "404 Not Found",
            json!({ "code": "NotFound", "message": "no such path" }),
        )
    } else if authorization(&head) != Some(token) {
        let message = "the token is missing or wrong";
        ("403 Forbidden", json!({ "code": "InvalidToken", "message": message }))
    } else {
        match session.credentials().await {
            Ok(credentials) => ("200 OK", document(&credentials)),
            Err(error) => {
                let code = "SessionUnavailable";
                (
                    "503 Service Unavailable",
                    json!({ "code": code, "message": chain(&error) }),
                )
            }
        }
    };
    let body = body.to_string();
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    connection.write_all(format!("{head}{body}").as_bytes()).await?;
    connection.shutdown().await
}

/// Reads the head of a request.
async fn head(connection: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0; 1];
        if head.len() == LARGEST_HEAD || connection.read(&mut byte).await? == 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.extend(byte);
    }
    String::from_utf8(head).map_err(io::Error::other)
}

fn asks_for_credentials(head: &str) -> bool {
    let mut line = head.lines().next().unwrap_or_default().split(' ');
    line.next() == Some("GET") && line.next() == Some(PATH)
}

fn authorization(head: &str) -> Option<&str> {
    head.lines().skip(1).find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("authorization").then(|| value.trim())
    })
}

/// Credentials as a container's endpoint gives them.
fn document(credentials: &aws_credential_types::Credentials) -> serde_json::Value {
    let expiry = credentials.expiry().and_then(|at| jiff::Timestamp::try_from(at).ok());
    json!({
        "AccessKeyId": credentials.access_key_id(),
        "SecretAccessKey": credentials.secret_access_key(),
        "Token": credentials.session_token(),
        "Expiration": expiry.map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_opens_the_endpoint() {
        let head = |line: &str, more: &str| format!("{line} HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}\r\n");
        assert!(asks_for_credentials(&head("GET /credentials", "")));
        for other in [
            "POST /credentials",
            "GET /",
            "GET /credentials/..",
            "GET  /credentials",
            "",
        ] {
            assert!(!asks_for_credentials(&head(other, "")), "{other}");
        }
        assert_eq!(
            authorization(&head("GET /credentials", "AUTHORIZATION: abc \r\n")),
            Some("abc")
        );
        assert_eq!(
            authorization(&head("GET /credentials", "X-Authorization: abc\r\n")),
            None
        );
        let token = token().expect("a token");
        assert_eq!((token.len(), token == super::token().expect("a token")), (64, false));
    }
}
