//! STS: every caller may assume every role of the one account.
//!
//! There is one user, who may do everything, so a session may do everything too: neither the role's trust policy nor the session
//! policy is enforced. It is here so that a build takes the same steps as on AWS, and gets credentials that expire. A role of
//! another account is denied: there is no other account.

use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::wire::{ACCOUNT, AwsError, request_id};

/// The version of the API, which requests name.
pub const VERSION: &str = "2011-06-15";
/// What its XML is of.
pub const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The shortest session, the longest, and the one that is given where none is asked for, in seconds.
const SHORTEST: u64 = 900;
const LONGEST: u64 = 43_200;
const USUAL: u64 = 3600;

/// The most characters of a session policy:
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>.
const LONGEST_POLICY: usize = 2048;

/// One call of the wire API, by its parameters. `token` is the session token that every session gets, where callers have to send it.
pub fn call(action: &str, parameters: &Map<String, Value>, token: Option<&str>) -> Result<Value, AwsError> {
    match action {
        "AssumeRole" => assume_role(parameters, token),
        "GetCallerIdentity" => Ok(json!({
            "UserId": ACCOUNT, "Account": ACCOUNT, "Arn": format!("arn:aws:iam::{ACCOUNT}:root"),
        })),
        other => Err(AwsError::new(
            "InvalidAction",
            format!("The action {other} is not supported: AssumeRole and GetCallerIdentity are."),
        )),
    }
}

fn assume_role(parameters: &Map<String, Value>, token: Option<&str>) -> Result<Value, AwsError> {
    let given = |name: &str| parameters.get(name).and_then(Value::as_str).unwrap_or_default();
    let invalid = |message: &str| AwsError::new("ValidationError", message);
    let (role, session) = (given("RoleArn"), given("RoleSessionName"));
    let parts = role.split_once(":role/").filter(|(_, name)| !name.is_empty());
    let (account, name) = parts.ok_or_else(|| invalid("RoleArn is not the ARN of a role."))?;
    if account.rsplit(':').next() != Some(ACCOUNT) {
        let message = format!("{role} is in another account, and there is one account here: {ACCOUNT}.");
        return Err(AwsError::new("AccessDenied", message).with_status(StatusCode::FORBIDDEN));
    }
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_=,.@-".contains(letter);
    if !(2..=64).contains(&session.len()) || !session.chars().all(plain) {
        return Err(invalid(
            "RoleSessionName has 2 to 64 letters, digits and the characters _ = , . @ -.",
        ));
    }
    if given("Policy").chars().count() > LONGEST_POLICY {
        return Err(invalid("Policy has at most 2048 characters."));
    }
    let seconds = match given("DurationSeconds") {
        "" => Some(USUAL),
        text => text
            .parse()
            .ok()
            .filter(|seconds| (SHORTEST..=LONGEST).contains(seconds)),
    };
    let seconds = seconds.ok_or_else(|| invalid("DurationSeconds is a number from 900 to 43200."))?;
    let expiration = Timestamp::now()
        .checked_add(Duration::from_secs(seconds))
        .map_err(|error| AwsError::new("InternalFailure", error.to_string()))?;
    let id = request_id().replace('-', "").to_uppercase();
    let name = name.rsplit('/').next().unwrap_or(name);
    Ok(json!({
        "AssumedRoleUser": {
            "AssumedRoleId": format!("AROA{}:{session}", &id[..16]),
            "Arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}"),
        },
        "Credentials": {
            "AccessKeyId": format!("ASIA{}", &id[..16]), "SecretAccessKey": id, "SessionToken": token.unwrap_or(&id),
            "Expiration": expiration.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assume(role: &str, session: &str, policy: &str, seconds: &str) -> Result<Value, String> {
        let parameters = json!({
            "RoleArn": role, "RoleSessionName": session, "Policy": policy, "DurationSeconds": seconds,
        });
        let parameters = parameters.as_object().expect("parameters");
        call("AssumeRole", parameters, None).map_err(|error| error.code.into_owned())
    }

    #[test]
    fn session_has_the_limits_of_aws() {
        let role = "arn:aws:iam::000000000000:role/slipway-runner";
        let given = assume(role, "op-1", &"x".repeat(2048), "3600").expect("a session");
        assert_eq!(
            given["AssumedRoleUser"]["Arn"],
            "arn:aws:sts::000000000000:assumed-role/slipway-runner/op-1"
        );
        assert!(
            given["Credentials"]["AccessKeyId"]
                .as_str()
                .is_some_and(|id| id.starts_with("ASIA"))
        );
        for (role, session, policy, seconds) in [
            ("slipway-runner", "op-1", "", ""),
            (role, "op 1", "", ""),
            (role, "o", "", ""),
            (role, "op-1", &*"x".repeat(2049), ""),
            (role, "op-1", "", "60"),
        ] {
            assert_eq!(
                assume(role, session, policy, seconds),
                Err("ValidationError".to_owned()),
                "{session} {seconds}"
            );
        }
        let foreign = role.replace("000000000000", "444455556666");
        assert_eq!(assume(&foreign, "op-1", "", ""), Err("AccessDenied".to_owned()));
    }
}
