//! ECS over its wire API, with real processes: this test program is also the program of their images.
#![allow(clippy::unwrap_used, missing_docs)]

mod machine;
mod progressive;
mod services;
mod tasks;

use std::io::{Read as _, Write as _};
use std::time::Duration;

/// The program of the images: a server whose answers say which release it is.
#[test]
#[ignore = "this is no test but the program of the images"]
#[allow(clippy::exit)]
fn task_program() {
    let variable = |name| std::env::var(name).unwrap_or_default();
    if variable("MODE") == "crash" {
        std::process::exit(7);
    }
    if variable("MODE") == "deaf" {
        loop {
            std::thread::park();
        }
    }
    let listener = std::net::TcpListener::bind(format!("127.0.0.1:{}", variable("PORT"))).unwrap();
    for connection in listener.incoming() {
        std::thread::spawn(move || {
            let mut connection = connection.unwrap();
            let (mut request, mut buffer) = (Vec::new(), [0; 1024]);
            loop {
                let count = connection.read(&mut buffer).unwrap_or(0);
                if count == 0 {
                    return;
                }
                request.extend_from_slice(&buffer[..count]);
                if !request.ends_with(b"\r\n\r\n") {
                    continue;
                }
                if request.starts_with(b"GET /crash ") {
                    std::process::exit(9);
                }
                if request.starts_with(b"GET /slow ") {
                    std::thread::sleep(Duration::from_millis(700));
                }
                request.clear();
                let body = variable("RELEASE");
                // A release that turns bad while it serves.
                let status = if std::path::Path::new(&variable("BAD")).exists() {
                    "500 Internal Server Error"
                } else {
                    "200 OK"
                };
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                connection.write_all(answer.as_bytes()).unwrap();
            }
        });
    }
}
