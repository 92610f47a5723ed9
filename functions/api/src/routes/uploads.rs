//! `/v1/uploads`: what is too long for a request goes to S3, by an address that is good for one document.

use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use slipway_api_types::{PutAddress, RequestUpload};
use slipway_model::name::Digest;
use slipway_model::{artifact, problem::FieldProblem};

use crate::Api;
use crate::artifacts::unavailable;
use crate::body::{Fields, UPLOAD_SIZE};
use crate::error::Error;
use crate::openapi::ChangeProblems;
use crate::submission::{Submission, answer};

/// How long an address is valid.
const GOOD_FOR: Duration = Duration::from_mins(15);

/// Request an upload
///
/// Returns an address of S3 that accepts one document of exactly this length and digest. Use it if a request is too long: for a
/// blueprint of more than 3,000,000 bytes. The document is the body of that request, which sends its digest as `upload` instead.
/// By default, only administrators can upload. Uploads are deleted after a day.
#[utoipa::path(
    post,
    path = "/v1/uploads",
    operation_id = "request_upload",
    tag = "blueprints",
    params(("Idempotency-Key" = Option<String>, Header, description = "See the introduction.")),
    request_body(content = RequestUpload, description = "The digest and the length of the document."),
    responses((status = 201, description = "Upload the document to this address.", body = PutAddress), ChangeProblems),
)]
pub(super) async fn request(State(api): State<Api>, mut submission: Submission) -> Result<Response, Error> {
    let (digest, bytes) = asked(submission.fields()?)?;
    let upload = api.presigned(digest, bytes).await?;
    api.answer_once(&submission, answer(StatusCode::CREATED, None, &upload))
        .await
}

fn asked(mut fields: Fields) -> Result<(Digest, u32), Error> {
    let digest: Option<Digest> = fields.required("digest", DIGEST_REMEDY);
    let most = u32::try_from(UPLOAD_SIZE).unwrap_or(u32::MAX);
    let remedy = format!("give the length of the document, from 1 to {most}");
    let bytes = fields.number("bytes", &remedy);
    if bytes.is_some_and(|bytes| bytes > most) {
        fields.problem(FieldProblem::new("bytes", format!("is more than {most}"), &*remedy));
    }
    let problems = fields.problems();
    match (digest, bytes) {
        (Some(digest), Some(bytes)) if problems.is_empty() => Ok((digest, bytes)),
        (Some(_), None) if problems.is_empty() => Err(Error::invalid_field("bytes", "is missing", remedy)),
        _ => Err(Error::invalid(problems)),
    }
}

/// The remedy for a missing digest.
const DIGEST_REMEDY: &str = "give `sha256:` and the SHA-256 digest of the document in 64 lower-case hexadecimal digits";

/// The uploaded document, if a request names one instead of a body.
pub(super) fn named(fields: &mut Fields) -> Option<Digest> {
    fields.optional("upload", DIGEST_REMEDY)
}

impl Api {
    /// The signature covers the length and the checksum: S3 accepts nothing else.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>
    async fn presigned(&self, digest: Digest, bytes: u32) -> Result<PutAddress, Error> {
        const DOING: &str = "signing the address of an upload";
        let presigning = PresigningConfig::expires_in(GOOD_FOR).map_err(|error| Error::internal(DOING, error))?;
        let checksum = hex_bytes(digest.hex());
        let put = self
            .s3
            .put_object()
            .bucket(&self.artifacts_bucket)
            .key(artifact::upload(&digest));
        let put = put
            .content_type("application/json")
            .content_length(i64::from(bytes))
            .checksum_sha256(STANDARD.encode(checksum));
        let signed = put.presigned(presigning).await;
        let signed = signed.map_err(|error| unavailable(DOING, aws_sdk_s3::Error::from(error)))?;
        let headers = signed
            .headers()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(PutAddress {
            upload: digest.to_string(),
            method: "PUT".to_owned(),
            url: signed.uri().to_owned(),
            headers: headers.collect(),
            expires_at: Timestamp::now() + SignedDuration::try_from(GOOD_FOR).unwrap_or_default(),
        })
    }

    /// The fields of an uploaded document.
    pub(super) async fn uploaded(&self, digest: &Digest) -> Result<Fields, Error> {
        const DOING: &str = "reading an upload";
        let key = artifact::upload(digest);
        let Some(bytes) = self.artifact(DOING, &key, Some(UPLOAD_SIZE)).await? else {
            let remedy = "request one with `POST /v1/uploads`, and put the document there";
            return Err(Error::invalid_field("upload", "there is no such upload", remedy));
        };
        let bytes = bytes.into_bytes();
        // S3 has compared it with the checksum, but the bucket has other writers.
        if Digest::of(&bytes) != *digest {
            return Err(Error::invalid_field(
                "upload",
                "has another digest",
                "put the document again",
            ));
        }
        crate::body::fields(&bytes)
    }
}

fn hex_bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks_exact(2);
    digits
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}
