//! ECR Image Action: an image was pushed, and the stacks that subscribe to it release it.
//!
//! Each stack decides by its own record whether to release the image. Repeated pushes and pushes older than the current image have
//! no effect, even if they arrive late. An accepted release is recorded under the push, as for requests, so that a repeated event
//! sends the result again if it may have been lost.

use futures::{StreamExt, stream};
use slipway_control::admission::{Admission, Asking};
use slipway_model::event::{self, Origin};
use slipway_model::event_result::EventResult;
use slipway_model::id::StackId;
use slipway_model::name::Digest;
use slipway_model::source_account::{Action, SourceAccount};
use slipway_model::stack::{Stack, StackStatus};
use slipway_model::subscription::{Meaning, Push, Pushed, Repository};
use slipway_store::create::Outcome;
use slipway_store::idempotency::{Answer, Idempotency, Known};

use crate::error::Refused;
use crate::event::{Envelope, ImageAction};
use crate::request::{allow, answer, recorded, unknown_account};
use crate::{EventError, Events};

/// How many stacks are handled at once. An image that hundreds of stacks run must reach all of them before the function's
/// timeout.
const AT_ONCE: usize = 10;

impl Events {
    pub(crate) async fn image(&self, envelope: &Envelope) -> Result<(), EventError> {
        let Some(push) = push(envelope)? else { return Ok(()) };
        let subscribers = self.store.subscribers(&push.repository).await;
        let subscribers = subscribers.map_err(EventError::table("list the subscribers of a repository"))?;
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
                // The other stacks are released. Lambda retries the event, which has no effect where it succeeded.
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
            is_denial: refused.iter().any(|one| one.is_denial),
        }
        .into())
    }

    /// Releases a pushed image in one stack, if its subscription matches. Idempotent: a repeated event sends the recorded result
    /// again, because the first attempt to send it may have failed.
    async fn release(&self, source: &SourceAccount, id: &StackId, push: &Push) -> Result<(), EventError> {
        let once = once(source, id, push);
        let known = self.store.answered(&once).await;
        let known = known.map_err(EventError::table("read the answer to a push"))?;
        if let Known::Replayed(answer) = known {
            return self.send_result(source, &recorded(&answer)?).await;
        }
        let stack = match self.store.stack(id).await {
            Ok(stack) => stack,
            Err(slipway_store::Error::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(EventError::table("read the stack")(error)),
        };
        let wants = |meaning| meaning == Meaning::Release;
        let wanted = stack.subscriptions.values().any(|one| wants(one.meaning(push)));
        if !wanted || matches!(stack.status, StackStatus::Destroying | StackStatus::Destroyed) {
            return Ok(());
        }
        match self.ask_for(source, stack, push, &once).await {
            Ok(Some(result)) => self.send_result(source, &result).await,
            Ok(None) => Ok(()),
            Err(EventError::Refused(refused)) => Err(self.refuse(source, push, once, refused).await),
            Err(error) => Err(error),
        }
    }

    /// Requests the release; `None` if there is nothing to release after all.
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
        let caller = origin.caller();
        let permitted = Box::pin(self.permit_push(source, &caller, &stack, push)).await?;
        let asking = Asking {
            requested_by: &caller,
            permitted: Some(&permitted),
            origin: Some(&origin),
            idempotency: Some(once),
        };
        match Admission::by(&self.store)
            .request_push(stack, push, asking, answer)
            .await
        {
            Ok(Some(Outcome::Created { operation, .. })) => {
                self.start(&operation).await;
                Ok(Some(EventResult::of(&operation)))
            }
            Ok(Some(Outcome::Replayed(answer))) => recorded(&answer).map(Some),
            // Meanwhile the stack got this image or a newer one, or was destroyed.
            Ok(_) => Ok(None),
            Err(refusal) => Err(EventError::refused(refusal, None)),
        }
    }

    /// Reports a rejection to the account once per push; the event may be retried for the sake of another stack. The push is judged
    /// again then, because people redrive events after they have removed the cause of the rejection.
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
                self.report_refused(source, Some(key(push)), action, &refused).await;
                refused.into()
            }
            Ok(_) => refused.into(),
            Err(error) => EventError::table("record the rejection of a push")(error),
        }
    }
}

/// The name of a push in results.
fn key(push: &Push) -> String {
    format!("{}:{}@{}", push.repository.name(), push.tag, push.pushed.digest)
}

/// The idempotency key of a push event. A later push of the same image under the same tag is a different push.
fn once(source: &SourceAccount, stack: &StackId, push: &Push) -> Idempotency {
    let key = format!("{} at {} for {stack}", key(push), push.pushed.at);
    Idempotency {
        // Different from the keys that the account chooses for its requests.
        caller: format!("{} push", event::caller(&source.account)),
        request: Digest::of(key.as_bytes()),
        key,
    }
}

/// The push in an event. `None` for other actions, and for untagged images, such as the parts of a multi-architecture image.
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
    // In the account that the envelope names, regardless of the detail: an account pushes only to its own repositories.
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
