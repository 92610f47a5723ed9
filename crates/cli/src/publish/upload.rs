//! Publishing a version of a blueprint through the API: in the request, or by an upload where it is too long for one.

use reqwest::Method;
use serde_json::{Value, json};
use slipway_api_types::PutAddress;
use slipway_model::blueprint::Source;
use slipway_model::name::Digest;

use crate::client::Client;
use crate::error::Error;

/// Longer documents are uploaded: a request of this length is well below what the API takes.
const LONGEST_BODY: usize = 1024 * 1024;

/// What is published beside the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    /// What the version is for, in a sentence.
    pub description: String,
    /// Its README.
    pub readme: Option<String>,
    /// Whether it is a draft.
    pub draft: bool,
}

/// The document that publishes these files.
pub fn document(source: &Source, beside: &Beside) -> Value {
    let mut document = source.document();
    document["description"] = beside.description.as_str().into();
    if beside.draft {
        document["draft"] = true.into();
    }
    if let Some(readme) = beside.readme.as_deref() {
        document["readme"] = readme.into();
    }
    document
}

/// Publishes a version of a blueprint at the path of the version.
pub async fn publish(client: &Client, path: &str, document: &Value) -> Result<Value, Error> {
    let text = document.to_string();
    if text.len() <= LONGEST_BODY {
        return client.send(Method::PUT, path, document).await;
    }
    let asked = json!({ "digest": Digest::of(text.as_bytes()), "bytes": text.len() });
    let upload: PutAddress = client.send(Method::POST, "/v1/uploads", &asked).await?;
    client.upload(&upload.url, &upload.headers, text).await?;
    client
        .send(Method::PUT, path, &json!({ "upload": upload.upload }))
        .await
}
