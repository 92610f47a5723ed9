//! Asks the guestbook of this task whether it is ready: the container's health check, without a program more in the image.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long the guestbook may take to answer.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Fails unless `/healthz` answers 200.
pub fn ask() -> Result<(), String> {
    let port = crate::serve::port()?;
    let failed = |error: std::io::Error| format!("port {port} does not answer: {error}");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(failed)?;
    stream.set_read_timeout(Some(TIMEOUT)).map_err(failed)?;
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .map_err(failed)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(failed)?;
    match answer.split(' ').nth(1) {
        Some("200") => Ok(()),
        _ => Err(format!("not ready: {}", answer.lines().next().unwrap_or_default())),
    }
}
