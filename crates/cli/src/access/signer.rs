//! Signature Version 4: who has AWS credentials signs each request with them.

use std::time::{Duration, SystemTime};

use aws_config::BehaviorVersion;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use reqwest::Request;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use tokio::sync::{Mutex, OnceCell};

use crate::error::Error;

/// The name under which API Gateway checks signatures.
pub const API: &str = "execute-api";

/// Credentials that expire within this time are renewed.
const TOO_SHORT: Duration = Duration::from_mins(1);

/// Signs requests for one Region. Credentials are resolved at the first request, in the order of AWS's own tools: environment,
/// profile (keys, SSO, a role, a program), container, instance.
#[derive(Debug)]
pub struct Signer {
    region: String,
    provider: OnceCell<Option<SharedCredentialsProvider>>,
    kept: Mutex<Option<Credentials>>,
}

impl Signer {
    pub fn new(region: String) -> Self {
        Self {
            region,
            provider: OnceCell::new(),
            kept: Mutex::new(None),
        }
    }

    /// The region that it signs for.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Adds the signature for a service.
    pub async fn sign(&self, request: &mut Request, service: &str) -> Result<(), Error> {
        let credentials = self.credentials().await?;
        for (name, value) in signature(request, &credentials, &self.region, service)? {
            request.headers_mut().insert(name, value);
        }
        Ok(())
    }

    async fn credentials(&self) -> Result<Credentials, Error> {
        let mut kept = self.kept.lock().await;
        let soon = SystemTime::now() + TOO_SHORT;
        if let Some(credentials) = kept
            .as_ref()
            .filter(|kept| kept.expiry().is_none_or(|expiry| expiry > soon))
        {
            return Ok(credentials.clone());
        }
        let provider = self.provider.get_or_init(|| async {
            let config = aws_config::defaults(BehaviorVersion::latest())
                .http_client(slipway_aws::http_client())
                .region(aws_config::Region::new(self.region.clone()));
            config.load().await.credentials_provider()
        });
        let found = match provider.await {
            Some(provider) => provider.provide_credentials().await,
            None => Err(aws_credential_types::provider::error::CredentialsError::not_loaded_no_source()),
        };
        let credentials = found.map_err(|source| Error::NoCredentials(Box::new(source)))?;
        *kept = Some(credentials.clone());
        Ok(credentials)
    }
}

/// The headers that sign a request.
pub fn signature(
    request: &Request,
    credentials: &Credentials,
    region: &str,
    service: &str,
) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
    let failed = |error: &dyn std::error::Error| Error::Program(format!("cannot sign the request: {error}"));
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| failed(&error))?;
    // What a proxy on the way may add or change is not signed.
    let signed = request
        .headers()
        .iter()
        .filter(|(name, _)| **name == CONTENT_TYPE || name.as_str().starts_with("x-amz-"));
    let signed = signed.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    let signable = SignableRequest::new(
        request.method().as_str(),
        request.url().as_str(),
        signed,
        SignableBody::Bytes(body),
    );
    let signable = signable.map_err(|error| failed(&error))?;
    let (instructions, _) = sign(signable, &parameters.into())
        .map_err(|error| failed(&error))?
        .into_parts();
    let mut headers = Vec::new();
    for (name, value) in instructions.headers() {
        let name = HeaderName::try_from(name).map_err(|error| failed(&error))?;
        let mut value = HeaderValue::try_from(value).map_err(|error| failed(&error))?;
        value.set_sensitive(true);
        headers.push((name, value));
    }
    Ok(headers)
}
