//! The parts of the OpenAPI document that belong to no single route.

use std::collections::BTreeMap;

use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr};
use utoipa::{IntoResponses, OpenApi as _};

use crate::problem::{Problem, WrongField};
use slipway_api_types as view;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Slipway",
        description = "Stacks of infrastructure, and releases of the software on them.\n\n\
            A change answers 202 at once with an operation, which does the work; `GET /v1/operations/{id}?wait=20&seen=REVISION` \
            waits for its next change.\n\n\
            A change with an `Idempotency-Key` (1 to 255 printable ASCII characters) is idempotent: the same request with the same key \
            gets the same response, with `Idempotent-Replayed: true`; another request with that key gets 422.\n\n\
            A problem is `application/problem+json` (RFC 9457), and names each field that is wrong.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/", description = "The server of this document.")),
    tags(
        (name = "stacks", description = "Instances of a blueprint in an environment."),
        (name = "releases", description = "Sets of images of a stack's services."),
        (name = "operations", description = "Changes and checks of a stack."),
        (name = "blueprints", description = "Terraform root modules, immutable in each version."),
        (name = "environments", description = "Where stacks live."),
        (name = "source accounts", description = "AWS accounts whose events may request operations."),
        (name = "events", description = "Dead-lettered events."),
        (name = "audit", description = "Changes, decisions, denials and reads, in chains of hashes."),
        (name = "notifications", description = "Events that report what changed."),
        (name = "policies", description = "Permissions, and rules for plans."),
        (name = "service", description = "The API itself."),
    ),
    components(schemas(Problem, WrongField)),
)]
struct Base;

/// The document without its paths.
pub(crate) fn base() -> OpenApi {
    Base::openapi()
}

/// The response to a request for an operation.
#[derive(IntoResponses)]
#[response(
    status = 202,
    description = "The operation has started, or is queued.",
    headers(("Location" = String, description = "The path of the operation."))
)]
#[expect(dead_code, reason = "the schema of an answer")]
pub(crate) struct InProgress(view::Operation);

/// The problems of a request that reads.
pub(crate) struct ReadProblems;

impl IntoResponses for ReadProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            ("400", "A parameter is not valid."),
            ("401", "The request has no authenticated caller."),
            ("403", "A policy denies it; the detail names it."),
            ("404", "It does not exist; the detail lists what does."),
            (
                "405",
                "The path does not support the method; `Allow` lists those it does.",
            ),
            ("500", "The service failed; the detail has a reference for operators."),
            ("503", "The service is busy: retry the request in a moment."),
        ])
    }
}

/// The problems of a request that reads a plan.
pub(crate) struct PlanProblems;

impl IntoResponses for PlanProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = ReadProblems::responses();
        responses.extend(problems(&[(
            "409",
            "The stored plan was changed after its build wrote it.",
        )]));
        responses
    }
}

/// The problems of a request that changes something.
pub(crate) struct ChangeProblems;

impl IntoResponses for ChangeProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = ReadProblems::responses();
        responses.extend(problems(&[
            ("400", "The body is not JSON, or a parameter or header is not valid."),
            (
                "409",
                "The current state does not allow it; the detail gives the reason.",
            ),
            (
                "412",
                "The resource does not have the revision in `If-Match` or in the body.",
            ),
            ("413", "The body is too long."),
            ("415", "The body is not declared as `application/json`."),
            (
                "422",
                "Fields are invalid, and `errors` lists each; or the idempotency key was used for another request.",
            ),
        ]));
        responses
    }
}

fn problems(described: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    let response = |description: &str| {
        let response = ResponseBuilder::new().description(description);
        RefOr::T(response.content("application/problem+json", content.clone()).build())
    };
    described
        .iter()
        .map(|(status, description)| ((*status).to_owned(), response(description)))
        .collect()
}
