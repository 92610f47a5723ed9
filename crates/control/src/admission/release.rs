//! What a request about the images of a stack must satisfy: to release some, to go back to earlier ones, to run a command with
//! the current ones.

use std::collections::BTreeMap;

use slipway_model::contract::Contract;
use slipway_model::id::ReleaseNumber;
use slipway_model::name::{Image, Name};
use slipway_model::operation::Operation;
use slipway_model::operation::work::Work;
use slipway_model::problem::FieldProblem;
use slipway_model::release::{NewRelease, Release, there_are};
use slipway_model::request::IMAGES_REMEDY;
use slipway_model::stack::{Stack, StackStatus};
use slipway_store::Error;

use super::{Admission, Refusal};

/// How many releases are read per query in the search for a successful one.
const PER_QUERY: u16 = 20;

impl Admission<'_> {
    /// The image of each service after a release: the named ones, and what the stack has for the others.
    async fn judge_images(
        self,
        stack: &Stack,
        named: &BTreeMap<Name, Image>,
    ) -> Result<BTreeMap<Name, Image>, Refusal> {
        fitted(stack, self.images_of(stack).await?, named)
    }

    /// A release of the named images, and of what the stack has for the other services.
    pub(super) async fn new_release(self, stack: &Stack, named: &BTreeMap<Name, Image>) -> Result<NewRelease, Refusal> {
        Ok(NewRelease {
            named: named.keys().cloned().collect(),
            ..stack.next_release(self.judge_images(stack, named).await?)
        })
    }

    /// The services that the request for a release does not name run what the stack runs now: a release before it may have been
    /// cancelled or have failed. If one has failed whose migrations the release before does not work with, they run that one: only a
    /// person decides that they go back.
    pub(super) async fn settle_release(self, operation: Operation, stack: &Stack) -> Result<Operation, Refusal> {
        let (Work::Release { release, .. }, Some(current)) = (&operation.work, stack.current_release) else {
            return Ok(operation);
        };
        let NewRelease { images, named, .. } = release;
        let contract = stack.contract.iter();
        let is_whole = contract
            .flat_map(|contract| without_image(contract, images))
            .next()
            .is_none();
        if named.is_empty() || (is_whole && images.keys().all(|service| named.contains(service))) {
            return Ok(operation);
        }
        let is_named = |(service, _): &(&Name, &Image)| named.contains(*service);
        let named = images.iter().filter(is_named);
        let named = named.map(|(service, image)| (service.clone(), image.clone())).collect();
        let unsettled = stack.unsettled.as_ref().filter(|unsettled| unsettled.migrated);
        let runs = unsettled.map_or(current, |unsettled| unsettled.release);
        let before = self.store.release(&stack.id, runs).await?.images;
        let images = fitted(stack, before, &named)?;
        Ok(self.store.settle_images(operation, &images).await?)
    }

    /// The images that the stack will run after all earlier requests; before its first release has succeeded, the images that were
    /// requested last. With the images that it runs now, a release in the queue would revert the release before it.
    async fn images_of(self, stack: &Stack) -> Result<BTreeMap<Name, Image>, Error> {
        let asked = (stack.last_release.0 > 0).then_some(stack.last_release);
        let coming = self.coming_release(stack).await?;
        match coming.or(stack.current_release).or(asked) {
            Some(number) => Ok(self.store.release(&stack.id, number).await?.images),
            None => Ok(BTreeMap::new()),
        }
    }

    /// The release that the stack will run if every earlier request succeeds, if one of them has a release. The statuses of
    /// releases do not answer this: one that a rollback releases again is `superseded` until then.
    async fn coming_release(self, stack: &Stack) -> Result<Option<ReleaseNumber>, Error> {
        let waiting = self.store.queue(&stack.id).await?;
        for id in stack.in_progress().chain(&waiting).rev() {
            if let Some(number) = self.store.operation(id).await?.release() {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// The release that a rollback goes to: the named one, or the last successful one before the release that the stack runs or will
    /// run. An unsettled stack rolls back to its current release.
    pub async fn judge_rollback(self, stack: &Stack, named: Option<ReleaseNumber>) -> Result<Release, Refusal> {
        let Some(current) = stack.current_release else {
            return Err(Refusal::Conflict(format!(
                "The stack `{}` runs no release: there is nothing to go back from. Release images first.",
                stack.name
            )));
        };
        let coming = self.coming_release(stack).await?;
        let from = coming.unwrap_or(current);
        let settles = coming.is_none() && stack.unsettled.is_some();
        let release = match named.or_else(|| settles.then_some(current)) {
            Some(number) if settles && number == current => self.store.release(&stack.id, current).await?,
            Some(number) => self.named_release(stack, from, number).await?,
            None => self.release_before(stack, from).await?,
        };
        let contract = stack.contract.iter();
        let missing: Vec<&str> = contract
            .flat_map(|contract| without_image(contract, &release.images))
            .map(Name::as_str)
            .collect();
        if !missing.is_empty() {
            return Err(Refusal::Conflict(format!(
                "Release {} has no image for {}, which the stack has got since. Release a set of images instead.",
                release.number,
                missing.join(", ")
            )));
        }
        Ok(release)
    }

    async fn named_release(
        self,
        stack: &Stack,
        from: ReleaseNumber,
        number: ReleaseNumber,
    ) -> Result<Release, Refusal> {
        let wrong = |detail: String| {
            let (environment, name) = (&stack.environment, &stack.name);
            let remedy = format!(
                "name a release that the stack has run: `slipway release list {environment}/{name}` lists them"
            );
            Refusal::Invalid(vec![FieldProblem::new("release", detail, remedy)])
        };
        if number == from {
            return Err(wrong(format!(
                "release {number} is what the stack runs, or is going to run"
            )));
        }
        match self.store.release(&stack.id, number).await {
            Ok(release) if release.status.has_succeeded() => Ok(release),
            Ok(_) => Err(wrong(format!("release {number} has never succeeded"))),
            Err(Error::NotFound { .. }) => {
                let there_are = there_are(stack.last_release);
                Err(wrong(format!("the stack has no release {number}; {there_are}")))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn release_before(self, stack: &Stack, from: ReleaseNumber) -> Result<Release, Refusal> {
        let mut cursor = None;
        loop {
            let page = self.store.releases(&stack.id, PER_QUERY, cursor.as_ref()).await?;
            let mut earlier = page.items.into_iter().filter(|release| release.number < from);
            if let Some(release) = earlier.find(|release| release.status.has_succeeded()) {
                return Ok(release);
            }
            cursor = page.next;
            if cursor.is_none() {
                return Err(Refusal::Conflict(format!(
                    "The stack `{}` runs release {from}, or is going to, and no release before it has succeeded: there is \
                     nothing to go back to.",
                    stack.name
                )));
            }
        }
    }
}

/// The named images over those before, as far as they fit the services of the stack.
fn fitted(
    stack: &Stack,
    before: BTreeMap<Name, Image>,
    named: &BTreeMap<Name, Image>,
) -> Result<BTreeMap<Name, Image>, Refusal> {
    let mut images = before;
    images.extend(named.iter().map(|(service, image)| (service.clone(), image.clone())));
    let Some(contract) = &stack.contract else {
        // It is being made: its services are known when the release's turn comes.
        if stack.status == StackStatus::Provisioning {
            return Ok(images);
        }
        return Err(Refusal::Conflict(format!(
            "The stack `{}` is {} and has no services yet. Update it until it is ready, then release.",
            stack.name, stack.status
        )));
    };
    let services: Vec<&str> = contract.services.keys().map(Name::as_str).collect();
    let mut problems = Vec::new();
    for service in named.keys().filter(|service| !contract.services.contains_key(*service)) {
        let remedy = match services.as_slice() {
            [] => "leave it out: the stack has no services".to_owned(),
            services => format!("the services of this stack are: {}", services.join(", ")),
        };
        let field = format!("images.{service}");
        problems.push(FieldProblem::new(field, "the stack has no such service", remedy));
    }
    // What a service had that the blueprint has no more is no part of the next release.
    images.retain(|service, _| contract.services.contains_key(service));
    for service in without_image(contract, &images) {
        problems.push(FieldProblem::new(
            format!("images.{service}"),
            "is missing, and no release before has an image for this service",
            IMAGES_REMEDY,
        ));
    }
    if problems.is_empty() {
        Ok(images)
    } else {
        Err(Refusal::Invalid(problems))
    }
}

/// The services for which there is no image, of those that take one.
fn without_image<'a>(contract: &'a Contract, images: &BTreeMap<Name, Image>) -> impl Iterator<Item = &'a Name> {
    let services = contract.services.iter().filter(|(_, service)| service.takes_image());
    services
        .map(|(name, _)| name)
        .filter(|name| !images.contains_key(*name))
}

/// Whether a stack has something to snapshot. During its provision that is unknown, and its workflow checks later.
pub(super) fn judge_snapshot(stack: &Stack) -> Result<(), Refusal> {
    match &stack.contract {
        Some(contract) if contract.database.is_none() && contract.backups.is_empty() => {
            Err(Refusal::Invalid(vec![FieldProblem::new(
                "snapshot",
                "the stack has neither a database nor backups",
                "leave it out",
            )]))
        }
        _ => Ok(()),
    }
}

/// Whether a stack has the command, and images to run it with.
pub(super) fn judge_task(stack: &Stack, name: &Name) -> Result<(), Refusal> {
    let tasks = stack.contract.as_ref().map(|contract| &contract.tasks);
    let Some(tasks) = tasks else {
        return Err(Refusal::Conflict(format!(
            "The stack `{}` is {} and has no tasks yet. Wait until it is ready.",
            stack.name, stack.status
        )));
    };
    if !tasks.contains_key(name) {
        let names: Vec<&str> = tasks.keys().map(Name::as_str).collect();
        let there_are = match names.as_slice() {
            [] => "its blueprint names no tasks".to_owned(),
            names => format!("its tasks are: {}", names.join(", ")),
        };
        let what = format!("task `{name}` of the stack {}; {there_are}", stack.name);
        return Err(Refusal::Store(Error::NotFound { what }));
    }
    if stack.current_release.is_none() {
        return Err(Refusal::Conflict(format!(
            "The stack `{}` runs no release yet, and a task runs with the images of the current one. Release images first.",
            stack.name
        )));
    }
    Ok(())
}
