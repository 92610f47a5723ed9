//! The values that an environment references: read with its role, for this build alone.

use std::collections::BTreeSet;

use aws_config::SdkConfig;
use serde_json::{Map, Value, json};
use slipway_aws::session;
use slipway_aws::signed::{Call, Service};
use slipway_model::account::EnvironmentRole;
use slipway_model::environment::Environment;
use slipway_model::operation::Operation;
use slipway_model::reference::{Keeper, Reference};

use crate::error::{Error, Source};
use crate::overrides;
use crate::reach::{MayPass, is_throttle, patiently};
use crate::secrets;
use crate::work_folder::WorkFolder;

const SECRETS_MANAGER: Service = Service {
    id: "Secrets Manager",
    name: "secretsmanager",
};
const PARAMETER_STORE: Service = Service { id: "SSM", name: "ssm" };

/// The shortest session that AWS gives, in seconds.
const SESSION: i32 = 900;

/// The values of those references whose variables the blueprint declares. `terraform` is of the session that may assume the role.
pub(crate) async fn read(
    terraform: &SdkConfig,
    operation: &Operation,
    environment: &Environment,
    declared: &BTreeSet<String>,
) -> Result<Map<String, Value>, Error> {
    let mut wanted = environment
        .references
        .iter()
        .filter(|(name, _)| declared.contains(*name))
        .peekable();
    let Some((first, _)) = wanted.peek() else {
        return Ok(Map::new());
    };
    let unreadable = |variable: &String, source: Source| Error::Reference {
        variable: variable.clone(),
        source,
    };
    let Some(role) = &environment.role else {
        return Err(unreadable(first, "the environment has no role".into()));
    };
    let sdk = in_role(terraform, operation, environment, role)
        .await
        .map_err(|source| unreadable(first, source))?;
    let mut values = Map::new();
    for (name, reference) in wanted {
        let value = value(&sdk, reference)
            .await
            .map_err(|source| unreadable(name, source))?;
        values.insert(name.clone(), value);
    }
    Ok(values)
}

/// Hides what a kept plan was made with and no record holds. The environment may have other references by now, and the secrets other
/// values, so the plan's own variables are read.
pub(crate) fn learn_kept(folder: &WorkFolder, operation: &Operation, environment: &Environment) -> Result<(), Error> {
    let text = folder.read_in_root(overrides::VARIABLES)?;
    let Ok(Value::Object(values)) = serde_json::from_str(&text) else {
        return Err(Error::NoPlan(overrides::VARIABLES.to_owned()));
    };
    let given = &operation.configuration.variables;
    let is_recorded =
        |name: &String, value: &Value| given.contains_key(name) || environment.variables.get(name) == Some(value);
    let others = values.into_iter().filter(|(name, value)| !is_recorded(name, value));
    secrets::learn_marked(&others.map(|(_, value)| value).collect::<Vec<_>>());
    Ok(())
}

/// Clients with the role of the environment, in a session that may read values and do nothing else.
async fn in_role(
    terraform: &SdkConfig,
    operation: &Operation,
    environment: &Environment,
    role: &EnvironmentRole,
) -> Result<SdkConfig, Source> {
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Action": ["secretsmanager:GetSecretValue", "ssm:GetParameter", "kms:Decrypt"],
        "Resource": "*",
    }] });
    let sts = aws_sdk_sts::Client::new(terraform);
    let request = sts
        .assume_role()
        .role_arn(role.as_str())
        .role_session_name(operation.id.as_str())
        .source_identity(operation.stack.as_str())
        .set_external_id(environment.external_id.as_ref().map(|id| id.as_str().to_owned()))
        .policy(policy.to_string())
        .duration_seconds(SESSION);
    let answer = patiently(async || request.clone().send().await).await?;
    let given = answer.credentials.ok_or("STS gave no credentials")?;
    Ok(session::in_session(
        terraform,
        session::credentials(given, "environment"),
    ))
}

/// What a reference is to, as Terraform gets it.
async fn value(sdk: &SdkConfig, reference: &Reference) -> Result<Value, Source> {
    match &reference.keeper {
        // <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>
        Keeper::SecretsManager { member } => {
            let body = json!({ "SecretId": reference.arn });
            let answer = ask(sdk, SECRETS_MANAGER, "secretsmanager.GetSecretValue", reference, &body).await?;
            let text = answer["SecretString"].as_str().ok_or("the secret is no text")?;
            match member {
                Some(member) => self::member(text, member),
                None => Ok(text.into()),
            }
        }
        // <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html>
        Keeper::ParameterStore => {
            let body = json!({ "Name": reference.arn, "WithDecryption": true });
            let answer = ask(sdk, PARAMETER_STORE, "AmazonSSM.GetParameter", reference, &body).await?;
            let value = answer["Parameter"]["Value"].as_str();
            Ok(value.ok_or("the answer has no value")?.into())
        }
    }
}

/// A member of a secret. No error repeats what is in it.
fn member(secret: &str, member: &str) -> Result<Value, Source> {
    let Ok(Value::Object(mut members)) = serde_json::from_str(secret) else {
        return Err(format!("the secret is no JSON object, and the reference names its member `{member}`").into());
    };
    let missing = || format!("the secret has no member `{member}`");
    Ok(members.remove(member).ok_or_else(missing)?)
}

/// Why a service gave no value.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("{service} answers {status} {code}: {message}")]
    Answered {
        service: &'static str,
        status: u16,
        code: String,
        message: String,
    },
    #[error("{0} does not answer")]
    Unanswered(&'static str, #[source] Source),
}

impl MayPass for Refused {
    fn may_pass(&self) -> bool {
        match self {
            Self::Answered { status, code, .. } => *status >= 500 || *status == 429 || is_throttle(code),
            Self::Unanswered(..) => true,
        }
    }
}

/// Asks a service, again where it is not reached, throttles or fails.
async fn ask(
    sdk: &SdkConfig,
    service: Service,
    target: &'static str,
    reference: &Reference,
    body: &Value,
) -> Result<Value, Source> {
    let call = Call {
        path: "/".to_owned(),
        content_type: "application/x-amz-json-1.1",
        header: Some(("x-amz-target", target)),
        body: body.to_string(),
    };
    let answer = patiently(async || {
        let sent = service.send(sdk, reference.region.as_str(), call.clone()).await;
        let (status, answer) = sent.map_err(|source| Refused::Unanswered(service.id, source))?;
        if status == 200 {
            return Ok(answer);
        }
        let (code, message) = refusal(&answer);
        Err(Refused::Answered {
            service: service.id,
            status,
            code,
            message,
        })
    });
    Ok(serde_json::from_str(&answer.await?)?)
}

/// The code and the message of a refusal.
fn refusal(answer: &str) -> (String, String) {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    let text = |names: [&str; 2]| names.iter().find_map(|name| answer[*name].as_str()).unwrap_or_default();
    // `com.amazonaws.service#Code`, in some services.
    let code = text(["__type", "code"]).rsplit('#').next().unwrap_or_default();
    (code.to_owned(), text(["message", "Message"]).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_of_a_secret_is_its_value_and_errors_do_not_show_the_rest() {
        let secret = r#"{"password": "hunter2", "port": 5432}"#;
        assert_eq!(member(secret, "port").expect("a member"), 5432);
        for (secret, name) in [(secret, "user"), ("hunter2", "password"), (r#"["hunter2"]"#, "0")] {
            let error = member(secret, name).expect_err("no member").to_string();
            assert!(
                error.contains(&format!("`{name}`")) && !error.contains("hunter2"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_refusal_is_read_in_both_forms() {
        for answer in [
            r#"{"__type": "AccessDeniedException", "Message": "no"}"#,
            r#"{"__type": "com.amazonaws.ssm#AccessDeniedException", "message": "no"}"#,
        ] {
            assert_eq!(refusal(answer), ("AccessDeniedException".to_owned(), "no".to_owned()));
        }
        assert_eq!(refusal("<html>"), (String::new(), String::new()));
    }
}
