//! The address of an API, checked before anything is sent to it.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

/// The address of an API: HTTPS, or plain HTTP that does not leave this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

impl Endpoint {
    /// Reads an address; the error says what is wrong with it and what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|_| format!("`{text}` is not a URL: write `https://…`"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("an address has no user name and no password in it: see `slipway login`".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!(
                "{text} goes on after the path: leave out what is behind `?` or `#`"
            ));
        }
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if is_this_machine(&url) => Ok(Self(url)),
            "http" => Err(format!(
                "{text} is plain HTTP to another machine, where others on the network could read and change what is sent: write \
                 `https://…`"
            )),
            scheme => Err(format!("{text} is an address of `{scheme}`: write `https://…`")),
        }
    }

    /// Whether both are the same server: on this machine, that of the same port, by whatever name.
    pub fn is_same_server(&self, other: &Self) -> bool {
        let port = |endpoint: &Self| endpoint.0.port_or_known_default();
        self == other || (self.is_plain() && other.is_plain() && port(self) == port(other))
    }

    /// Whether it is plain HTTP, so that nothing leaves this machine.
    pub fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// The region, where the address is one of API Gateway's own: `https://<api>.execute-api.<region>.amazonaws.com`.
    pub fn region(&self) -> Option<&str> {
        let host = self.0.host_str()?;
        let ours = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"];
        if !ours.iter().any(|end| host.ends_with(end)) {
            return None;
        }
        let mut labels = host.split('.').skip_while(|label| *label != "execute-api");
        labels.nth(1).filter(|label| label.contains('-'))
    }
}

/// Without a slash at the end, so that a path can follow.
impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

/// Whether an address is one of this machine's own, which no other machine can answer.
fn is_this_machine(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let address: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
    host == "localhost" || address.is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stays_here_may_be_plain() {
        for right in [
            "https://api.example.com",
            "https://api.example.com/slipway/",
            "http://127.0.0.1:4700",
            "http://[::1]:4700/",
            "http://localhost:1",
        ] {
            let endpoint = Endpoint::parse(right).expect(right);
            assert_eq!(endpoint.to_string(), right.trim_end_matches('/'));
        }
        for (wrong, why) in [
            ("http://api.example.com", "plain HTTP"),
            ("http://127.0.0.1.example.com", "plain HTTP"),
            ("http://localhost.example.com", "plain HTTP"),
            ("http://10.0.0.1", "plain HTTP"),
            ("ftp://127.0.0.1", "`ftp`"),
            ("api.example.com", "write `https://"),
            ("https://ann:secret@api.example.com", "slipway login"),
            ("https://api.example.com/?a=b", "`?`"),
        ] {
            let error = Endpoint::parse(wrong).expect_err(wrong);
            assert!(error.contains(why), "{wrong}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn the_region_is_read_from_api_gateways_own_addresses_alone() {
        for (address, region) in [
            ("https://a1b2.execute-api.eu-west-1.amazonaws.com", Some("eu-west-1")),
            (
                "https://a1b2.execute-api.cn-north-1.amazonaws.com.cn/x",
                Some("cn-north-1"),
            ),
            ("https://a1b2.execute-api.us-gov-west-1.api.aws", Some("us-gov-west-1")),
            (
                "https://vpce-1.execute-api.eu-west-1.vpce.amazonaws.com",
                Some("eu-west-1"),
            ),
            ("https://slipway.example.com", None),
            ("https://a.execute-api.eu-west-1.example.com", None),
            ("http://127.0.0.1:4700", None),
        ] {
            let endpoint = Endpoint::parse(address).expect(address);
            assert_eq!(endpoint.region(), region, "{address}");
        }
    }
}
