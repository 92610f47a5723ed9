//! What a request about the subscriptions of a stack must satisfy, and what a release means to them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use slipway_model::name::{Image, Name};
use slipway_model::problem::FieldProblem;
use slipway_model::request::Edit;
use slipway_model::stack::Stack;
use slipway_model::subscription::{self, Meaning, Push, Pushed, Subscription};

use super::Refusal;

/// What a service of a stack subscribes to, by service.
type Subscriptions = BTreeMap<Name, Subscription>;

/// The image of a service, by service.
type Images = BTreeMap<Name, Image>;

/// What the services of a stack subscribe to after `edit`; `None` where it says nothing of it.
pub(super) fn subscribed(stack: &Stack, edit: &Edit) -> Result<Option<Subscriptions>, Refusal> {
    if edit.subscriptions.is_empty() {
        return Ok(None);
    }
    // Another version may have other services, which are known when it is applied.
    let contract = stack.contract.as_ref().filter(|_| edit.patch.version.is_none());
    if let Some(contract) = contract {
        let services: Vec<&str> = contract.services.keys().map(Name::as_str).collect();
        let remedy = format!("the services of this stack are: {}", services.join(", "));
        let wanted = edit.subscriptions.iter().filter(|(_, wanted)| wanted.is_some());
        let unknown = wanted.filter(|(service, _)| !contract.services.contains_key(*service));
        let problem = |service: &Name| {
            let field = format!("subscriptions.{service}");
            FieldProblem::new(field, "the stack has no such service", &*remedy)
        };
        let problems: Vec<_> = unknown.map(|(service, _)| problem(service)).collect();
        if !problems.is_empty() {
            return Err(Refusal::Invalid(problems));
        }
    }
    let after = subscription::over(&stack.subscriptions, &edit.subscriptions);
    match subscription::too_many(after.len()) {
        Some(problem) => Err(Refusal::Invalid(vec![problem])),
        None => Ok(Some(after)),
    }
}

/// The subscriptions after a release that is requested now: earlier pushes no longer apply. `None` if none of its services
/// has a subscription.
pub(super) fn overtaken(stack: &Stack, images: &Images, now: Timestamp) -> Option<Subscriptions> {
    let mut subscriptions = stack.subscriptions.clone();
    // ECR gives the time of a push in whole seconds.
    let at = Timestamp::from_second(now.as_second()).unwrap_or(now);
    for (service, image) in images {
        if let Some(subscription) = subscriptions.get_mut(service) {
            let digest = image.digest().clone();
            subscription.newest = Some(Pushed { digest, at });
        }
    }
    (subscriptions != stack.subscriptions).then_some(subscriptions)
}

pub(super) fn require_no_subscriptions(edit: &Edit) -> Result<(), Refusal> {
    if edit.subscriptions.is_empty() {
        return Ok(());
    }
    Err(Refusal::Invalid(vec![FieldProblem::new(
        "subscriptions",
        "is not what a preview shows: Terraform has nothing to do with it",
        "leave it out of the preview",
    )]))
}

/// The image for each service that is to get what was pushed, and the subscriptions that know of it; `None` where no service is.
pub(super) fn pushed(stack: &Stack, push: &Push) -> Result<Option<(Images, Subscriptions)>, Refusal> {
    let image = push.repository.image(&push.pushed.digest).map_err(|error| {
        let remedy = "give the repository a shorter name";
        Refusal::Invalid(vec![FieldProblem::new("repository-name", error.to_string(), remedy)])
    })?;
    let mut images = BTreeMap::new();
    let mut subscriptions = stack.subscriptions.clone();
    for (service, subscription) in &mut subscriptions {
        if subscription.meaning(push) == Meaning::Release {
            subscription.newest = Some(push.pushed.clone());
            images.insert(service.clone(), image.clone());
        }
    }
    Ok((!images.is_empty()).then_some((images, subscriptions)))
}
