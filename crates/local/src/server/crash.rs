//! Crashes this process before or after a call of the local AWS, for the test that tries them all.
//!
//! The variable `SLIPWAY_CRASH` is `before:17` or `after:17`: the 17th call since the start is not made, or is made and not answered.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use http::Request;
use http::header::AUTHORIZATION;
use rustix::process::{Signal, getpid, kill_process};
use slipway_recording::signature;

use crate::Error;

const VARIABLE: &str = "SLIPWAY_CRASH";

/// When this process crashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Point {
    side: Side,
    call: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

impl FromStr for Point {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parts = text.split_once(':').and_then(|(side, call)| {
            let side = match side {
                "before" => Side::Before,
                "after" => Side::After,
                _ => return None,
            };
            let call = call.parse().ok().filter(|call| *call > 0)?;
            Some(Self { side, call })
        });
        parts.ok_or_else(|| Error::CrashPoint(text.to_owned()))
    }
}

/// The router, with a crash in front of it if this run has one.
pub(super) fn around(router: Router) -> Result<Router, Error> {
    let Ok(text) = std::env::var(VARIABLE) else {
        return Ok(router);
    };
    let (point, calls): (Point, _) = (text.parse()?, Arc::new(AtomicU64::new(0)));
    Ok(router.layer(from_fn(move |request: Request<Body>, next: Next| {
        let calls = Arc::clone(&calls);
        async move { call(point, &calls, request, next).await }
    })))
}

async fn call(point: Point, calls: &AtomicU64, request: Request<Body>, next: Next) -> Response {
    let is_it = calls.fetch_add(1, Ordering::Relaxed) + 1 == point.call;
    let name = name(&request);
    if is_it && point.side == Side::Before {
        crash(point, &name);
    }
    let answer = next.run(request).await;
    if is_it {
        crash(point, &name);
    }
    answer
}

/// Who calls what: functions and builds sign with their logical ids.
fn name(request: &Request<Body>) -> String {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let (caller, service) = header(AUTHORIZATION.as_str())
        .and_then(signature)
        .unwrap_or(("unsigned", ""));
    match header("x-amz-target") {
        Some(target) => format!("{caller} {target}"),
        None => format!("{caller} {service} {}", request.method()),
    }
}

/// Ends this process as `kill -9` does.
fn crash(point: Point, name: &str) -> ! {
    tracing::error!("crash at {:?} {}: {name}", point.side, point.call);
    // Without the signal, it ends all the same.
    let _ = kill_process(getpid(), Signal::KILL);
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_a_side_and_a_number() {
        let read = |text: &str| text.parse::<Point>().map(|point| (point.side, point.call)).ok();
        assert_eq!(read("before:1"), Some((Side::Before, 1)));
        assert_eq!(read("after:17"), Some((Side::After, 17)));
        for wrong in ["", "17", "during:17", "before:", "before:0", "after:-1"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
