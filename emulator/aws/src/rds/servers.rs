//! Instances that are PostgreSQL servers: what their parameters say, and what is kept beside their record.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Rds;
use crate::ledger::LedgerError;
use crate::parameters::{Parameters, invalid};
use crate::postgres::{Passwords, Server};
use crate::secrets::{Secrets, new_password};
use crate::wire::AwsError;

const PASSWORDS: &str = "rds-passwords";

/// The passwords as they are kept. A managed one is a secret as well, for the containers.
#[derive(Serialize, Deserialize)]
struct Kept {
    admin: String,
    master: String,
}

/// What the parameters of `CreateDBInstance` ask for: a server, or a folder when there is no `MasterUsername`.
pub(super) fn wanted(parameters: &mut Parameters) -> Result<Option<(Server, Passwords)>, AwsError> {
    let user = parameters.optional("MasterUsername")?;
    let database = parameters.optional("DBName")?;
    let password = parameters.optional("MasterUserPassword")?;
    let is_managed = parameters.flag("ManageMasterUserPassword")?;
    let Some(user) = user else {
        parameters.optional("Port")?;
        return Ok(None);
    };
    let user = name("MasterUsername", &user)?;
    let database = database.map_or_else(|| Ok("postgres".to_owned()), |database| name("DBName", &database))?;
    let master = match (password, is_managed) {
        (Some(_), true) => {
            let message = "You can't specify MasterUserPassword for an instance with ManageMasterUserPassword enabled.";
            return Err(AwsError::new("InvalidParameterCombination", message));
        }
        (Some(password), false) => checked_password(password)?,
        (None, true) => new_password(),
        (None, false) => return Err(missing("MasterUserPassword or ManageMasterUserPassword")),
    };
    let server = Server {
        port: parameters.port()?,
        user,
        database,
        is_managed,
    };
    let admin = new_password();
    Ok(Some((server, Passwords { admin, master })))
}

/// The server of an instance that is restored from a snapshot of `of`. Its master password is a new, managed one: the old
/// one is not in the snapshot.
pub(super) fn restored(parameters: &mut Parameters, of: &Server) -> Result<(Server, Passwords), AwsError> {
    let server = Server {
        port: parameters.port()?,
        is_managed: true,
        ..of.clone()
    };
    let (admin, master) = (new_password(), new_password());
    Ok((server, Passwords { admin, master }))
}

impl Rds {
    /// Keeps the passwords before the server exists, so that a crash never leaves a server without a password.
    pub(super) fn keep_passwords(&self, id: &str, server: &Server, passwords: &Passwords) -> Result<(), LedgerError> {
        let Passwords { admin, master } = passwords.clone();
        if server.is_managed {
            let Server {
                user, port, database, ..
            } = server;
            let secret = json!({
                "username": user,
                "password": master,
                "engine": "postgres",
                "host": Ipv4Addr::LOCALHOST,
                "port": port,
                "dbname": database,
                "url": format!("postgresql://{user}:{master}@{}:{port}/{database}", Ipv4Addr::LOCALHOST),
            });
            self.secrets.put(&secret_name(id), &secret)?;
        }
        self.ledger.put(PASSWORDS, id, &Kept { admin, master })
    }

    pub(super) fn passwords(&self, id: &str) -> Result<Passwords, AwsError> {
        let kept = self.ledger.get::<Kept>(PASSWORDS, id)?;
        let lost = || {
            invalid(format!(
                "The passwords of the instance {id} are lost. Delete the instance."
            ))
        };
        let Kept { admin, master } = kept.ok_or_else(lost)?;
        Ok(Passwords { admin, master })
    }

    pub(super) fn forget_passwords(&self, id: &str) -> Result<(), LedgerError> {
        self.secrets.delete(&secret_name(id))?;
        self.ledger.delete(PASSWORDS, id).map(drop)
    }
}

/// What a description says of a server besides its endpoint.
pub(super) fn described(id: &str, server: &Server) -> Vec<(&'static str, Value)> {
    let mut members = vec![
        ("MasterUsername", json!(server.user)),
        ("DBName", json!(server.database)),
    ];
    if server.is_managed {
        let secret = json!({"SecretArn": Secrets::arn(&secret_name(id)), "SecretStatus": "active"});
        members.push(("MasterUserSecret", secret));
    }
    members
}

/// RDS names the secret that it manages `rds!db-` and an id of its own; here it is the identifier, so that a blueprint
/// knows it.
fn secret_name(id: &str) -> String {
    format!("rds!db-{id}")
}

/// A name of a role or a database, by the rule of RDS, and of PostgreSQL for its length.
fn name(parameter: &str, text: &str) -> Result<String, AwsError> {
    let is_name = text.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
        && text.len() <= 63
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    // Both are roles and databases of the server itself.
    let is_reserved = text.starts_with("pg_") || ["rdsadmin", "template0", "template1"].contains(&text);
    if is_name && !is_reserved {
        return Ok(text.to_owned());
    }
    Err(invalid(format!(
        "The parameter {parameter} must begin with a lower-case letter, have at most 63 lower-case letters, digits and \
         underscores, and not be a reserved word."
    )))
}

/// RDS forbids `/`, `'`, `"`, `@` and spaces. Backslashes and other characters are refused too: the password is part of a
/// statement and of a URL.
fn checked_password(password: String) -> Result<String, AwsError> {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$*+-._~".contains(&b);
    if (8..=128).contains(&password.len()) && password.bytes().all(is_allowed) {
        return Ok(password);
    }
    Err(invalid(
        "The parameter MasterUserPassword must have 8 to 128 letters, digits and characters of !#$*+-._~ in this emulator.",
    ))
}

fn missing(parameter: &str) -> AwsError {
    let message = format!("The request must contain the parameter {parameter}.");
    AwsError::new("MissingParameter", message)
}
