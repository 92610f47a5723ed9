//! STS, as small as the steps need it, and who calls the other services.

use std::collections::BTreeSet;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::aws::{Shared, lock};

/// The access key of a session with an assumed role.
pub const ASSUMED: &str = "ASIAASSUMED";

/// A role that was assumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assumption {
    pub role: String,
    pub external_id: String,
    pub session: String,
}

/// The roles, and what they are used for.
#[derive(Debug, Default)]
pub struct Sts {
    /// The roles that trust Slipway.
    pub trusting: BTreeSet<String>,
    pub assumed: Vec<Assumption>,
    /// Every call: the service of its signature, the access key, and the Region.
    pub calls: Vec<(String, String, String)>,
    /// For how many seconds credentials are good.
    pub seconds: i64,
}

impl Sts {
    /// The services that were called with this key.
    pub fn called_with(&self, key: &str) -> BTreeSet<&str> {
        let calls = self.calls.iter().filter(|(_, by, _)| by == key);
        calls.map(|(service, ..)| service.as_str()).collect()
    }

    /// The services that were called in this Region.
    pub fn called_in(&self, region: &str) -> BTreeSet<&str> {
        let calls = self.calls.iter().filter(|(.., of)| of == region);
        calls.map(|(service, ..)| service.as_str()).collect()
    }

    pub fn assume(&mut self, body: &Bytes) -> Response {
        let body = String::from_utf8_lossy(body);
        let field = |name: &str| {
            let mut fields = body.split('&').filter_map(|field| field.split_once('='));
            let found = fields.find(|(field, _)| *field == name);
            let value = found.map_or("", |(_, value)| value);
            value.replace("%3A", ":").replace("%2F", "/")
        };
        assert_eq!(field("Action"), "AssumeRole");
        let assumption = Assumption {
            role: field("RoleArn"),
            external_id: field("ExternalId"),
            session: field("RoleSessionName"),
        };
        if !self.trusting.contains(&assumption.role) {
            let refused = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized to perform: sts:AssumeRole\
                           </Message></Error></ErrorResponse>";
            return (StatusCode::FORBIDDEN, refused).into_response();
        }
        let expiration = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(self.seconds);
        self.assumed.push(assumption);
        format!(
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{ASSUMED}</AccessKeyId>\
             <SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken><Expiration>{expiration}</Expiration>\
             </Credentials></AssumeRoleResult></AssumeRoleResponse>"
        )
        .into_response()
    }
}

/// Notes which service a request is for, and with which key it is signed.
pub async fn note_caller(State(aws): State<Shared>, request: Request, next: Next) -> Response {
    let header = request
        .headers()
        .get("authorization")
        .and_then(|header| header.to_str().ok());
    // `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, …`
    if let Some((_, scope)) = header.and_then(|header| header.split_once("Credential=")) {
        let parts: Vec<&str> = scope.split('/').collect();
        let call = (parts[3].to_owned(), parts[0].to_owned(), parts[2].to_owned());
        lock(&aws).sts.calls.push(call);
    }
    next.run(request).await
}
