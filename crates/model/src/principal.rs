//! The names of owners and requesters.
//!
//! A name states its kind and, for identity providers, the issuer. So a user who chooses a name is never taken for the owner of an
//! e-mail address, and no user for a role or an account.
//!
//! | name | meaning |
//! | --- | --- |
//! | `email:ISSUER:ADDRESS` | a person, by the verified address in a token |
//! | `user:ISSUER:NAME`, `sub:ISSUER:ID` | a person or program, by its user name or subject in a token |
//! | `arn:…:role/NAME` | an IAM role, whatever its sessions are called |
//! | `arn:…:assumed-role/AWSReservedSSO_…/NAME` | a person of IAM Identity Center, which sets the session's name |
//! | `arn:…:user/NAME` | an IAM user |
//! | `event:ACCOUNT` | an account that sends events |
//! | `team:GROUP` | all callers whose token has this group; owns stacks, and requests nothing |

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::marks::letters;

/// What the name of a team begins with.
pub const TEAM: &str = "team:";

/// What the roles of IAM Identity Center are called.
const SSO: &str = "AWSReservedSSO_";

/// The longest name: it is the key of an index, which has at most 2,048 bytes. The ARN of an IAM user has up to 640.
const LENGTH: usize = 1_024;

/// Whether a name can be recorded. A token may have a claim that is longer, or one that reads as another name: with characters that are
/// not seen, or that turn the direction of the line.
pub fn is_recordable(name: &str) -> bool {
    name.len() <= LENGTH && letters(name).all(|(letter, is_mark)| !is_mark && !letter.is_control())
}

/// What a caller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A person, or a program with a token of its own.
    Person,
    /// An IAM role.
    Role,
    /// An account that sends events.
    Account,
}

/// What the caller of this name is. A person of IAM Identity Center has the session of a role, and an IAM user an ARN.
pub fn kind_of(name: &str) -> Kind {
    match name.split_once(':') {
        Some(("event", _)) => Kind::Account,
        _ => match Arn::read(name).map(Arn::identity) {
            Some(Identity::Role) => Kind::Role,
            _ => Kind::Person,
        },
    }
}

/// An ARN, by its parts. The resource may have colons: the path of an IAM user may have any character that is printed.
#[derive(Debug, Clone, Copy)]
struct Arn<'a> {
    partition: &'a str,
    service: &'a str,
    account: &'a str,
    resource: &'a str,
}

/// What an ARN of IAM or STS names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Identity<'a> {
    /// An IAM user, whose name administrators of its account choose.
    User,
    /// The root user of an account.
    Root,
    /// An IAM role.
    Role,
    /// The session of a role.
    Session { role: &'a str, name: &'a str },
    /// Something else. Of a session of `GetFederationToken`, an IAM user chooses the name.
    Other,
}

impl<'a> Arn<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (arn, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
        let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
        // IAM and STS have no Region in their ARNs.
        (arn == "arn" && region.is_empty() && !account.is_empty()).then_some(Self {
            partition,
            service,
            account,
            resource,
        })
    }

    fn identity(self) -> Identity<'a> {
        let is_named = |name: &str| !name.is_empty();
        match (self.service, self.resource.split_once('/')) {
            ("iam", None) if self.resource == "root" => Identity::Root,
            ("iam", Some(("user", name))) if is_named(name) => Identity::User,
            ("iam", Some(("role", name))) if is_named(name) => Identity::Role,
            ("sts", Some(("assumed-role", session))) => match session.split_once('/') {
                Some((role, name)) if is_named(role) && is_named(name) => Identity::Session { role, name },
                _ => Identity::Other,
            },
            _ => Identity::Other,
        }
    }
}

/// The name of a caller with a token. `kind` is the claim that names it.
pub fn of_token(kind: &str, issuer: &str, name: &str) -> String {
    let issuer = issuer.strip_prefix("https://").unwrap_or(issuer);
    // A colon ends the issuer, so it has none of its own.
    format!("{kind}:{}:{name}", issuer.trim_end_matches('/').replace(':', "%3A"))
}

/// The name of the IAM caller of a signed request, by the ARN that API Gateway gives; none if the signer chooses the name. An IAM user
/// does in sessions of `GetFederationToken` (`federated-user/NAME`): it could approve its own requests, once for each name.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
pub fn of_caller(arn: &str) -> Option<String> {
    match Arn::read(arn)?.identity() {
        Identity::User | Identity::Root | Identity::Session { .. } => Some(of_arn(arn)),
        // A role signs in sessions only.
        Identity::Role | Identity::Other => None,
    }
}

/// The name of an IAM identity: of a session its role, because who assumes a role chooses the name of the session. IAM Identity Center
/// sets it to the user's.
/// <https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html>
fn of_arn(arn: &str) -> String {
    canonical(arn).into_owned()
}

/// A name as this version writes it. Earlier ones recorded the ARN of a role's session.
pub fn canonical(name: &str) -> Cow<'_, str> {
    match role_of_session(name) {
        Some((role, arn)) if !role.starts_with(SSO) => Cow::Owned(arn),
        _ => Cow::Borrowed(name),
    }
}

/// The name and the ARN of the role of a session: `arn:aws:sts::1:assumed-role/Deploy/ann` is of `arn:aws:iam::1:role/Deploy`. A
/// role's path is not in the session's ARN, nor in this.
pub fn role_of_session(arn: &str) -> Option<(&str, String)> {
    let arn = Arn::read(arn)?;
    let Identity::Session { role, .. } = arn.identity() else {
        return None;
    };
    let Arn { partition, account, .. } = arn;
    Some((role, format!("arn:{partition}:iam::{account}:role/{role}")))
}

/// Whether two names are of one person, as far as the names tell: IAM Identity Center gives a user one name in all permission sets
/// and accounts. The session of a role that an earlier version recorded is the role.
pub fn is_same_person(one: &str, other: &str) -> bool {
    let (one, other) = (canonical(one), canonical(other));
    one == other || user_of_identity_center(&one).is_some_and(|user| user_of_identity_center(&other) == Some(user))
}

fn user_of_identity_center(name: &str) -> Option<&str> {
    match Arn::read(name)?.identity() {
        Identity::Session { role, name } => role.starts_with(SSO).then_some(name),
        _ => None,
    }
}

/// The owner that a stack is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner(String);

impl Owner {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The team, where it is one.
    pub fn team(&self) -> Option<&str> {
        self.0.strip_prefix(TEAM)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that names no owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("names no team, person, role or account")]
pub struct InvalidOwner;

/// What to give for an owner.
pub const OWNER_REMEDY: &str = "give `team:` and a group, `email:`, `user:` or `sub:` with the issuer and the name, `event:` and an account, or the \
                                ARN of an IAM role or user";

impl FromStr for Owner {
    type Err = InvalidOwner;

    fn from_str(text: &str) -> Result<Self, InvalidOwner> {
        let text = canonical(text);
        let (kind, rest) = text.split_once(':').ok_or(InvalidOwner)?;
        let is_named = match kind {
            "team" => !rest.is_empty(),
            "email" | "user" | "sub" => rest
                .split_once(':')
                .is_some_and(|(issuer, name)| !issuer.is_empty() && !name.is_empty()),
            "event" => rest.len() == 12 && rest.bytes().all(|digit| digit.is_ascii_digit()),
            "arn" => Arn::read(&text).is_some_and(|arn| {
                matches!(
                    arn.identity(),
                    Identity::User | Identity::Role | Identity::Session { .. }
                )
            }),
            _ => false,
        };
        if is_named && is_recordable(&text) {
            Ok(Self(text.into_owned()))
        } else {
            Err(InvalidOwner)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_different_kinds_and_issuers_never_collide() {
        let names = [
            of_token("email", "https://login.example.com", "ann@example.com"),
            of_token("user", "https://login.example.com", "ann@example.com"),
            of_token("sub", "https://login.example.com", "ann@example.com"),
            of_token("user", "https://login.example.com/x", "ann@example.com"),
            of_token("user", "https://login.example.com", "x:ann@example.com"),
            of_token("user", "https://login.example.com:x", "ann@example.com"),
            of_token("user", "https://a", "arn:aws:iam::1:role/Deploy"),
            "arn:aws:iam::1:role/Deploy".to_owned(),
            "event:111122223333".to_owned(),
            "ann@example.com".to_owned(),
        ];
        for (index, name) in names.iter().enumerate() {
            assert!(!names[..index].contains(name), "{name}");
        }
        assert_eq!(names[0], "email:login.example.com:ann@example.com");
    }

    #[test]
    fn user_of_identity_center_is_one_person_in_every_permission_set() {
        let session =
            |set: &str, user: &str| format!("arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_{set}_0123/{user}");
        let (dev, ops) = (session("Dev", "ann"), session("Ops", "ann"));
        assert!(is_same_person(&dev, &ops) && is_same_person("a", "a"));
        for other in [
            session("Dev", "bob"),
            "user:login.example.com:ann".to_owned(),
            "ann".to_owned(),
        ] {
            assert!(!is_same_person(&dev, &other), "{other}");
        }
        let roles = ["arn:aws:iam::1:role/A", "arn:aws:iam::1:role/B"];
        assert!(!is_same_person(roles[0], roles[1]));
    }

    #[test]
    fn recorded_session_of_a_role_is_the_role() {
        let role = "arn:aws:iam::1:role/Deploy";
        let session = |role: &str, name: &str| format!("arn:aws:sts::1:assumed-role/{role}/{name}");
        let recorded = session("Deploy", "run-1");
        assert!(is_same_person(role, &recorded) && is_same_person(&recorded, role));
        assert!(is_same_person(&recorded, &session("Deploy", "run-2")));
        assert!(!is_same_person(role, &session("Release", "run-1")));
        assert!(!is_same_person("arn:aws:iam::2:role/Deploy", &recorded));
    }

    #[test]
    fn role_session_is_its_role_unless_identity_center_names_it() {
        let role = "arn:aws:iam::123456789012:role/Deploy";
        for session in ["run-1", "run-2"] {
            let arn = format!("arn:aws:sts::123456789012:assumed-role/Deploy/{session}");
            assert_eq!(of_arn(&arn), role);
        }
        let ann = "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/ann@example.com";
        assert_eq!(of_arn(ann), ann);
        assert_eq!(of_arn(role), role);
    }

    #[test]
    fn name_that_its_signer_chooses_is_no_caller() {
        let (user, root) = (
            "arn:aws:iam::123456789012:user/ops/mallory",
            "arn:aws-cn:iam::123456789012:root",
        );
        assert_eq!(of_caller(user).as_deref(), Some(user));
        assert_eq!(of_caller(root).as_deref(), Some(root));
        let session = "arn:aws-us-gov:sts::123456789012:assumed-role/Deploy/run-1";
        assert_eq!(
            of_caller(session).as_deref(),
            Some("arn:aws-us-gov:iam::123456789012:role/Deploy")
        );
        for none in [
            "arn:aws:sts::123456789012:federated-user/bob",
            "arn:aws:sts::123456789012:federated-user/x:assumed-role/Deploy/bob",
            "arn:aws:sts::123456789012:assumed-role/Deploy",
            "arn:aws:sts::123456789012:assumed-role/Deploy/",
            "arn:aws:sts::123456789012:assumed-role//bob",
            "arn:aws:iam::123456789012:assumed-role/Deploy/bob",
            "arn:aws:iam::123456789012:role/Deploy",
            "arn:aws:iam::123456789012:user/",
            "arn:aws:sts::123456789012:user/bob",
            "arn:aws:iam::123456789012:rootling",
            "arn:aws:iam:::user/bob",
            "AROAEXAMPLEID:bob",
            "AIDAEXAMPLEID",
            "123456789012:bob",
            "",
        ] {
            assert_eq!(of_caller(none), None, "{none}");
        }
        // The path of a user has what administrators of IAM write into it.
        let odd = "arn:aws:iam::123456789012:user/a:sts::1:assumed-role/AWSReservedSSO_Dev_0123/ann";
        assert_eq!((of_caller(odd).as_deref(), role_of_session(odd)), (Some(odd), None));
        assert!(!is_same_person(
            odd,
            "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Dev_0123/ann"
        ));
        assert_eq!(kind_of("arn:aws:iam::123456789012:user/x:role/y"), Kind::Person);
        assert_eq!(kind_of("arn:aws:iam::123456789012:role/Deploy"), Kind::Role);
    }

    #[test]
    fn owner_must_be_a_possible_caller_or_team() {
        for owner in [
            "team:payments",
            "email:login.example.com:ann@example.com",
            "event:111122223333",
            "arn:aws:iam::1:role/Deploy",
        ] {
            assert_eq!(owner.parse::<Owner>().map(|owner| owner.0), Ok(owner.to_owned()));
        }
        for none in [
            "",
            "ann",
            "team:",
            "email:ann@example.com",
            "event:1",
            "arn:aws:s3:::bucket",
            "arn:aws:s3:::bucket:user/ann",
            "arn:aws:sts::1:federated-user/ann",
            "team:a\nb",
        ] {
            assert_eq!(none.parse::<Owner>(), Err(InvalidOwner), "{none:?}");
        }
    }
}
