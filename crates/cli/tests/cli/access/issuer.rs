//! An identity provider with the device flow.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

/// Its responses to requests for tokens, in order.
#[derive(Default)]
pub struct Script {
    /// The part of its metadata that is not as usual.
    pub metadata: Value,
    /// The errors before the tokens.
    pub refusals: Vec<&'static str>,
    /// What it gives.
    pub tokens: Vec<Value>,
}

type Asked = BTreeMap<String, String>;

#[derive(Clone)]
pub struct Issuer {
    script: Arc<Mutex<Script>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    address: Arc<Mutex<String>>,
}

/// A token that is good for so many seconds, and what it is renewed with.
pub fn tokens(token: &str, expires_in: u32, refresh_token: Option<&str>) -> Value {
    json!({ "access_token": token, "token_type": "Bearer", "expires_in": expires_in, "refresh_token": refresh_token })
}

impl Issuer {
    /// Starts one; gives its address, which is its name too.
    pub async fn start(script: Script) -> (Self, String) {
        let issuer = Self {
            script: Arc::new(Mutex::new(script)),
            asked: Arc::default(),
            address: Arc::default(),
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/device", post(device))
            .route("/token", post(token))
            .route("/revoke", post(revoke))
            .with_state(issuer.clone());
        let address = super::serve(router).await;
        address.clone_into(&mut issuer.address.lock().expect("a lock"));
        (issuer, address)
    }

    /// The forms that were sent, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("a lock").clone()
    }

    fn note(&self, form: Asked) {
        self.asked.lock().expect("a lock").push(form);
    }
}

async fn metadata(State(issuer): State<Issuer>) -> Json<Value> {
    let address = issuer.address.lock().expect("a lock").clone();
    let mut metadata = json!({
        "issuer": address,
        "token_endpoint": format!("{address}/token"),
        "device_authorization_endpoint": format!("{address}/device"),
        "revocation_endpoint": format!("{address}/revoke"),
    });
    let script = issuer.script.lock().expect("a lock");
    for (name, value) in script.metadata.as_object().into_iter().flatten() {
        metadata[name] = value.clone();
    }
    Json(metadata)
}

async fn device(State(issuer): State<Issuer>, Form(form): Form<Asked>) -> Json<Value> {
    issuer.note(form);
    Json(json!({
        "device_code": "the-device-code", "user_code": "WDJB-MJHT", "verification_uri": "https://id.example.com/device",
        "expires_in": 600, "interval": 0,
    }))
}

async fn token(State(issuer): State<Issuer>, Form(form): Form<Asked>) -> (StatusCode, Json<Value>) {
    issuer.note(form);
    let mut script = issuer.script.lock().expect("a lock");
    if !script.refusals.is_empty() {
        let error = script.refusals.remove(0);
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": error })));
    }
    if script.tokens.is_empty() {
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" })));
    }
    (StatusCode::OK, Json(script.tokens.remove(0)))
}

async fn revoke(State(issuer): State<Issuer>, Form(form): Form<Asked>) -> StatusCode {
    issuer.note(form);
    StatusCode::OK
}
