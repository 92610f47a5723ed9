//! Who API Gateway's authorizer says that the caller is.

use std::collections::BTreeSet;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lambda_http::aws_lambda_events::apigw::{
    ApiGatewayRequestAuthorizer, ApiGatewayRequestAuthorizerJwtDescription as Jwt,
};
use serde_json::{Map, Value};
use slipway_model::principal;

use crate::caller::Caller;

/// The claims of a JWT that name the caller's groups.
const GROUP_CLAIMS: [&str; 2] = ["groups", "cognito:groups"];

/// The claim of a JWT that names its caller.
///
/// One claim for all tokens. A person's ID token and access token, or tokens of two scopes, have different claims: by the first claim
/// that is there, one person would be several callers, who could approve their own requests and approve a plan twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserClaim {
    /// `email`, which `email_verified` has to confirm.
    Email,
    /// `username`.
    Username,
    /// `sub`.
    Sub,
}

impl UserClaim {
    const ALL: [Self; 3] = [Self::Email, Self::Username, Self::Sub];

    /// The name of the claim.
    fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Username => "username",
            Self::Sub => "sub",
        }
    }

    /// The kind of the caller's name ([`principal`]).
    fn kind(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Username => "user",
            Self::Sub => "sub",
        }
    }
}

/// A text that names no such claim.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("SLIPWAY_OIDC_USER_CLAIM is `{0}`, and not `email`, `username` or `sub`")]
pub struct InvalidUserClaim(String);

impl FromStr for UserClaim {
    type Err = InvalidUserClaim;

    fn from_str(text: &str) -> Result<Self, InvalidUserClaim> {
        let named = Self::ALL.into_iter().find(|claim| claim.name() == text);
        named.ok_or_else(|| InvalidUserClaim(text.to_owned()))
    }
}

/// How callers are recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callers {
    /// Who administers the service (`SLIPWAY_ADMINS`, comma-separated): groups or scopes of a JWT, ARNs of IAM users and roles.
    pub admins: Vec<String>,
    /// The claim that names the caller of a JWT (`SLIPWAY_OIDC_USER_CLAIM`). Without it, no JWT has a caller.
    pub user_claim: Option<UserClaim>,
}

/// The caller. `token` is the header `Authorization`, whose signature API Gateway has checked where the authorizer has a JWT.
pub(crate) fn caller(
    authorizer: &ApiGatewayRequestAuthorizer,
    token: Option<&str>,
    callers: &Callers,
) -> Option<Caller> {
    let admins = &callers.admins;
    if let Some(jwt) = &authorizer.jwt {
        let person = person(jwt, token, callers.user_claim?, admins)?;
        return principal::is_recordable(&person.name).then_some(person);
    }
    let arn = authorizer.iam.as_ref()?.user_arn.clone()?;
    let role = principal::role_of_session(&arn);
    let admin = admins.contains(&arn) || role.is_some_and(|(_, role)| admins.contains(&role));
    Some(Caller::named(principal::of_caller(&arn)?, admin))
}

fn person(jwt: &Jwt, token: Option<&str>, user: UserClaim, admins: &[String]) -> Option<Caller> {
    let claim = |name: &str| {
        jwt.claims
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    };
    // Without this check, users could own what belongs to any address that they enter into their profile.
    if user == UserClaim::Email && claim("email_verified") != Some("true") {
        return None;
    }
    let name = claim(user.name())?;
    let groups = token.map(|token| groups(token, jwt)).unwrap_or_default();
    let is_admin = |name: &str| admins.iter().any(|admin| admin == name);
    let mut scopes = claim("scope").into_iter().flat_map(|all| all.split(' '));
    let admin = groups.iter().any(|group| is_admin(group))
        || scopes.any(is_admin)
        || jwt.scopes.iter().flatten().any(|scope| is_admin(scope));
    // Earlier versions had no kinds: an address was one, and what else people may choose is none.
    let was_plain = !name.contains(':') && (user == UserClaim::Email || !name.contains('@'));
    Some(Caller {
        name: principal::of_token(user.kind(), claim("iss")?, name),
        former: was_plain.then(|| name.to_owned()).into_iter().collect(),
        groups,
        admin,
    })
}

/// The groups that the token itself names. API Gateway hands claims on as texts without quotes: there, the one group
/// `not slipway-admin` looks like two. A token that is not the one of the authorizer, or cannot be read, names no groups.
fn groups(token: &str, jwt: &Jwt) -> BTreeSet<String> {
    let Some(claims) = claims(token) else {
        return BTreeSet::new();
    };
    let is_same = |name: &str| claims.get(name).and_then(Value::as_str) == jwt.claims.get(name).map(String::as_str);
    if !is_same("iss") || !is_same("sub") {
        return BTreeSet::new();
    }
    let named = GROUP_CLAIMS.iter().filter_map(|claim| claims.get(*claim));
    named
        .flat_map(|groups| match groups {
            Value::Array(groups) => groups.iter().filter_map(Value::as_str).collect(),
            Value::String(group) => vec![group.as_str()],
            _ => Vec::new(),
        })
        .filter(|group| !group.is_empty())
        .map(ToOwned::to_owned)
        .collect()
}

/// The claims in a JWT: the second of its three parts.
fn claims(token: &str) -> Option<Map<String, Value>> {
    let token = match token.split_once(' ') {
        Some((scheme, token)) => scheme.eq_ignore_ascii_case("bearer").then_some(token)?,
        None => token,
    };
    let mut parts = token.trim().split('.');
    let (_header, claims) = (parts.next()?, parts.next()?);
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use slipway_policy::facts::{EnvironmentFacts, StackFacts};
    use slipway_policy::{Action, Policies, Resource};

    /// Whether the default policies let the caller update a stack of this owner.
    fn owns(caller: &Caller, owner: &str) -> bool {
        let stack = StackFacts {
            id: Some("lusab-babad".to_owned()),
            name: "shop".to_owned(),
            owner: owner.to_owned(),
            blueprint: "web".to_owned(),
            environment: EnvironmentFacts::unknown("live"),
        };
        let policies = Policies::new(&[]).expect("the default policies");
        policies.permits(&caller.into(), Action::RequestUpdate, &Resource::Stack(stack))
    }

    const ISSUER: &str = "https://login.example.com/";

    fn called_by(
        user_claim: Option<UserClaim>,
        authorizer: Value,
        token: Option<&str>,
        admins: &[&str],
    ) -> Option<Caller> {
        let authorizer = serde_json::from_value(authorizer).expect("an authorizer");
        let admins = admins.iter().map(ToString::to_string).collect();
        caller(&authorizer, token, &Callers { admins, user_claim })
    }

    fn called(authorizer: Value, token: Option<&str>, admins: &[&str]) -> Option<Caller> {
        called_by(Some(UserClaim::Sub), authorizer, token, admins)
    }

    fn jwt(mut claims: Value) -> Value {
        claims["iss"] = ISSUER.into();
        json!({ "jwt": { "claims": claims, "scopes": ["stacks", "ops"] } })
    }

    fn token(claims: &Value) -> String {
        format!("Bearer e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    fn name(claim: UserClaim, claims: &Value) -> Option<String> {
        called_by(Some(claim), jwt(claims.clone()), None, &[]).map(|caller| caller.name)
    }

    #[test]
    fn one_claim_names_the_caller_with_kind_and_issuer() {
        let claims = json!({ "sub": "7", "username": "ann", "email": "ann@example.com", "email_verified": "true" });
        for (claim, expected) in [
            (UserClaim::Email, "email:login.example.com:ann@example.com"),
            (UserClaim::Username, "user:login.example.com:ann"),
            (UserClaim::Sub, "sub:login.example.com:7"),
        ] {
            assert_eq!(name(claim, &claims).as_deref(), Some(expected));
        }
        assert_eq!(called_by(None, jwt(claims), None, &[]), None, "no claim is configured");
        for verified in ["false", "", "1"] {
            let eve = json!({ "sub": "7", "email": "ann@example.com", "email_verified": verified });
            assert_eq!(name(UserClaim::Email, &eve), None, "{verified:?}");
        }
        assert_eq!(name(UserClaim::Username, &json!({ "sub": "7", "username": "" })), None);
    }

    /// The tokens are those of Amazon Cognito:
    /// <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-with-identity-providers.html>
    #[test]
    fn two_tokens_of_one_person_are_never_two_callers() {
        let id = json!({ "token_use": "id", "sub": "7", "cognito:username": "ann", "email": "ann@example.com", "email_verified": "true" });
        let access = json!({ "token_use": "access", "sub": "7", "username": "ann", "scope": "slipway/use" });
        for claim in UserClaim::ALL {
            let (by_id, by_access) = (name(claim, &id), name(claim, &access));
            assert!(
                by_id == by_access || by_id.is_none() || by_access.is_none(),
                "{claim:?}: {by_id:?} and {by_access:?}"
            );
        }
        assert_eq!(name(UserClaim::Sub, &id), name(UserClaim::Sub, &access));
    }

    #[test]
    fn name_that_cannot_be_recorded_is_no_caller() {
        for claim in UserClaim::ALL {
            let named = |length: usize| {
                name(
                    claim,
                    &json!({ claim.name(): "x".repeat(length), "email_verified": "true" }),
                )
            };
            assert!(named(900).is_some() && named(2_048).is_none(), "{claim:?}");
            for spoofed in ["ann\u{200b}", "\u{202e}nna", "ann\n", "ann\u{fe0f}"] {
                let claims = json!({ claim.name(): spoofed, "email_verified": "true" });
                assert_eq!(name(claim, &claims), None, "{claim:?} {spoofed:?}");
            }
        }
    }

    #[test]
    fn chosen_user_name_owns_nothing_of_other_principals() {
        let owners = [
            "ann@example.com",
            "email:login.example.com:ann@example.com",
            "event:111122223333",
            "arn:aws:iam::111122223333:role/Deploy",
            "team:payments",
            "arn:aws:sts::111122223333:assumed-role/Deploy/ann",
        ];
        for owner in owners {
            for claim in [UserClaim::Username, UserClaim::Sub] {
                let eve = json!({ claim.name(): owner, "email": owner });
                let eve = called_by(Some(claim), jwt(eve), None, &[]).expect("a caller");
                assert!(!owns(&eve, owner), "{claim:?} {owner}");
            }
        }
        let ann = json!({ "sub": "1", "email": "ann@example.com", "email_verified": "true" });
        let ann = called_by(Some(UserClaim::Email), jwt(ann), None, &[]).expect("a caller");
        assert!(owns(&ann, owners[0]) && owns(&ann, owners[1]));
        let program = called(jwt(json!({ "sub": "program-7" })), None, &[]).expect("a caller");
        assert!(owns(&program, "program-7"), "a stack of an earlier version");
    }

    #[test]
    fn groups_are_those_of_the_token_itself() {
        let claims = |groups: Value| json!({ "iss": ISSUER, "sub": "7", "groups": groups });
        let seen = jwt(json!({ "sub": "7", "groups": "[x slipway-admin]" }));
        let admin = |token: Option<&str>| called(seen.clone(), token, &["slipway-admin"]).expect("a caller").admin;
        assert!(admin(Some(&token(&claims(json!(["x", "slipway-admin"]))))));
        assert!(admin(Some(&token(&claims(json!("slipway-admin"))))));
        assert!(!admin(Some(&token(&claims(json!(["x slipway-admin"]))))), "one group");
        assert!(!admin(None), "no token");
        for unreadable in [
            "",
            "Bearer",
            "Bearer e30",
            "Bearer e30.%%%.x",
            "Basic e30.e30.x",
            "Bearer e30.W10.x",
        ] {
            assert!(!admin(Some(unreadable)), "{unreadable}");
        }
        let of_another = json!({ "iss": ISSUER, "sub": "8", "groups": ["slipway-admin"] });
        assert!(!admin(Some(&token(&of_another))), "a token of another caller");
        let member = called(seen.clone(), Some(&token(&claims(json!(["payments"])))), &[]).expect("a caller");
        assert!(owns(&member, "team:payments") && !owns(&member, "team:shop") && !owns(&member, "payments"));
    }

    #[test]
    fn scope_makes_an_administrator() {
        let admin = |claims: Value, admins: &[&str]| called(jwt(claims), None, admins).expect("a caller").admin;
        assert!(admin(json!({ "sub": "7" }), &["ops"]));
        assert!(admin(
            json!({ "sub": "7", "scope": "openid slipway-admin" }),
            &["slipway-admin"]
        ));
        assert!(!admin(json!({ "sub": "7", "scope": "openid" }), &["slipway-admin"]));
    }

    #[test]
    fn session_has_the_name_and_the_rights_of_its_role() {
        let iam = |arn: &str| json!({ "iam": { "userArn": arn } });
        let role = "arn:aws:iam::123456789012:role/Deploy";
        let mut runs = ["run-1", "run-2"].map(|run| {
            let arn = format!("arn:aws:sts::123456789012:assumed-role/Deploy/{run}");
            called(iam(&arn), None, &[role]).expect("a caller")
        });
        assert_eq!(runs[0], Caller::named(role, true));
        assert_eq!(runs[0], runs[1]);
        // An administrator may change every stack.
        runs[1].admin = false;
        // Made by a version that recorded the session.
        assert!(owns(&runs[1], "arn:aws:sts::123456789012:assumed-role/Deploy/run-0"));
        assert!(!owns(&runs[1], "arn:aws:sts::210987654321:assumed-role/Deploy/run-1"));
        let person = "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Dev_0123456789abcdef/ann@example.com";
        let ann = called(iam(person), None, &[]).expect("a caller");
        assert!(owns(&ann, person));
        assert!(!owns(&ann, &person.replace("ann@", "bob@")));
        assert_eq!(called(json!({}), None, &[role]), None);
        // The caller of GetFederationToken chooses the name, also that of an administrator.
        let federated = "arn:aws:sts::123456789012:federated-user/ann";
        assert_eq!(called(iam(federated), None, &[federated]), None);
    }
}
