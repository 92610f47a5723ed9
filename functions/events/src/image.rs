//! ECR Image Action: an image was pushed, and the stacks that subscribe to it release it.
//!
//! Each stack decides by its own record whether it wants the image: the same push again, and one that was overtaken by a newer
//! one, change nothing, however late they come.

use slipway_model::event::{self, Origin};
use slipway_model::event_result::EventResult;
use slipway_model::id::StackId;
use slipway_model::name::Digest;
use slipway_model::source_account::{Action, SourceAccount};
use slipway_model::stack::StackStatus;
use slipway_model::subscription::{Meaning, Push, Pushed, Repository};
use slipway_store::create::{Accepted, Outcome};
use slipway_store::idempotency::Answer;
use slipway_store::judge::Asking;

use crate::error::Refused;
use crate::event::{Envelope, ImageAction};
use crate::request::{allow, unknown_account};
use crate::{EventError, Events};

impl Events {
    pub(crate) async fn image(&self, envelope: &Envelope) -> Result<(), EventError> {
        let Some(push) = push(envelope)? else { return Ok(()) };
        let subscribers = self.store.subscribers(&push.repository).await;
        let subscribers = subscribers.map_err(EventError::table("be asked who subscribes to a repository"))?;
        if subscribers.is_empty() {
            return Ok(());
        }
        let Some(source) = self.source_account(&envelope.account).await? else {
            return Err(unknown_account(envelope).into());
        };
        let mut refused: Vec<Refused> = Vec::new();
        let mut failed = None;
        for id in subscribers {
            match self.release(&source, &id, &push).await {
                Ok(()) => {}
                Err(EventError::Refused(why)) => {
                    let detail = format!("The stack {id}: {}", why.detail);
                    refused.push(Refused { detail, ..why });
                }
                // The others get theirs. The event comes again, and changes nothing where it was done.
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        if refused.is_empty() {
            return Ok(());
        }
        let details: Vec<&str> = refused.iter().map(|one| one.detail.as_str()).collect();
        Err(Refused {
            detail: details.join(" "),
            problems: refused.iter().flat_map(|one| one.problems.clone()).collect(),
        }
        .into())
    }

    /// Releases a pushed image in one stack, if the stack wants it.
    async fn release(&self, source: &SourceAccount, id: &StackId, push: &Push) -> Result<(), EventError> {
        let stack = match self.store.stack(id).await {
            Ok(stack) => stack,
            Err(slipway_store::Error::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(EventError::table("be asked for a stack")(error)),
        };
        let wants = |meaning| meaning == Meaning::Release;
        let wanted = stack.subscriptions.values().any(|one| wants(one.meaning(push)));
        if !wanted || matches!(stack.status, StackStatus::Destroying | StackStatus::Destroyed) {
            return Ok(());
        }
        let key = format!("{}:{}@{}", push.repository.name(), push.tag, push.pushed.digest);
        let origin = Origin::new(source.account.clone(), &*key, Action::Release);
        let asked = match allow(
            source,
            Action::Release,
            &stack.configuration.blueprint,
            &stack.environment,
        ) {
            Ok(()) => {
                let asking = Asking {
                    requested_by: &event::caller(&source.account),
                    origin: Some(&origin),
                    idempotency: None,
                };
                self.store.request_push(stack, push, asking, unkept).await
            }
            Err(not_allowed) => return Err(self.refuse(source, Some(key), not_allowed).await),
        };
        match asked {
            Ok(Some(Outcome::Created { operation, .. })) => {
                self.start(&operation).await;
                self.tell(source, &EventResult::of(&operation)).await
            }
            // Between the two reads it got the image, or a newer one, or was destroyed.
            Ok(_) => Ok(()),
            Err(refusal) => match EventError::refused(refusal, None) {
                EventError::Refused(refused) => Err(self.refuse(source, Some(key), refused).await),
                error => Err(error),
            },
        }
    }

    async fn refuse(&self, source: &SourceAccount, key: Option<String>, refused: Refused) -> EventError {
        self.tell_refused(source, key, Some(Action::Release), &refused).await;
        refused.into()
    }
}

/// The push that an event tells of; `None` where it tells of something else, or of an image without a tag, as the parts of an
/// image for several architectures are.
fn push(envelope: &Envelope) -> Result<Option<Push>, EventError> {
    let action: ImageAction = envelope.detail()?;
    if action.action_type != "PUSH" || action.result != "SUCCESS" || action.image_tag.is_empty() {
        return Ok(None);
    }
    let unreadable = |detail: String| {
        let source = <serde_json::Error as serde::de::Error>::custom(detail);
        EventError::ReadDetail {
            detail_type: envelope.detail_type.clone(),
            source,
        }
    };
    let digest: Digest = action
        .image_digest
        .parse()
        .map_err(|error| unreadable(format!("image-digest: {error}")))?;
    // In the account that the envelope names: whatever the detail says of accounts, no push is of another's repository.
    let repository = Repository::new(envelope.account.clone(), &envelope.region, &action.repository_name)
        .map_err(|error| unreadable(format!("repository-name: {error}")))?;
    Ok(Some(Push {
        repository,
        tag: action.image_tag,
        pushed: Pushed {
            digest,
            at: envelope.time,
        },
    }))
}

/// A push has no key: what keeps it from being done twice is the stack's own record.
fn unkept(_: Accepted<'_>) -> Answer {
    Answer {
        status: 202,
        headers: Vec::new(),
        body: Vec::new(),
    }
}
