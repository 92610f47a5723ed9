//! Events of API Gateway (HTTP API, payload format 2.0) as requests to the router.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;
use axum::response::Response;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayRequestAuthorizer, ApiGatewayV2httpRequestContext};
use lambda_http::request::RequestContext;
use lambda_http::tower::{Service, ServiceExt, service_fn};
use lambda_http::{Request, RequestExt};

use crate::caller::Caller;

/// The claims of a JWT that name the caller's groups.
const GROUP_CLAIMS: [&str; 2] = ["groups", "cognito:groups"];

/// The claims of a JWT by which the caller is called, the best first.
const NAME_CLAIMS: [&str; 3] = ["email", "username", "sub"];

/// What the names of other callers begin with: those who sign, and accounts that ask by event. An identity provider that lets people
/// choose their names lets nobody be one of these.
const OTHERS: [&str; 2] = ["arn:", "event:"];

/// Serves the router to `lambda_http`. `admins` are those of [`crate::Config`].
pub fn service(
    admins: Vec<String>,
    router: Router,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send {
    let admins: Arc<[String]> = admins.into();
    service_fn(move |request: Request| router.clone().oneshot(translated(request, &admins)))
}

/// The request as the router expects it: without the stage in its path, and with its caller.
fn translated(request: Request, admins: &[String]) -> axum::http::Request<Body> {
    let context = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => Some(context.clone()),
        _ => None,
    };
    let (mut parts, body) = request.into_parts();
    if let Some(context) = context {
        strip_stage(&mut parts.uri, &context);
        let caller = context.authorizer.and_then(|authorizer| caller(&authorizer, admins));
        if let Some(caller) = caller {
            parts.extensions.insert(caller);
        }
    }
    axum::http::Request::from_parts(parts, Body::from(body.to_vec()))
}

/// `lambda_http` puts the name of a stage before the path, so that links work; ours are relative to the API.
fn strip_stage(uri: &mut Uri, context: &ApiGatewayV2httpRequestContext) {
    let Some(stage) = context.stage.as_deref().filter(|stage| *stage != "$default") else {
        return;
    };
    let stripped = uri.path_and_query().and_then(|path| {
        let rest = path.as_str().strip_prefix('/')?.strip_prefix(stage)?;
        if rest.starts_with('/') {
            rest.parse::<PathAndQuery>().ok()
        } else {
            format!("/{rest}").parse().ok()
        }
    });
    if let Some(path) = stripped {
        *uri = Uri::from(path);
    }
}

/// Who API Gateway's authorizer says that the caller is.
fn caller(authorizer: &ApiGatewayRequestAuthorizer, admins: &[String]) -> Option<Caller> {
    if let Some(jwt) = &authorizer.jwt {
        // Whoever may write any address into their account would else own what belongs to that address.
        let verified = jwt
            .claims
            .get("email_verified")
            .is_some_and(|verified| verified == "true");
        let mut names = NAME_CLAIMS.iter().filter(|claim| verified || **claim != "email");
        let name = names.find_map(|claim| jwt.claims.get(*claim))?;
        if name.is_empty() || OTHERS.iter().any(|other| name.starts_with(other)) {
            return None;
        }
        let mut groups = GROUP_CLAIMS
            .iter()
            .filter_map(|claim| jwt.claims.get(*claim))
            .flat_map(|claim| groups(claim));
        let mut scopes = jwt.claims.get("scope").into_iter().flat_map(|all| all.split(' '));
        let is_admin = |name: &str| admins.iter().any(|admin| admin == name);
        let admin = groups.any(is_admin)
            || scopes.any(is_admin)
            || jwt.scopes.iter().flatten().any(|scope| admins.contains(scope));
        return Some(Caller {
            name: name.clone(),
            admin,
        });
    }
    let arn = authorizer.iam.as_ref()?.user_arn.clone()?;
    let admin = admins.contains(&arn) || role_of_session(&arn).is_some_and(|role| admins.contains(&role));
    Some(Caller { name: arn, admin })
}

/// The groups in a claim. API Gateway hands claims on as texts, and writes the list of `one` and `two` as `[one two]`.
///
/// It quotes nothing: in a list, the one group `not slipway-admin` looks like two, of which one is the administrators'. Nothing
/// in the claim tells them apart, so docs/aws.md tells who names groups; a text that is no list is the name of one group.
fn groups(claim: &str) -> Vec<&str> {
    match claim.strip_prefix('[').and_then(|list| list.strip_suffix(']')) {
        Some(list) => list.split(' ').collect(),
        None => vec![claim],
    }
}

/// The ARN of the role of a session: `arn:aws:sts::1:assumed-role/Deploy/ann` is of `arn:aws:iam::1:role/Deploy`. A role's path
/// is not in the session's ARN, nor in this.
fn role_of_session(arn: &str) -> Option<String> {
    let (account, session) = arn.split_once(":assumed-role/")?;
    let (partition, account) = account.split_once(":sts:")?;
    let (role, _session_name) = session.split_once('/')?;
    Some(format!("{partition}:iam:{account}:role/{role}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn called(authorizer: serde_json::Value, admins: &[&str]) -> Option<(String, bool)> {
        let authorizer = serde_json::from_value(authorizer).expect("an authorizer");
        let admins: Vec<String> = admins.iter().map(ToString::to_string).collect();
        caller(&authorizer, &admins).map(|caller| (caller.name, caller.admin))
    }

    #[test]
    fn a_jwt_names_the_caller_and_its_groups() {
        let jwt = |claims| json!({ "jwt": { "claims": claims, "scopes": ["stacks", "ops"] } });
        let named = |name: &str, admin| Some((name.to_owned(), admin));
        let ann = jwt(json!({
            "sub": "1", "email": "ann@example.com", "email_verified": "true", "groups": "[dev slipway-admin]",
        }));
        assert_eq!(called(ann.clone(), &["slipway-admin"]), named("ann@example.com", true));
        assert_eq!(called(ann.clone(), &["admin"]), named("ann@example.com", false));
        assert_eq!(called(ann, &["ops"]), named("ann@example.com", true));
        assert_eq!(called(jwt(json!({ "sub": "7" })), &["dev"]), named("7", false));
        for verified in ["false", "", "1"] {
            let eve = jwt(json!({ "sub": "7", "email": "ann@example.com", "email_verified": verified }));
            assert_eq!(called(eve, &["dev"]), named("7", false), "{verified:?}");
        }
        let eve = jwt(json!({ "sub": "7", "email": "ann@example.com" }));
        assert_eq!(called(eve, &["dev"]), named("7", false));
        assert_eq!(called(jwt(json!({})), &["ops"]), None);
        let in_groups = |groups: &str| jwt(json!({ "sub": "7", "groups": groups }));
        for (groups, admin) in [
            ("[slipway-admin]", true),
            ("slipway-admin", true),
            ("not slipway-admin", false),
            ("dev,slipway-admin", false),
            ("[not-slipway-admin slipway-admins]", false),
            ("[]", false),
        ] {
            assert_eq!(
                called(in_groups(groups), &["slipway-admin"]),
                named("7", admin),
                "{groups}"
            );
        }
        let scoped = jwt(json!({ "sub": "7", "scope": "openid slipway-admin" }));
        assert_eq!(called(scoped, &["slipway-admin"]), named("7", true));
        for others in ["event:111122223333", "arn:aws:iam::111122223333:role/Deploy", ""] {
            assert_eq!(called(jwt(json!({ "username": others })), &["ops"]), None, "{others}");
        }
    }

    #[test]
    fn an_iam_caller_is_its_arn_and_a_session_has_the_rights_of_its_role() {
        let iam = |arn: &str| json!({ "iam": { "userArn": arn } });
        let session = "arn:aws:sts::123456789012:assumed-role/Deploy/ann";
        let role = "arn:aws:iam::123456789012:role/Deploy";
        assert_eq!(called(iam(session), &[role]), Some((session.to_owned(), true)));
        let other = "arn:aws:iam::210987654321:role/Deploy";
        assert_eq!(called(iam(session), &[other]), Some((session.to_owned(), false)));
        assert_eq!(called(json!({}), &[role]), None);
    }

    #[test]
    fn the_stage_is_not_part_of_the_path() {
        let mut context = ApiGatewayV2httpRequestContext::default();
        for (stage, path, expected) in [
            (None, "https://x/v1/stacks?limit=1", "https://x/v1/stacks?limit=1"),
            (Some("$default"), "/v1/stacks", "/v1/stacks"),
            (Some("live"), "https://x/live/v1/stacks?limit=1", "/v1/stacks?limit=1"),
            (Some("live"), "/live", "/"),
        ] {
            context.stage = stage.map(ToOwned::to_owned);
            let mut uri: Uri = path.parse().expect("a URI");
            strip_stage(&mut uri, &context);
            assert_eq!(uri.to_string(), expected);
        }
    }
}
