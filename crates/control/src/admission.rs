//! What a request about a stack must satisfy before anything is written.
//!
//! Its fields were read before. What they name is judged next, then the values of variables: all problems of a stage are named
//! together, and for a new stack with those of its fields.

use std::collections::BTreeMap;

use jiff::Timestamp;
use slipway_model::environment::Environment;
use slipway_model::event::Origin;
use slipway_model::id::{ReleaseNumber, StackId};
use slipway_model::name::Name;
use slipway_model::operation::work::Work;
use slipway_model::operation::{Operation, OperationKind};
use slipway_model::policy::{PermittedRequest, RequestFacts};
use slipway_model::problem::FieldProblem;
use slipway_model::request::{Patch, ReleaseRequest, StackDraft};
use slipway_model::stack::room::room_problem;
use slipway_model::stack::{Stack, StackStatus};
use slipway_model::subscription::Push;
use slipway_store::create::{Accepted, NewOperation, NewStack, Outcome};
use slipway_store::idempotency::{Answer, Idempotency};
use slipway_store::{ATTEMPTS, Error, Store, pause};

use self::configuration::{configure, draft_problem};
use self::release::{judge_snapshot, judge_task};
use self::subscription::{judge_subscriptions, overtaken, pushed, require_no_subscriptions};

mod configuration;
mod release;
mod subscription;
mod there_are;
mod turn;

pub use self::there_are::{BLUEPRINTS_REMEDY, ENVIRONMENTS_REMEDY};
pub use self::turn::Turns;

/// Judges requests by what the table has.
#[derive(Debug, Clone, Copy)]
pub struct Admission<'a> {
    store: &'a Store,
    turns: &'a Turns,
}

/// Why a request is not what is going to happen.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Fields of it are wrong.
    #[error("wrong fields: {0:?}")]
    Invalid(Vec<FieldProblem>),
    /// What is there now does not allow it; the text says why, and what to do.
    #[error("{0}")]
    Conflict(String),
    /// The stack is not the one that the caller has seen.
    #[error("the revision is {current}, not the one that was expected")]
    RevisionMismatch {
        /// The revision that the stack has.
        current: u64,
    },
    /// It could not be judged.
    #[error("the request could not be judged")]
    Store(#[from] Error),
}

/// The requester of an operation, and the envelope of the request.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// The requester.
    pub requested_by: &'a str,
    /// The request as policies permitted it. None if it is rejected anyway.
    pub permitted: Option<&'a PermittedRequest>,
    /// The event that requested it.
    pub origin: Option<&'a Origin>,
    /// The idempotency key of the request.
    pub idempotency: Option<&'a Idempotency>,
}

/// A change of an existing stack.
#[derive(Debug, Clone)]
pub enum Change {
    /// To be made from another version, or with other values; what is not named stays.
    Update(Patch),
    /// To show what that would change.
    Preview(Patch),
    /// To run other images.
    Release(ReleaseRequest),
    /// To run the images of this earlier release again; of the one before the current one where none is named.
    Rollback(Option<ReleaseNumber>),
    /// To run a command of its contract with its current images.
    Task(Name),
    /// A drift check.
    Drift,
    /// To be destroyed.
    Destroy,
}

impl Change {
    /// What the operation of it does.
    pub fn kind(&self) -> OperationKind {
        match self {
            Self::Update(_) => OperationKind::Update,
            Self::Preview(_) => OperationKind::Preview,
            Self::Release(_) => OperationKind::Release,
            Self::Rollback(_) => OperationKind::Rollback,
            Self::Task(_) => OperationKind::Task,
            Self::Drift => OperationKind::Drift,
            Self::Destroy => OperationKind::Destroy,
        }
    }

    /// What policies decide by, whichever way the request came. The images of a rollback are not in its request: they are those of the
    /// release that [`Admission::judge_rollback`] finds ([`RequestFacts::of_images`]).
    pub fn facts(&self) -> RequestFacts {
        match self {
            Self::Update(patch) | Self::Preview(patch) => RequestFacts::of_patch(patch),
            Self::Release(release) => RequestFacts::of_release(release),
            Self::Rollback(_) | Self::Task(_) | Self::Drift | Self::Destroy => RequestFacts::default(),
        }
    }
}

impl<'a> Admission<'a> {
    /// By this table.
    pub fn by(store: &'a Store) -> Self {
        Self::in_turns(store, Turns::of_this_process())
    }

    /// By this table, in these turns. Requests with other turns meet as those of two processes do.
    pub fn in_turns(store: &'a Store, turns: &'a Turns) -> Self {
        Self { store, turns }
    }

    /// Judges the request for a new stack. `read` is its environment, where the caller has read that already.
    pub async fn judge_new_stack(
        self,
        draft: StackDraft,
        read: Option<Environment>,
        asking: Asking<'_>,
    ) -> Result<NewStack, Refusal> {
        let StackDraft {
            name,
            blueprint,
            version,
            environment,
            variables,
            images,
            subscriptions,
            owner,
            mut problems,
        } = draft;
        let environment = match environment {
            Some(name) => match read.filter(|read| read.name == name) {
                Some(read) => Some(read),
                None => self.known_environment(&name, &mut problems).await?,
            },
            None => None,
        };
        let blueprint = match blueprint {
            Some(name) => self.known_blueprint(&name, version.as_ref(), &mut problems).await?,
            None => None,
        };
        if let (Some(environment), Some(blueprint)) = (&environment, &blueprint) {
            problems.extend(draft_problem(blueprint, environment, version.is_some()));
        }
        let configuration = match (&environment, &blueprint) {
            (Some(environment), Some(blueprint)) => configure(blueprint, environment, &variables, &variables)
                .and_then(|made| room_problem(&made).map_or(Ok(made), |problem| Err(vec![problem])))
                .map_err(|wrong| problems.extend(wrong))
                .ok(),
            _ => None,
        };
        match (name, environment, configuration) {
            (Some(name), Some(environment), Some(configuration)) if problems.is_empty() => Ok(NewStack {
                name,
                environment: environment.name,
                configuration,
                images,
                subscriptions,
                owner,
                requested_by: asking.requested_by.to_owned(),
                permitted: asking.permitted.cloned(),
                origin: asking.origin.cloned(),
            }),
            _ => Err(Refusal::Invalid(problems)),
        }
    }

    /// Judges a change of a stack and creates its operation, again after concurrent changes of the stack. `if_match` is the revision
    /// that the stack must have, and `answer` as in [`Store::create_stack`].
    pub async fn request_change(
        self,
        mut stack: Stack,
        change: &Change,
        if_match: Option<u64>,
        asking: Asking<'_>,
        answer: impl Fn(Accepted<'_>) -> Answer,
    ) -> Result<Outcome, Refusal> {
        let turn = self.turns.of(&stack.id).await;
        if turn.waited {
            stack = self.store.stack(&stack.id).await?;
        }
        for attempt in 0..ATTEMPTS {
            let new = match self.judge_change(&stack, change, if_match, asking).await {
                Ok(new) => new,
                // The refusal may be because of the same request, which came a moment before and was accepted.
                Err(refusal) => return self.store.known(asking.idempotency).await?.ok_or(refusal),
            };
            match self.store.create_operation(&new, asking.idempotency, &answer).await? {
                Outcome::StackChanged => stack = self.stack_after_pause(&stack.id, attempt).await?,
                outcome => return Ok(outcome),
            }
        }
        Err(conflict(&stack).into())
    }

    /// Judges a push of an image, and requests its release in the services of the stack that follow it. `None` if there are none:
    /// they have this image or a newer one, they follow other tags, or the stack is being destroyed.
    pub async fn request_push(
        self,
        mut stack: Stack,
        push: &Push,
        asking: Asking<'_>,
        answer: impl Fn(Accepted<'_>) -> Answer,
    ) -> Result<Option<Outcome>, Refusal> {
        let turn = self.turns.of(&stack.id).await;
        if turn.waited {
            stack = self.store.stack(&stack.id).await?;
        }
        for attempt in 0..ATTEMPTS {
            let Some(new) = self.judge_push(&stack, push, asking).await? else {
                return Ok(None);
            };
            match self.store.create_operation(&new, asking.idempotency, &answer).await? {
                Outcome::StackChanged => stack = self.stack_after_pause(&stack.id, attempt).await?,
                outcome => return Ok(Some(outcome)),
            }
        }
        Err(conflict(&stack).into())
    }

    /// The stack as others have changed it, after a while in which they get done.
    async fn stack_after_pause(self, id: &StackId, attempt: u32) -> Result<Stack, Error> {
        pause(attempt).await;
        self.store.stack(id).await
    }

    async fn judge_push(self, stack: &Stack, push: &Push, asking: Asking<'_>) -> Result<Option<NewOperation>, Refusal> {
        if require_alive(stack).is_err() {
            return Ok(None);
        }
        let Some((images, newest)) = pushed(stack, push)? else {
            return Ok(None);
        };
        let release = self.new_release(stack, &images).await?;
        let work = Work::release_of(release, stack.releases_are_compatible());
        Ok(Some(NewOperation {
            newest,
            permitted: asking.permitted.cloned(),
            origin: asking.origin.cloned(),
            ..NewOperation::new(work, stack.clone(), asking.requested_by)
        }))
    }

    async fn judge_change(
        self,
        stack: &Stack,
        change: &Change,
        if_match: Option<u64>,
        asking: Asking<'_>,
    ) -> Result<NewOperation, Refusal> {
        if if_match.is_some_and(|revision| revision != stack.revision) {
            return Err(Refusal::RevisionMismatch {
                current: stack.revision,
            });
        }
        require_alive(stack)?;
        let (mut configuration, mut newest) = (None, BTreeMap::new());
        let work = match change {
            Change::Update(patch) => {
                configuration = Some(self.edited(stack, patch, change.kind()).await?);
                if !patch.subscriptions.is_empty() {
                    judge_subscriptions(stack, &self.coming_subscriptions(stack).await?, patch)?;
                }
                Work::update(Some(patch.clone()))
            }
            Change::Preview(patch) => {
                require_no_subscriptions(patch)?;
                configuration = Some(self.edited(stack, patch, change.kind()).await?);
                let patch = Some(patch.clone());
                Work::Preview { patch }
            }
            Change::Release(release) => {
                if release.snapshot {
                    judge_snapshot(stack)?;
                }
                newest = overtaken(stack, &release.images, Timestamp::now());
                Work::Release {
                    release: self.new_release(stack, &release.images).await?,
                    compatible_with_previous: release
                        .compatible_with_previous
                        .unwrap_or_else(|| stack.releases_are_compatible()),
                    with_snapshot: release.snapshot,
                }
            }
            Change::Rollback(number) => {
                let release = self.judge_rollback(stack, *number).await?;
                newest = overtaken(stack, &release.images, Timestamp::now());
                Work::Rollback {
                    release: release.number,
                }
            }
            Change::Task(task) => {
                judge_task(stack, task)?;
                Work::Task { task: task.clone() }
            }
            Change::Drift => Work::Drift,
            Change::Destroy => {
                self.require_unprotected(stack).await?;
                Work::Destroy
            }
        };
        Ok(NewOperation {
            configuration,
            newest,
            permitted: asking.permitted.cloned(),
            origin: asking.origin.cloned(),
            ..NewOperation::new(work, stack.clone(), asking.requested_by)
        })
    }

    /// Judges an operation that begins by what there is now: operations before it may have been discarded, and its environment may
    /// have changed.
    pub async fn settle(self, operation: Operation, stack: &Stack) -> Result<Operation, Refusal> {
        let operation = Box::pin(self.settle_patch(operation, stack)).await?;
        let operation = Box::pin(self.settle_release(operation, stack)).await?;
        if operation.configuration.draft {
            let environment = self.store.environment(&stack.environment).await?;
            if let Some(refusal) = operation.draft_refusal(&environment) {
                return Err(Refusal::Conflict(refusal.reason));
            }
            // A preview applies nothing, but runs the files of the draft with the role of the environment.
            if operation.kind() == OperationKind::Preview && !environment.sandbox {
                return Err(Refusal::Conflict(format!(
                    "The environment `{}` is no sandbox any more, and drafts are not planned there.",
                    environment.name
                )));
            }
        }
        Ok(operation)
    }

    async fn require_unprotected(self, stack: &Stack) -> Result<(), Refusal> {
        let environment = self.store.environment(&stack.environment).await?;
        if environment.protected {
            return Err(Refusal::Conflict(format!(
                "The environment `{}` is protected: stacks in it are not destroyed. An administrator has to take the protection \
                 from the environment first.",
                environment.name
            )));
        }
        Ok(())
    }
}

/// The error after too many attempts.
fn conflict(stack: &Stack) -> Error {
    Error::Conflict {
        what: format!("the stack {}", stack.id),
    }
}

fn require_alive(stack: &Stack) -> Result<(), Refusal> {
    match stack.status {
        StackStatus::Destroyed => Err(Refusal::Conflict(format!(
            "The stack `{}` is destroyed, and only its record remains. Create a new stack.",
            stack.id
        ))),
        StackStatus::Destroying => Err(Refusal::Conflict(format!(
            "The stack `{}` is being destroyed. Wait for the destroy operation, or cancel it.",
            stack.id
        ))),
        StackStatus::Provisioning
        | StackStatus::Ready
        | StackStatus::Updating
        | StackStatus::Releasing
        | StackStatus::Failed => Ok(()),
    }
}
