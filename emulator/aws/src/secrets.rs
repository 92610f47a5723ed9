//! Secrets Manager, as far as the emulator needs it: the passwords that RDS manages, for the containers that read them.

use rand::RngExt as _;
use serde_json::Value;

use crate::error::chain;
use crate::ledger::{Ledger, LedgerError};
use crate::wire::arn;

const SECRET: &str = "secret";

/// The secrets of a data folder. Clones share everything.
#[derive(Clone)]
pub struct Secrets {
    ledger: Ledger,
}

impl Secrets {
    /// Secrets in the ledger.
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger }
    }

    /// The ARN of a secret. AWS adds six random characters to the name; here they would only hide it.
    pub(crate) fn arn(name: &str) -> String {
        arn("secretsmanager", &format!("secret:{name}"))
    }

    pub(crate) fn put(&self, name: &str, value: &Value) -> Result<(), LedgerError> {
        self.ledger.put(SECRET, name, value)
    }

    pub(crate) fn delete(&self, name: &str) -> Result<(), LedgerError> {
        self.ledger.delete(SECRET, name).map(drop)
    }

    /// The value that `valueFrom` of a container's secret names: `ARN`, or `ARN:KEY::` for one key of a JSON secret.
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html>
    ///
    /// # Errors
    /// A text in the words of ECS, for the stopped reason of the task.
    pub fn resolve(&self, value_from: &str) -> Result<String, String> {
        let unable = |why: &str| {
            format!("ResourceInitializationError: unable to pull secrets or registry auth: {value_from}: {why}")
        };
        let prefix = Self::arn("");
        let reference = value_from
            .strip_prefix(&prefix)
            .ok_or_else(|| unable(&format!("this emulator supports {prefix}NAME and {prefix}NAME:KEY::")))?;
        let mut parts = reference.splitn(2, ':');
        let name = parts.next().unwrap_or_default();
        let key = parts.next().map_or(Ok(None), |key| {
            key.strip_suffix("::")
                .filter(|key| !key.contains(':'))
                .map(Some)
                .ok_or_else(|| unable("this emulator supports no versions of secrets"))
        })?;
        let found = self.ledger.get::<Value>(SECRET, name);
        let secret = found.map_err(|error| unable(&chain(&error)))?;
        let secret = secret.ok_or_else(|| unable("ResourceNotFoundException: the secret does not exist"))?;
        match key {
            None => Ok(secret.to_string()),
            Some(key) => match &secret[key] {
                Value::Null => Err(unable(&format!("the secret has no key {key}"))),
                Value::String(text) => Ok(text.clone()),
                other => Ok(other.to_string()),
            },
        }
    }
}

/// A password that needs no quoting anywhere: 32 letters and digits.
pub(crate) fn new_password() -> String {
    let mut random = rand::rng();
    (0..32)
        .map(|_| char::from(random.sample(rand::distr::Alphanumeric)))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Secrets;
    use crate::ledger::Ledger;

    #[test]
    fn a_reference_names_a_secret_or_one_of_its_keys() {
        let folder = tempfile::tempdir().expect("a folder");
        let secrets = Secrets::new(Ledger::open(&folder.path().join("ledger.db")).expect("opens"));
        secrets
            .put("rds!db-shop", &json!({"password": "p", "port": 5}))
            .expect("is kept");
        let arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:rds!db-shop";
        let resolve = |suffix: &str| secrets.resolve(&format!("{arn}{suffix}"));
        assert_eq!(resolve(":password::").as_deref(), Ok("p"));
        assert_eq!(resolve(":port::").as_deref(), Ok("5"));
        assert_eq!(resolve("").as_deref(), Ok(r#"{"password":"p","port":5}"#));
        for (suffix, reason) in [
            (":user::", "no key user"),
            (":password:AWSPREVIOUS:", "no versions"),
            ("-gone:password::", "does not exist"),
        ] {
            let error = resolve(suffix).expect_err(suffix);
            assert!(
                error.starts_with("ResourceInitializationError") && error.contains(reason),
                "{error}"
            );
        }
        let parameter = secrets.resolve("arn:aws:ssm:us-east-1:000000000000:parameter/x");
        assert!(parameter.expect_err("SSM").contains("this emulator supports"));
    }
}
