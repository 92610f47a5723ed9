//! ECR Image Action: an image was pushed, and the stacks that subscribe to it release it.
//!
//! Each stack decides by its own record whether it wants the image: the same push again, and one that was overtaken by a newer
//! one, change nothing, however late they come. That a stack's release was accepted is kept with the push, as for requests, so
//! that an event that comes again tells what nobody heard.

use futures::{StreamExt, stream};
use slipway_model::event::{self, Origin};
use slipway_model::event_result::EventResult;
use slipway_model::id::StackId;
use slipway_model::name::Digest;
use slipway_model::source_account::{Action, SourceAccount};
use slipway_model::stack::{Stack, StackStatus};
use slipway_model::subscription::{Meaning, Push, Pushed, Repository};
use slipway_store::create::Outcome;
use slipway_store::idempotency::{Answer, Idempotency, Known};
use slipway_store::judge::Asking;

use crate::error::Refused;
use crate::event::{Envelope, ImageAction};
use crate::request::{allow, answer, told, unknown_account};
use crate::{EventError, Events};

/// How many stacks are seen to at once: an image that hundreds of stacks run has to be with all of them before the function's
/// time is over.
const AT_ONCE: usize = 10;

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
        let releases = subscribers.into_iter().map(|id| {
            let (source, push) = (&source, &push);
            async move {
                let outcome = Box::pin(self.release(source, &id, push)).await;
                (id, outcome)
            }
        });
        let outcomes: Vec<_> = stream::iter(releases).buffered(AT_ONCE).collect().await;
        for (id, outcome) in outcomes {
            match outcome {
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

    /// Releases a pushed image in one stack, if the stack wants it. Once, however often the event comes: what was accepted before
    /// is told again, because nobody may have heard it.
    async fn release(&self, source: &SourceAccount, id: &StackId, push: &Push) -> Result<(), EventError> {
        let once = once(source, id, push);
        let known = self.store.answered(&once).await;
        let known = known.map_err(EventError::table("be asked for the answer to a push"))?;
        if let Known::Replayed(answer) = known {
            return self.tell(source, &told(&answer)?).await;
        }
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
        match self.ask_for(source, stack, push, &once).await {
            Ok(Some(result)) => self.tell(source, &result).await,
            Ok(None) => Ok(()),
            Err(EventError::Refused(refused)) => Err(self.refuse(source, push, once, refused).await),
            Err(error) => Err(error),
        }
    }

    /// Asks for the release; `None` where nothing is to be released after all.
    async fn ask_for(
        &self,
        source: &SourceAccount,
        stack: Stack,
        push: &Push,
        once: &Idempotency,
    ) -> Result<Option<EventResult>, EventError> {
        let configuration = &stack.configuration;
        allow(source, Action::Release, &configuration.blueprint, &stack.environment)?;
        let origin = Origin::new(source.account.clone(), key(push), Action::Release);
        let asking = Asking {
            requested_by: &origin.caller(),
            origin: Some(&origin),
            idempotency: Some(once),
        };
        match self.store.request_push(stack, push, asking, answer).await {
            Ok(Some(Outcome::Created { operation, .. })) => {
                self.start(&operation).await;
                Ok(Some(EventResult::of(&operation)))
            }
            Ok(Some(Outcome::Replayed(answer))) => told(&answer).map(Some),
            // Between the two reads it got the image, or a newer one, or was destroyed.
            Ok(_) => Ok(None),
            Err(refusal) => Err(EventError::refused(refusal, None)),
        }
    }

    /// Tells that the stack does not get the image, unless that was told: the event may come again for the sake of another stack.
    /// It is judged again then, because people replay an event when the cause of the refusal is gone.
    async fn refuse(&self, source: &SourceAccount, push: &Push, mut once: Idempotency, refused: Refused) -> EventError {
        once.key.push_str(" refused");
        let nothing = Answer {
            status: 409,
            headers: Vec::new(),
            body: Vec::new(),
        };
        match self.store.remember(&once, &nothing).await {
            Ok(Known::New) => {
                let action = Some(Action::Release);
                self.tell_refused(source, Some(key(push)), action, &refused).await;
                refused.into()
            }
            Ok(_) => refused.into(),
            Err(error) => EventError::table("keep that a push was refused")(error),
        }
    }
}

/// By what a push is known to who made it.
fn key(push: &Push) -> String {
    format!("{}:{}@{}", push.repository.name(), push.tag, push.pushed.digest)
}

/// By what a push is known when its event comes again. The same image may be pushed under the same tag again, later: that is
/// another push.
fn once(source: &SourceAccount, stack: &StackId, push: &Push) -> Idempotency {
    let key = format!("{} at {} for {stack}", key(push), push.pushed.at);
    Idempotency {
        // Not among the keys that the account gives its requests.
        caller: format!("{} push", event::caller(&source.account)),
        request: Digest::of(key.as_bytes()),
        key,
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
