//! The option for subscriptions to pushed images.

use clap::Args;
use slipway_model::name::Name;
use slipway_model::subscription::{Repository, TagPattern};

/// Subscriptions of services.
#[derive(Debug, Clone, Args)]
pub struct Subscribe {
    /// Service, its repository, and the tags to release, with `*` as a wildcard (repeatable)
    #[arg(long = "subscribe", value_name = "SERVICE=REPOSITORY-ARN,TAGS", value_parser = subscription)]
    pub subscriptions: Vec<(Name, (Repository, TagPattern))>,
}

fn subscription(text: &str) -> Result<(Name, (Repository, TagPattern)), String> {
    let parts = text.split_once('=').and_then(|(service, rest)| {
        let (repository, tags) = rest.rsplit_once(',')?;
        Some((service, repository, tags))
    });
    let (service, repository, tags) = parts.ok_or(
        "write `SERVICE=REPOSITORY-ARN,TAGS`, as in `web=arn:aws:ecr:eu-west-1:111122223333:repository/shop/web,v*`",
    )?;
    let service = service.parse().map_err(|error| format!("{error}"))?;
    let repository = repository.parse().map_err(|error| {
        format!(
            "the repository {error}: {}",
            slipway_model::subscription::REPOSITORY_REMEDY
        )
    })?;
    let tags = tags.parse().map_err(|error| format!("{error}"))?;
    Ok((service, (repository, tags)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_names_a_service_a_repository_and_tags() {
        let text = "web=arn:aws:ecr:eu-west-1:111122223333:repository/shop/web,v*";
        let (service, (repository, tags)) = subscription(text).expect("a subscription");
        assert_eq!(format!("{service}={repository},{tags}"), text);
        for wrong in [
            "web",
            "web=shop/web,v*",
            "web=arn:aws:ecr:eu-west-1:111122223333:repository/shop",
            "=,",
        ] {
            assert!(subscription(wrong).is_err(), "{wrong}");
        }
    }
}
