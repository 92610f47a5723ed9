//! Which addresses a webhook may have.
//!
//! Slipway runs inside an AWS account, from where more can be reached than from the internet: the metadata of instances, databases,
//! other services. So an address must be one of the public internet. It is checked as it is written, when the webhook is
//! configured, and as it resolves, before each delivery; the connection goes to the address that was checked.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// The longest address, in bytes.
const LENGTH: usize = 2_048;

/// What webhooks may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// Public addresses, by HTTPS.
    #[default]
    Public,
    /// Also loopback, by HTTP or HTTPS: a setting of local mode.
    PublicAndLoopback,
}

/// The address of a webhook.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WebhookUrl(Url);

/// Why a text is no address of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUrl {
    /// It is not a URL.
    #[error("is not a URL")]
    Unreadable(#[source] url::ParseError),
    /// It is too long.
    #[error("has more than {LENGTH} bytes")]
    Long,
    /// It is of another scheme.
    #[error("does not begin with `https://`")]
    Scheme,
    /// It has a user or a password.
    #[error("has a user or a password, which Slipway does not send")]
    Credentials,
    /// It has a fragment.
    #[error("has a fragment (`#`), which is not sent")]
    Fragment,
    /// Its port is 0.
    #[error("has the port 0, on which nothing listens")]
    Port,
    /// Its host is a name of an internal network.
    #[error("has the host `{0}`, which is a name of an internal network")]
    Internal(String),
    /// Its host is an address that a webhook may not have.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
}

/// An address that a webhook may not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// It is in a network that is not public.
    #[error("leads to {address}, which is {what}")]
    Network {
        /// The address.
        address: IpAddr,
        /// What it is.
        what: &'static str,
    },
    /// Its name has no address.
    #[error("leads nowhere: the name has no address")]
    Nowhere,
}

/// Names of internal networks: RFC 6761, RFC 6762, RFC 9476 and what clouds use.
const INTERNAL: [&str; 10] = [
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "private",
    "home.arpa",
];

/// IPv4 networks that are not public: the registry of special-purpose addresses
/// (<https://www.iana.org/assignments/iana-ipv4-special-registry>), and metadata services that are not in them.
const NETWORKS_4: [(Ipv4Addr, u32, &str); 18] = [
    (Ipv4Addr::new(127, 0, 0, 0), 8, LOOPBACK),
    (Ipv4Addr::UNSPECIFIED, 8, "an address of this host"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, PRIVATE),
    (Ipv4Addr::new(172, 16, 0, 0), 12, PRIVATE),
    (Ipv4Addr::new(192, 168, 0, 0), 16, PRIVATE),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "a shared address of carriers (CGNAT)"),
    (
        Ipv4Addr::new(169, 254, 0, 0),
        16,
        "link-local, as the metadata of instances",
    ),
    (
        Ipv4Addr::new(168, 63, 129, 16),
        32,
        "the metadata of virtual machines of Azure",
    ),
    (Ipv4Addr::new(192, 0, 0, 0), 24, RESERVED),
    (Ipv4Addr::new(192, 0, 2, 0), 24, DOCUMENTATION),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a relay of 6to4"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "an address of benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, DOCUMENTATION),
    (Ipv4Addr::new(203, 0, 113, 0), 24, DOCUMENTATION),
    (Ipv4Addr::new(192, 52, 193, 0), 24, "a relay of multicast"),
    (Ipv4Addr::new(192, 175, 48, 0), 24, RESERVED),
    (Ipv4Addr::new(224, 0, 0, 0), 4, MULTICAST),
    (Ipv4Addr::new(240, 0, 0, 0), 4, RESERVED),
];

/// IPv6 networks that are not public, in the order in which they are tried. Of the rest, only `2000::/3` is
/// (<https://www.iana.org/assignments/iana-ipv6-special-registry>).
const NETWORKS_6: [(Ipv6Addr, u32, &str); 16] = [
    (Ipv6Addr::LOCALHOST, 128, LOOPBACK),
    (Ipv6Addr::UNSPECIFIED, 128, "an address of this host"),
    (v6([0, 0, 0, 0, 0, 0xffff]), 96, "an IPv4 address in IPv6"),
    (v6([0, 0, 0, 0, 0xffff, 0]), 96, "an IPv4 address in IPv6"),
    (v6([0, 0, 0, 0, 0, 0]), 96, "an IPv4 address in IPv6"),
    (v6([0x64, 0xff9b, 0, 0, 0, 0]), 96, "an IPv4 address behind NAT64"),
    (v6([0x64, 0xff9b, 1, 0, 0, 0]), 48, "an IPv4 address behind NAT64"),
    (v6([0x2002, 0, 0, 0, 0, 0]), 16, "an IPv4 address behind 6to4"),
    (v6([0x2001, 0, 0, 0, 0, 0]), 32, "an IPv4 address behind Teredo"),
    (v6([0x2001, 0, 0, 0, 0, 0]), 23, RESERVED),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0]), 32, DOCUMENTATION),
    (v6([0x3fff, 0, 0, 0, 0, 0]), 20, DOCUMENTATION),
    (v6([0xfc00, 0, 0, 0, 0, 0]), 7, PRIVATE),
    (v6([0xfe80, 0, 0, 0, 0, 0]), 10, "link-local"),
    (v6([0xfec0, 0, 0, 0, 0, 0]), 10, "site-local"),
    (v6([0xff00, 0, 0, 0, 0, 0]), 8, MULTICAST),
];

const LOOPBACK: &str = "loopback";
const PRIVATE: &str = "private";
const MULTICAST: &str = "multicast";
const RESERVED: &str = "reserved";
const DOCUMENTATION: &str = "an example of documentation";

/// The first six groups of an IPv6 address.
const fn v6(groups: [u16; 6]) -> Ipv6Addr {
    let [first, second, third, fourth, fifth, sixth] = groups;
    Ipv6Addr::new(first, second, third, fourth, fifth, sixth, 0, 0)
}

/// What an address is, unless it is public.
fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => {
            let within = |network: Ipv4Addr, prefix: u32| {
                let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
                address.to_bits() & mask == network.to_bits() & mask
            };
            let mut networks = NETWORKS_4.iter();
            let found = networks.find(|(network, prefix, _)| within(*network, *prefix));
            found.map(|(_, _, what)| *what)
        }
        IpAddr::V6(address) => {
            let within = |network: Ipv6Addr, prefix: u32| {
                let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
                address.to_bits() & mask == network.to_bits() & mask
            };
            let mut networks = NETWORKS_6.iter();
            let found = networks.find(|(network, prefix, _)| within(*network, *prefix));
            let is_public = within(v6([0x2000, 0, 0, 0, 0, 0]), 3);
            found.map(|(_, _, what)| *what).or((!is_public).then_some(RESERVED))
        }
    }
}

/// The environment variable that lets webhooks reach loopback, with the value `yes`. Local mode sets it if its user wants that.
pub const LOOPBACK_VARIABLE: &str = "SLIPWAY_WEBHOOK_LOOPBACK";

/// The environment variable that lets health addresses lead to loopback, with the value `yes`. Local mode sets it: its services are there.
pub const HEALTH_VARIABLE: &str = "SLIPWAY_HEALTH_LOOPBACK";

impl Reach {
    /// What the environment of a function says of health addresses.
    pub fn of_health(vars: &BTreeMap<String, String>) -> Self {
        Self::said_by(vars, HEALTH_VARIABLE)
    }

    /// What the environment of a function says of webhooks.
    pub fn from_vars(vars: &BTreeMap<String, String>) -> Self {
        Self::said_by(vars, LOOPBACK_VARIABLE)
    }

    fn said_by(vars: &BTreeMap<String, String>, variable: &str) -> Self {
        match vars.get(variable).map(String::as_str) {
            Some("yes") => Self::PublicAndLoopback,
            _ => Self::Public,
        }
    }

    /// The addresses of a name, if a webhook may have all of them. One that is not public among others is no accident.
    pub fn permit(self, resolved: &[SocketAddr]) -> Result<&[SocketAddr], Forbidden> {
        if resolved.is_empty() {
            return Err(Forbidden::Nowhere);
        }
        for address in resolved {
            self.permit_one(address.ip())?;
        }
        Ok(resolved)
    }

    /// What is resolved of the health address of a contract, if it may be reached as it is written.
    pub fn permit_health(self, address: &str) -> Result<(String, u16), InvalidUrl> {
        let url = Url::parse(address).map_err(InvalidUrl::Unreadable)?;
        self.permit_host(&url.host().ok_or(InvalidUrl::Scheme)?.to_owned())?;
        Ok(endpoint(&url))
    }

    fn permit_host(self, host: &Host<String>) -> Result<(), InvalidUrl> {
        let is_loopback = self == Self::PublicAndLoopback && is_loopback(host);
        match host {
            Host::Ipv4(address) => Ok(self.permit_one((*address).into())?),
            Host::Ipv6(address) => Ok(self.permit_one((*address).into())?),
            Host::Domain(name) if is_internal(name) && !is_loopback => Err(InvalidUrl::Internal(name.clone())),
            Host::Domain(_) => Ok(()),
        }
    }

    fn permit_one(self, address: IpAddr) -> Result<(), Forbidden> {
        match special(address) {
            None => Ok(()),
            Some(LOOPBACK) if self == Self::PublicAndLoopback => Ok(()),
            Some(what) => Err(Forbidden::Network { address, what }),
        }
    }
}

impl WebhookUrl {
    /// The address in a text, if a webhook may have it.
    pub fn parse(text: &str, reach: Reach) -> Result<Self, InvalidUrl> {
        if text.len() > LENGTH {
            return Err(InvalidUrl::Long);
        }
        // It reads every spelling of an IPv4 address (`0x7f.1`, `2130706433`) as browsers do.
        let url = Url::parse(text).map_err(InvalidUrl::Unreadable)?;
        let host = url.host().ok_or(InvalidUrl::Scheme)?.to_owned();
        let is_loopback = reach == Reach::PublicAndLoopback && is_loopback(&host);
        match url.scheme() {
            "https" => {}
            "http" if is_loopback => {}
            _ => return Err(InvalidUrl::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidUrl::Credentials);
        }
        if url.fragment().is_some() {
            return Err(InvalidUrl::Fragment);
        }
        if url.port() == Some(0) {
            return Err(InvalidUrl::Port);
        }
        reach.permit_host(&host)?;
        Ok(Self(url))
    }

    /// The URL.
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// What is resolved: the host, without the brackets of an IPv6 address, and the port.
    pub fn endpoint(&self) -> (String, u16) {
        endpoint(&self.0)
    }

    /// The address as it may be shown: the path and the query of Slack's and Microsoft's are a secret.
    pub fn shown(&self) -> String {
        let origin = self.0.origin().ascii_serialization();
        if self.0.path() == "/" && self.0.query().is_none() {
            origin
        } else {
            format!("{origin}/…")
        }
    }
}

/// The host, without the brackets of an IPv6 address, and the port.
fn endpoint(url: &Url) -> (String, u16) {
    let host = match url.host() {
        Some(Host::Domain(name)) => name.to_owned(),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
        None => String::new(),
    };
    (host, url.port_or_known_default().unwrap_or(443))
}

fn is_loopback(host: &Host<String>) -> bool {
    match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => special((*address).into()) == Some(LOOPBACK),
        Host::Ipv6(address) => special((*address).into()) == Some(LOOPBACK),
    }
}

/// Whether a name is one of an internal network: it has no dot, or ends with a domain that no registry delegates.
fn is_internal(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    let below = |domain: &str| name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    !name.contains('.') || INTERNAL.into_iter().any(|domain| name == domain || below(domain))
}

/// Never prints a path.
impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl TryFrom<String> for WebhookUrl {
    type Error = url::ParseError;

    /// Of a record. Whether a webhook may have it is checked before each delivery.
    fn try_from(text: String) -> Result<Self, url::ParseError> {
        Url::parse(&text).map(Self)
    }
}

impl From<WebhookUrl> for String {
    fn from(url: WebhookUrl) -> Self {
        url.0.into()
    }
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
