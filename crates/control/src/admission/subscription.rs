//! What a request about the subscriptions of a stack must satisfy, and what a release means to them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use slipway_model::name::{Image, Name};
use slipway_model::problem::FieldProblem;
use slipway_model::request::Patch;
use slipway_model::stack::Stack;
use slipway_model::subscription::{self, Meaning, Push, Pushed, Subscription};

use slipway_store::Error;

use super::{Admission, Refusal};

/// What the services of a stack subscribe to, by service.
type Subscriptions = BTreeMap<Name, Subscription>;

/// The image of a service, by service.
type Images = BTreeMap<Name, Image>;

/// The image that a subscribed service is requested to run, by service.
type Newest = BTreeMap<Name, Pushed>;

impl Admission<'_> {
    /// What the services of the stack subscribe to if every operation before succeeds.
    pub(super) async fn coming_subscriptions(self, stack: &Stack) -> Result<Subscriptions, Error> {
        let mut subscriptions = stack.subscriptions.clone();
        let waiting = self.store.queue(&stack.id).await?;
        for id in stack.in_progress().chain(&waiting) {
            if let Some(patch) = self.store.operation(id).await?.work.patch() {
                subscriptions = subscription::over(&subscriptions, &patch.subscriptions);
            }
        }
        Ok(subscriptions)
    }
}

/// Whether the services of a stack may subscribe as the patch says. `before` is what they subscribe to then.
pub(super) fn judge_subscriptions(stack: &Stack, before: &Subscriptions, patch: &Patch) -> Result<(), Refusal> {
    let mut problems = Vec::new();
    // Another version may have other services, which are known when it is applied.
    if let Some(contract) = stack.contract.as_ref().filter(|_| patch.version.is_none()) {
        let services: Vec<&str> = contract.services.keys().map(Name::as_str).collect();
        let remedy = format!("the services of this stack are: {}", services.join(", "));
        let wanted = patch.subscriptions.iter().filter(|(_, wanted)| wanted.is_some());
        let unknown = wanted.filter(|(service, _)| !contract.services.contains_key(*service));
        problems.extend(unknown.map(|(service, _)| {
            let field = format!("subscriptions.{service}");
            FieldProblem::new(field, "the stack has no such service", &*remedy)
        }));
    }
    let after = subscription::over(before, &patch.subscriptions);
    problems.extend(subscription::too_many(after.len()));
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Refusal::Invalid(problems))
    }
}

/// What the subscriptions know after a release that is requested now: earlier pushes no longer apply.
pub(super) fn overtaken(stack: &Stack, images: &Images, now: Timestamp) -> Newest {
    let subscribed = images
        .iter()
        .filter(|(service, _)| stack.subscriptions.contains_key(*service));
    let newest = |(service, image): (&Name, &Image)| (service.clone(), Pushed::requested(image, now));
    subscribed.map(newest).collect()
}

pub(super) fn require_no_subscriptions(patch: &Patch) -> Result<(), Refusal> {
    if patch.subscriptions.is_empty() {
        return Ok(());
    }
    Err(Refusal::Invalid(vec![FieldProblem::new(
        "subscriptions",
        "is not what a preview shows: Terraform has nothing to do with it",
        "leave it out of the preview",
    )]))
}

/// The image for each service that is to get what was pushed, and what its subscription knows then; `None` where no service is.
pub(super) fn pushed(stack: &Stack, push: &Push) -> Result<Option<(Images, Newest)>, Refusal> {
    let image = push.repository.image(&push.pushed.digest).map_err(|error| {
        let remedy = "give the repository a shorter name";
        Refusal::Invalid(vec![FieldProblem::new("repository-name", error.to_string(), remedy)])
    })?;
    let subscriptions = stack.subscriptions.iter();
    let wanting = subscriptions.filter(|(_, subscription)| subscription.meaning(push) == Meaning::Release);
    let (images, newest): (Images, Newest) = wanting
        .map(|(service, _)| ((service.clone(), image.clone()), (service.clone(), push.pushed.clone())))
        .unzip();
    Ok((!images.is_empty()).then_some((images, newest)))
}
