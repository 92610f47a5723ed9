//! Serves the guestbook over HTTP.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use axum::{Form, Json, Router};
use rusqlite::Connection;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::database::{self, Entry};
use crate::release::Release;
use crate::say;

/// What every request sees.
struct Guestbook {
    release: Release,
    connection: Mutex<Connection>,
}

/// Serves on the port that the environment names, until the task is told to stop: it then answers what it has begun.
pub async fn run(release: Release, database: &Path) -> Result<(), String> {
    let port = port()?;
    let connection = database::open(database).map_err(|error| format!("cannot open the database: {error}"))?;
    let listener = TcpListener::bind(("127.0.0.1", port))
        .await
        .map_err(|error| format!("cannot listen on port {port}: {error}"))?;
    let mut terminate =
        signal(SignalKind::terminate()).map_err(|error| format!("cannot wait for a signal: {error}"))?;
    // The stack numbers its releases itself: this image may be another one of them.
    let fault = if release.becomes_healthy {
        ""
    } else {
        ", and never becomes healthy, on purpose"
    };
    say(&format!(
        "the image of releases/{} listens on port {port}{fault}",
        release.number
    ));

    let guestbook = Arc::new(Guestbook {
        release,
        connection: Mutex::new(connection),
    });
    let stopped = async move {
        terminate.recv().await;
    };
    // The two parts of an answer, head and body, go out without waiting for an acknowledgement.
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    axum::serve(listener, router(guestbook))
        .with_graceful_shutdown(stopped)
        .await
        .map_err(|error| format!("cannot serve: {error}"))
}

/// The port that the task is to listen on.
pub fn port() -> Result<u16, String> {
    let port = std::env::var("PORT").map_err(|_| "the environment variable PORT is not set".to_owned())?;
    port.parse()
        .map_err(|_| format!("the environment variable PORT is {port:?}, not a port"))
}

fn router(guestbook: Arc<Guestbook>) -> Router {
    Router::new()
        .route("/", get(page).post(write_from_page))
        .route("/entries", get(list).post(write))
        .route("/healthz", get(healthz))
        .with_state(guestbook)
}

/// The database said no.
struct DatabaseError(rusqlite::Error);

impl IntoResponse for DatabaseError {
    fn into_response(self) -> Response {
        say(&format!("the database said: {}", self.0));
        (StatusCode::INTERNAL_SERVER_ERROR, "the database did not answer\n").into_response()
    }
}

impl Guestbook {
    fn newest(&self) -> Result<Vec<Entry>, DatabaseError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        database::newest(&connection, self.release.moods).map_err(DatabaseError)
    }

    fn add(&self, entry: &Entry) -> Result<(), DatabaseError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        database::add(&connection, entry, self.release.moods).map_err(DatabaseError)
    }
}

async fn list(State(guestbook): State<Arc<Guestbook>>) -> Result<Json<serde_json::Value>, DatabaseError> {
    let entries = guestbook.newest()?;
    Ok(Json(
        serde_json::json!({ "release": guestbook.release.number, "entries": entries }),
    ))
}

async fn write(State(guestbook): State<Arc<Guestbook>>, Json(entry): Json<Entry>) -> Result<StatusCode, DatabaseError> {
    guestbook.add(&entry)?;
    Ok(StatusCode::CREATED)
}

async fn write_from_page(
    State(guestbook): State<Arc<Guestbook>>,
    Form(entry): Form<Entry>,
) -> Result<Html<String>, DatabaseError> {
    guestbook.add(&entry)?;
    page(State(guestbook)).await
}

async fn page(State(guestbook): State<Arc<Guestbook>>) -> Result<Html<String>, DatabaseError> {
    let lines: String = guestbook.newest()?.iter().map(line).collect();
    let mood = if guestbook.release.moods {
        "<input name=\"mood\" placeholder=\"your mood\">"
    } else {
        ""
    };
    Ok(Html(format!(
        "<!doctype html><meta charset=\"utf-8\"><title>Guestbook</title>\
         <h1>Guestbook, release {number}</h1>\
         <form method=\"post\"><input name=\"author\" placeholder=\"your name\" required>\
         <input name=\"text\" placeholder=\"a line\" required>{mood}<button>Write</button></form><ul>{lines}</ul>",
        number = guestbook.release.number,
    )))
}

fn line(entry: &Entry) -> String {
    let mood = entry
        .mood
        .as_deref()
        .map(|mood| format!(" ({})", escaped(mood)))
        .unwrap_or_default();
    format!(
        "<li><b>{}</b>{mood}: {}</li>",
        escaped(&entry.author),
        escaped(&entry.text)
    )
}

/// The text as HTML shows it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Ready when the schema is there and this release is one that becomes healthy.
async fn healthz(State(guestbook): State<Arc<Guestbook>>) -> Result<Response, DatabaseError> {
    guestbook.newest()?;
    let answer = if guestbook.release.becomes_healthy {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    };
    Ok(answer.into_response())
}
