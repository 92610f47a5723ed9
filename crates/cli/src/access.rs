//! How a request is authenticated.
//!
//! | condition, the first that holds | authentication |
//! | --- | --- |
//! | `--auth`, or `SLIPWAY_AUTH` | as given |
//! | no `--endpoint` | none: local mode needs none |
//! | `SLIPWAY_TOKEN` | that token |
//! | a login for the endpoint (`slipway login`) | its token, renewed as needed |
//! | plain HTTP to this machine | none |
//! | anything else | a signature (SigV4) with the caller's AWS credentials |

mod signer;

pub use signer::{Signer, signature};

use reqwest::Request;
use reqwest::header::{AUTHORIZATION, HeaderValue};

use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::global::{Global, Way};
use crate::login::Login;
use crate::login::saved::Logins;
use crate::secret::Secret;
use crate::server;

/// The variable with a token for callers without a login, such as a pipeline.
pub const TOKEN: &str = "SLIPWAY_TOKEN";

/// How a request proves who sends it.
#[derive(Debug)]
pub enum Access {
    /// Not at all.
    Open,
    /// By a token that was given.
    Token(Secret),
    /// By the token of a login.
    Login(Login),
    /// By a signature.
    Signed(Signer),
}

impl Access {
    /// To the local server: by the token of its data folder, if it requires one, unless none is to be sent.
    pub fn to_local(global: &Global) -> Result<Self, Error> {
        let token = server::token(global)?.filter(|_| global.auth != Some(Way::None));
        Ok(token.map_or(Self::Open, |token| Self::Token(Secret::new(token))))
    }

    /// Decides, as the table above says.
    pub fn to(endpoint: &Endpoint, global: &Global) -> Result<Self, Error> {
        let token = std::env::var(TOKEN).ok().filter(|token| !token.is_empty());
        // A user without a home, in a container say, has no logins.
        let login = || {
            Logins::of_this_user()
                .ok()
                .map_or(Ok(None), |logins| logins.of(endpoint))
        };
        match global.auth {
            Some(Way::None) => Ok(Self::Open),
            Some(Way::Iam) => Self::signed(endpoint, global),
            Some(Way::Token) => match token {
                Some(token) => Ok(Self::Token(Secret::new(token))),
                None => login()?.map(Self::Login).ok_or_else(|| {
                    Error::Usage(format!(
                        "there is no token for {endpoint}: log in with `slipway login --endpoint {endpoint} --issuer URL --client-id ID`, \
                         or set {TOKEN}"
                    ))
                }),
            },
            None => {
                if let Some(token) = token {
                    return Ok(Self::Token(Secret::new(token)));
                }
                match login()? {
                    Some(login) => Ok(Self::Login(login)),
                    None if endpoint.is_plain() => Ok(Self::Open),
                    None => Self::signed(endpoint, global),
                }
            }
        }
    }

    fn signed(endpoint: &Endpoint, global: &Global) -> Result<Self, Error> {
        Self::signer(endpoint, global).map(Self::Signed)
    }

    /// Who signs requests to the AWS account that an endpoint is in.
    pub fn signer(endpoint: &Endpoint, global: &Global) -> Result<Signer, Error> {
        let region = region(global.region.as_deref(), endpoint.region(), |name| {
            std::env::var(name).ok()
        });
        let region = region.ok_or_else(|| {
            Error::Usage(format!(
                "the address {endpoint} does not contain the Region to sign for: name it with \
                 `--region` or AWS_REGION"
            ))
        })?;
        Ok(Signer::new(region))
    }

    /// Adds to a request what proves who sends it.
    pub async fn grant(&self, request: &mut Request) -> Result<(), Error> {
        match self {
            Self::Open => Ok(()),
            Self::Token(token) => put_token(request, token),
            Self::Login(login) => put_token(request, &login.token().await?),
            Self::Signed(signer) => signer.sign(request, signer::API).await,
        }
    }

    /// The remedy if API Gateway rejects this authentication.
    pub fn remedy(&self) -> String {
        match self {
            Self::Open => "this endpoint requires authentication: `--auth iam` signs with AWS credentials, `slipway login` gets a \
                           token"
                .to_owned(),
            Self::Token(_) => format!(
                "the endpoint rejects the token in {TOKEN}: get a new one, of the audience and issuer that the endpoint expects, or unset \
                 the variable and log in with `slipway login`"
            ),
            Self::Login(login) => format!(
                "the endpoint rejects the token of this login: log in again with `slipway login --endpoint {}`; if that does not help, \
                 issuer, audience or scope are not those that the endpoint expects",
                login.endpoint()
            ),
            Self::Signed(_) => "IAM must allow these credentials `execute-api:Invoke` (`aws sts get-caller-identity` shows whose they \
                                are); for the endpoint that takes tokens, log in with `slipway login`"
                .to_owned(),
        }
    }
}

/// The region to sign for: the one that is named, or else the endpoint's own, or else the environment's.
fn region(named: Option<&str>, own: Option<&str>, var: impl Fn(&str) -> Option<String>) -> Option<String> {
    let of_environment = || {
        let set = ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().filter_map(var);
        set.into_iter().find(|region| !region.is_empty())
    };
    named.or(own).map(str::to_owned).or_else(of_environment)
}

fn put_token(request: &mut Request, token: &Secret) -> Result<(), Error> {
    let value = HeaderValue::from_str(&format!("Bearer {}", token.reveal()));
    let mut value = value.map_err(|_| {
        Error::Usage(format!(
            "the token in {TOKEN} has an invalid character, perhaps a line break: set it again without"
        ))
    })?;
    value.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn region_comes_from_option_then_endpoint_then_environment() {
        let var = |name: &str| (name == "AWS_DEFAULT_REGION").then(|| "us-west-2".to_owned());
        let none = |_: &str| Some(String::new());
        assert_eq!(region(Some("a"), Some("b"), var).as_deref(), Some("a"));
        assert_eq!(region(None, Some("b"), var).as_deref(), Some("b"));
        assert_eq!(region(None, None, var).as_deref(), Some("us-west-2"));
        assert_eq!(region(None, None, none), None);
    }
}
