//! How the web console signs callers in: `OpenID` Connect's Authorization Code flow with PKCE, as a public client.

use std::collections::BTreeMap;

use serde::Serialize;

/// The client of the console at the identity provider, as the console reads it from `/console/config.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignIn {
    /// The issuer, as its tokens name it (`SLIPWAY_OIDC_ISSUER`).
    issuer: String,
    /// The client ID of the console (`SLIPWAY_CONSOLE_CLIENT_ID`).
    client_id: String,
    /// The scopes to request (`SLIPWAY_CONSOLE_SCOPE`).
    scope: String,
    /// The API's identifier at the identity provider, if that requires one (`SLIPWAY_CONSOLE_AUDIENCE`).
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<String>,
    /// The origins that the console sends requests to: the issuer's, and that of the token endpoint where it differs
    /// (`SLIPWAY_CONSOLE_ORIGINS`).
    #[serde(skip)]
    origins: Vec<String>,
}

/// Why the console cannot sign callers in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSignIn {
    /// There is a client, and no provider.
    #[error("SLIPWAY_CONSOLE_CLIENT_ID is set and SLIPWAY_OIDC_ISSUER is not: set both, or neither")]
    NoIssuer,
    /// A name of a server would become part of the content security policy.
    #[error("{variable} has `{value}`, which is not an origin: write `https://login.example.com`")]
    Origin {
        /// The environment variable.
        variable: &'static str,
        /// What is in it.
        value: String,
    },
}

impl SignIn {
    /// Reads the environment variables; `None` where the console has no client.
    pub fn from_vars(vars: &BTreeMap<String, String>) -> Result<Option<Self>, InvalidSignIn> {
        let set = |name: &str| vars.get(name).filter(|value| !value.is_empty()).cloned();
        let Some(client_id) = set("SLIPWAY_CONSOLE_CLIENT_ID") else {
            return Ok(None);
        };
        let issuer = set("SLIPWAY_OIDC_ISSUER").ok_or(InvalidSignIn::NoIssuer)?;
        let mut origins = vec![origin("SLIPWAY_OIDC_ISSUER", &issuer)?];
        for other in set("SLIPWAY_CONSOLE_ORIGINS").unwrap_or_default().split_whitespace() {
            origins.push(origin("SLIPWAY_CONSOLE_ORIGINS", other)?);
        }
        Ok(Some(Self {
            issuer,
            client_id,
            scope: set("SLIPWAY_CONSOLE_SCOPE").unwrap_or_else(|| "openid".to_owned()),
            audience: set("SLIPWAY_CONSOLE_AUDIENCE"),
            origins,
        }))
    }

    /// The origins that the console sends requests to, besides its own.
    pub(crate) fn origins(&self) -> &[String] {
        &self.origins
    }
}

/// The origin of a URL: nothing in it that could be read as another part of a content security policy.
fn origin(variable: &'static str, url: &str) -> Result<String, InvalidSignIn> {
    let host = url.strip_prefix("https://").and_then(|rest| rest.split('/').next());
    let is_host = |host: &&str| {
        let mut bytes = host.bytes();
        !host.is_empty() && bytes.all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte))
    };
    let host = host.filter(is_host).ok_or_else(|| InvalidSignIn::Origin {
        variable,
        value: url.to_owned(),
    })?;
    Ok(format!("https://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Option<SignIn>, InvalidSignIn> {
        let vars = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        SignIn::from_vars(&vars.collect())
    }

    #[test]
    fn sign_in_needs_a_client_and_an_issuer() {
        let client = ("SLIPWAY_CONSOLE_CLIENT_ID", "console");
        let issuer = ("SLIPWAY_OIDC_ISSUER", "https://id.example.com/tenant");
        assert_eq!(read(&[issuer]), Ok(None));
        assert_eq!(read(&[client]), Err(InvalidSignIn::NoIssuer));
        let origins = (
            "SLIPWAY_CONSOLE_ORIGINS",
            "https://login.example.com https://x.example.com:8443",
        );
        let sign_in = read(&[client, issuer, origins]).expect("valid").expect("a client");
        assert_eq!(
            sign_in.origins(),
            [
                "https://id.example.com",
                "https://login.example.com",
                "https://x.example.com:8443"
            ]
        );
        assert_eq!((&*sign_in.scope, &sign_in.audience), ("openid", &None));
    }

    #[test]
    fn origins_add_nothing_else_to_the_policy() {
        let client = ("SLIPWAY_CONSOLE_CLIENT_ID", "console");
        for value in [
            "http://id.example.com",
            "https://",
            "https://x;script-src/",
            "https://*/",
            "id.example.com",
            "https://a b/",
        ] {
            let found = read(&[client, ("SLIPWAY_OIDC_ISSUER", value)]);
            assert!(matches!(found, Err(InvalidSignIn::Origin { .. })), "{value}: {found:?}");
        }
    }
}
