//! A request that changes something, and how it is answered: once, however often it is sent.

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use slipway_control::admission::{Admission, Asking, Change};
use slipway_model::name::Digest;
use slipway_model::policy::PermittedRequest;
use slipway_model::stack::Stack;
use slipway_policy::facts::StackFacts;
use slipway_policy::{Action, Resource};
use slipway_store::create::{Accepted, Outcome};
use slipway_store::idempotency::{Answer, Idempotency, Known};

use crate::Api;
use crate::body::{self, Fields, REQUEST_SIZE};
use crate::caller::Caller;
use crate::error::Error;
use crate::parameters::{Parameters, idempotency_key};
use crate::revision::Expected;
use crate::viewer::Viewer;
use slipway_api_types as view;

/// Says in an answer that it was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A request that changes something, with a body of at most `LIMIT` bytes.
#[derive(Debug)]
pub struct Submission<const LIMIT: usize = REQUEST_SIZE> {
    /// The caller.
    pub caller: Caller,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its idempotency key, and the digest of its content.
    pub idempotency: Option<Idempotency>,
    /// The request as policies permitted it, if it is about a stack.
    permitted: Option<PermittedRequest>,
    /// What policies decided on, and the policies as the caller meets them.
    judged: Option<(Viewer, Resource)>,
    fields: Option<Fields>,
}

impl<const LIMIT: usize> Submission<LIMIT> {
    /// The fields of a request that cannot do without a body.
    pub fn fields(&mut self) -> Result<Fields, Error> {
        self.fields
            .take()
            .ok_or_else(|| Error::Malformed("The request has no body; send a JSON object.".to_owned()))
    }

    /// The requester and the envelope of the request.
    pub(crate) fn asking(&self) -> Asking<'_> {
        Asking {
            requested_by: &self.caller.name,
            permitted: self.permitted.as_ref(),
            origin: None,
            idempotency: self.idempotency.as_ref(),
        }
    }

    /// What the request is about, if the caller may read it. Otherwise the answer shows nothing of it that `GET` denies.
    pub(crate) fn read_resource(&self) -> Option<&Resource> {
        let (viewer, resource) = self.judged.as_ref()?;
        viewer.may(Action::Read, resource).then_some(resource)
    }

    /// The answer to a request whose operation was created.
    pub(crate) fn accepted(&self, accepted: Accepted<'_>) -> Answer {
        let Accepted {
            operation,
            stack,
            position,
        } = accepted;
        let is_readable = match &self.judged {
            Some((viewer, Resource::Stack(judged))) => {
                viewer.may_read(operation, StackFacts::new(stack, judged.environment.clone()))
            }
            _ => false,
        };
        let shown = view::Operation::new(operation.clone(), position);
        in_progress(&if is_readable { shown } else { shown.without_content() })
    }

    /// The fields of a request that may do without a body.
    pub fn optional_fields(&mut self) -> Fields {
        self.fields.take().unwrap_or_default()
    }

    /// Checks the body of a request that has no fields: there is none, or it is `{}`.
    pub fn no_fields(&mut self) -> Result<(), Error> {
        let problems = self.optional_fields().problems();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Error::invalid(problems))
        }
    }
}

/// Why no handler sees a request.
#[derive(Debug)]
pub enum Settled {
    /// The same request was answered before: that answer. It is looked up before anything is judged, so that it stays the same whatever
    /// has happened since.
    Answered(Response),
    /// It cannot be read.
    Refused(Error),
}

impl IntoResponse for Settled {
    fn into_response(self) -> Response {
        match self {
            Self::Answered(response) => response,
            Self::Refused(error) => error.into_response(),
        }
    }
}

impl From<Error> for Settled {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl<const LIMIT: usize> FromRequest<Api> for Submission<LIMIT> {
    type Rejection = Settled;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Settled> {
        let submission = Self::read(request, api).await?;
        if let Some(idempotency) = &submission.idempotency {
            match api.store.answered(idempotency).await.map_err(Error::from)? {
                Known::New => {}
                Known::Replayed(answer) => return Err(Settled::Answered(given_again(answer))),
                Known::KeyReused => return Err(Error::KeyReused.into()),
            }
        }
        Ok(submission)
    }
}

impl<const LIMIT: usize> Submission<LIMIT> {
    async fn read(request: Request, api: &Api) -> Result<Self, Error> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, api).await?;
        Parameters::from_request_parts(&mut parts, api).await?.finish()?;
        let key = idempotency_key(&parts.headers)?;
        let bytes = body::read(&parts.headers, body, LIMIT).await?;
        let fields = if bytes.is_empty() {
            None
        } else {
            body::require_json(&parts.headers)?;
            Some(body::fields(&bytes)?)
        };
        let idempotency = key.map(|key| {
            let mut request = format!("{} {}\n", parts.method, parts.uri.path()).into_bytes();
            request.extend_from_slice(&bytes);
            Idempotency {
                caller: caller.name.clone(),
                key,
                request: Digest::of(&request),
            }
        });
        Ok(Self {
            caller,
            headers: parts.headers,
            idempotency,
            permitted: parts.extensions.remove(),
            judged: parts.extensions.remove().zip(parts.extensions.remove()),
            fields,
        })
    }
}

/// An answer in JSON. `location` is the path of what it is about.
pub(crate) fn answer(status: StatusCode, location: Option<String>, body: &impl Serialize) -> Answer {
    let mut headers = vec![(CONTENT_TYPE.to_string(), "application/json".to_owned())];
    headers.extend(location.map(|path| (LOCATION.to_string(), path)));
    Answer {
        status: status.as_u16(),
        headers,
        // A view has only texts for names, which always are JSON.
        body: serde_json::to_vec(body).unwrap_or_default(),
    }
}

/// The response with an operation and its path in `Location`.
pub(crate) fn in_progress(operation: &view::Operation) -> Answer {
    answer(StatusCode::ACCEPTED, Some(operation.links.this.clone()), operation)
}

/// An answer as a response.
pub(crate) fn given(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// An answer that was given before.
pub(crate) fn given_again(answer: Answer) -> Response {
    let mut response = given(answer);
    response
        .headers_mut()
        .insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

impl Api {
    /// Judges a change of a stack, and creates its operation.
    pub(crate) async fn request_change(
        &self,
        stack: Stack,
        change: &Change,
        expected: Expected,
        submission: &Submission,
    ) -> Result<Outcome, Error> {
        let asking = submission.asking();
        let accepted = |accepted: Accepted<'_>| submission.accepted(accepted);
        let asked = Admission::by(&self.store).request_change(stack, change, expected.revision(), asking, accepted);
        Ok(asked.await?)
    }

    /// Keeps the answer to a request that creates no operation, and gives it.
    pub(crate) async fn answer_once<const LIMIT: usize>(
        &self,
        submission: &Submission<LIMIT>,
        answer: Answer,
    ) -> Result<Response, Error> {
        let Some(idempotency) = &submission.idempotency else {
            return Ok(given(answer));
        };
        match self.store.remember(idempotency, &answer).await? {
            Known::New => Ok(given(answer)),
            Known::Replayed(first) => Ok(given_again(first)),
            Known::KeyReused => Err(Error::KeyReused),
        }
    }
}
