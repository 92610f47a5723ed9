//! Creating operations.
//!
//! One transaction writes the operation, gives it the stack's slot, the place beside a plan that waits or a place in the stack's
//! queue, and keeps the answer under the caller's idempotency key; for a new stack also the stack and the claim on its name, for images
//! also the release.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use slipway_model::audit::Entry;
use slipway_model::event::Origin;
use slipway_model::id::{OperationId, ReleaseNumber, StackId};
use slipway_model::name::{Image, Name};
use slipway_model::operation::layout::Layout;
use slipway_model::operation::quiesce::Quiesced;
use slipway_model::operation::work::Work;
use slipway_model::operation::{Operation, OperationStatus};
use slipway_model::policy::PermittedRequest;
use slipway_model::principal::Owner;
use slipway_model::release::{Release, ReleaseStatus};
use slipway_model::stack::beside::Beside;
use slipway_model::stack::{Configuration, Stack, StackStatus};
use slipway_model::subscription::{Pushed, Subscription, know_requested};

use crate::beside::Turn;
use crate::idempotency::{self, Answer, Idempotency, Known};
use crate::item::key_attributes;
use crate::operation::operation_writes;
use crate::release::release_write;
use crate::stack::{place_item, stack_writes};
use crate::subscription::subscription_writes;
use crate::table::Key;
use crate::write::{ATTEMPTS, Condition, Write, Written, pause};
use crate::{Error, Store};

/// The request for a new stack, whose ID the store chooses.
#[derive(Debug, Clone)]
pub struct NewStack {
    /// Its name.
    pub name: Name,
    /// Its environment.
    pub environment: Name,
    /// Its blueprint and variables.
    pub configuration: Configuration,
    /// The images of its first release; empty for none.
    pub images: BTreeMap<Name, Image>,
    /// The subscriptions of its services to pushed images.
    pub subscriptions: BTreeMap<Name, Subscription>,
    /// Its owner; by default the requester.
    pub owner: Option<Owner>,
    /// The requester.
    pub requested_by: String,
    /// The request as policies permitted it; none if they were not asked.
    pub permitted: Option<PermittedRequest>,
    /// The event that requested it.
    pub origin: Option<Origin>,
}

/// The request for an operation on an existing stack.
#[derive(Debug, Clone)]
pub struct NewOperation {
    /// What it is to do. Not [`Work::Provision`], which is [`Store::create_stack`]. A new release is [`Stack::next_release`].
    pub work: Work,
    /// The stack as the caller read it, and judged the request by it.
    pub stack: Stack,
    /// What the stack is to be made from, as far as that is known now; `None` leaves what the stack has.
    pub configuration: Option<Configuration>,
    /// The images that subscribed services are requested to run: they get no image that was pushed before. What they subscribe to
    /// changes with the end of an update.
    pub newest: BTreeMap<Name, Pushed>,
    /// The requester.
    pub requested_by: String,
    /// The request as policies permitted it; none if they were not asked.
    pub permitted: Option<PermittedRequest>,
    /// The event that requested it.
    pub origin: Option<Origin>,
}

/// The outcome of a request for an operation.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It was created. A `starting` one must be started (by `slipway-control`); a `queued` one waits.
    Created {
        /// The operation.
        operation: Box<Operation>,
        /// The response to the caller, which is recorded.
        answer: Answer,
    },
    /// The same request was made before: its response.
    Replayed(Answer),
    /// Another request was made with this key.
    KeyReused,
    /// A live stack in the environment has the name.
    NameTaken {
        /// The name.
        name: Name,
        /// The environment.
        environment: Name,
    },
    /// The stack changed after the caller read it: judge the request again.
    StackChanged,
}

/// An accepted request, for the writer of the response.
#[derive(Debug, Clone, Copy)]
pub struct Accepted<'a> {
    /// The operation.
    pub operation: &'a Operation,
    /// The stack after the change.
    pub stack: &'a Stack,
    /// The operation's position in the queue, from 1, if it is queued.
    pub position: Option<usize>,
}

impl Store {
    /// Creates a stack with its `provision` operation.
    ///
    /// `answer` writes the response to the caller. It is called once per attempt, because a race may change the operation.
    pub async fn create_stack(
        &self,
        new: &NewStack,
        idempotency: Option<&Idempotency>,
        answer: impl Fn(Accepted<'_>) -> Answer,
    ) -> Result<Outcome, Error> {
        let claim = Key::name(&new.environment, &new.name);
        for attempt in 0..ATTEMPTS {
            let now = Timestamp::now();
            let mut stack = new.stack(StackId::from_bits(rand::random()), now);
            let first = (!new.images.is_empty()).then(|| stack.next_release(new.images.clone()));
            let asked = Asked {
                work: &Work::Provision { release: first },
                configuration: &new.configuration,
                requested_by: &new.requested_by,
                permitted: new.permitted.as_ref(),
                origin: new.origin.as_ref(),
            };
            let mut request = Request::new(&asked, &mut stack, Turn::Slot, now);
            let answer = answer(request.accepted(&stack, None));
            let mut writes = request.writes(&mut stack, Condition::New, idempotency, &answer)?;
            let mut name = key_attributes(&claim);
            name.insert("stack".to_owned(), AttributeValue::S(stack.id.to_string()));
            writes.push(Write::Put(name, Condition::New));
            writes.extend(subscription_writes(&stack.id, &BTreeMap::new(), &stack.subscriptions));
            writes.extend(self.audit_writes(request.entry(None), now).await?);
            if self.write("create a stack", writes).await? == Written::Yes {
                return Ok(request.created(answer));
            }
            if let Some(known) = self.known(idempotency).await? {
                return Ok(known);
            }
            if self.get_item(&claim).await?.is_some() {
                return Ok(Outcome::NameTaken {
                    name: new.name.clone(),
                    environment: new.environment.clone(),
                });
            }
            // Another stack has the id that was drawn, or the name became free in between.
            pause(attempt).await;
        }
        Err(Error::Conflict {
            what: format!("the name `{}`", new.name),
        })
    }

    /// Asks for an operation on a stack that exists, if the stack still is what the caller read, and judged by.
    ///
    /// `slipway-control` judges and asks again where it is not. `answer` writes what the caller is answered.
    pub async fn create_operation(
        &self,
        new: &NewOperation,
        idempotency: Option<&Idempotency>,
        answer: impl FnOnce(Accepted<'_>) -> Answer,
    ) -> Result<Outcome, Error> {
        let read = &new.stack;
        let mut stack = read.clone();
        let asked = Asked {
            work: &new.work,
            configuration: new.configuration.as_ref().unwrap_or(&read.configuration),
            requested_by: &new.requested_by,
            permitted: new.permitted.as_ref(),
            origin: new.origin.as_ref(),
        };
        let turn = Box::pin(self.turn(read, new.work.kind())).await?;
        for (service, pushed) in &new.newest {
            if let Some(subscription) = stack.subscriptions.get_mut(service) {
                subscription.newest = Some(pushed.clone());
            }
        }
        let now = Timestamp::now();
        let mut request = Request::new(&asked, &mut stack, turn, now);
        let answer = answer(request.accepted(&stack, turn.position()));
        let mut writes = request.writes(&mut stack, Condition::Revision(read.revision), idempotency, &answer)?;
        writes.extend(self.audit_writes(request.entry(Some(&read.configuration)), now).await?);
        if self.write("create an operation", writes).await? == Written::Yes {
            return Ok(request.created(answer));
        }
        Ok(self.known(idempotency).await?.unwrap_or(Outcome::StackChanged))
    }

    /// What the idempotency record says, where there is one.
    pub async fn known(&self, idempotency: Option<&Idempotency>) -> Result<Option<Outcome>, Error> {
        let Some(idempotency) = idempotency else {
            return Ok(None);
        };
        Ok(match self.answered(idempotency).await? {
            Known::New => None,
            Known::Replayed(answer) => Some(Outcome::Replayed(answer)),
            Known::KeyReused => Some(Outcome::KeyReused),
        })
    }
}

impl NewStack {
    fn stack(&self, id: StackId, now: Timestamp) -> Stack {
        let mut subscriptions = self.subscriptions.clone();
        know_requested(&mut subscriptions, &self.images, now);
        Stack {
            id,
            name: self.name.clone(),
            environment: self.environment.clone(),
            owner: self
                .owner
                .as_ref()
                .map_or_else(|| self.requested_by.clone(), Owner::to_string),
            status: StackStatus::Provisioning,
            revision: 0,
            configuration: self.configuration.clone(),
            applied: None,
            contract: None,
            current_release: None,
            last_release: ReleaseNumber(0),
            active_operation: None,
            beside: None,
            subscriptions,
            drift: None,
            unsettled: None,
            quiesced_by: None,
            noted: None,
            created_at: now,
            updated_at: now,
        }
    }
}

impl NewOperation {
    /// A request that says no more than what it is to do.
    pub fn new(work: Work, stack: Stack, requested_by: impl Into<String>) -> Self {
        Self {
            work,
            stack,
            configuration: None,
            newest: BTreeMap::new(),
            requested_by: requested_by.into(),
            permitted: None,
            origin: None,
        }
    }
}

/// What both ways of asking have in common.
struct Asked<'a> {
    work: &'a Work,
    configuration: &'a Configuration,
    requested_by: &'a str,
    permitted: Option<&'a PermittedRequest>,
    origin: Option<&'a Origin>,
}

/// One attempt: what is to be written besides the stack.
struct Request {
    operation: Operation,
    release: Option<Release>,
    now: Timestamp,
}

impl Request {
    /// The operation and its release; the stack becomes what it is after the request.
    fn new(asked: &Asked<'_>, stack: &mut Stack, turn: Turn, now: Timestamp) -> Self {
        let id = OperationId::generate();
        stack.revision += 1;
        stack.updated_at = now;
        let status = match turn {
            Turn::Slot => {
                stack.active_operation = Some(id.clone());
                OperationStatus::Starting
            }
            Turn::Beside => {
                stack.beside = Some(Beside::of(id.clone()));
                OperationStatus::Starting
            }
            Turn::Behind(_) => OperationStatus::Queued,
        };
        let release = asked.work.new_release().map(|new| {
            stack.last_release = new.number;
            Release {
                stack: stack.id.clone(),
                number: new.number,
                images: new.images.clone(),
                status: ReleaseStatus::Requested,
                snapshot: None,
                compatible_with_previous: asked.work.compatible_with_previous(),
                operation: id.clone(),
                requested_by: asked.requested_by.to_owned(),
                created_at: now,
                ended_at: None,
            }
        });
        let operation = Operation {
            id,
            work: asked.work.clone(),
            stack: stack.id.clone(),
            stack_name: stack.name.clone(),
            environment: stack.environment.clone(),
            stack_owner: Some(stack.owner.clone()),
            status,
            revision: 1,
            configuration: asked.configuration.clone(),
            found: None,
            snapshot: None,
            task_run: None,
            quiesced: Quiesced::default(),
            rollouts: Vec::new(),
            schedules: Vec::new(),
            requested_by: asked.requested_by.to_owned(),
            permitted: asked.permitted.cloned(),
            origin: asked.origin.cloned(),
            created_at: now,
            started_at: None,
            ended_at: None,
            steps: Vec::new(),
            progress: None,
            plan: None,
            planned_by: None,
            applied_by: None,
            nothing_applied: false,
            outputs: None,
            verdict: None,
            drift: None,
            approval_rule: None,
            approvals: Vec::new(),
            approved_by: None,
            binding: None,
            rejected: false,
            rejection: None,
            approval_token: None,
            reminders: 0,
            noted: None,
            cancel: None,
            artifacts: Layout::default(),
            failure: None,
            logs: Vec::new(),
            execution_arn: None,
        };
        Self {
            operation,
            release,
            now,
        }
    }

    fn accepted<'a>(&'a self, stack: &'a Stack, position: Option<usize>) -> Accepted<'a> {
        Accepted {
            operation: &self.operation,
            stack,
            position,
        }
    }

    /// The transaction: `condition` is that the stack is still what was read.
    fn writes(
        &mut self,
        stack: &mut Stack,
        condition: Condition,
        idempotency: Option<&Idempotency>,
        answer: &Answer,
    ) -> Result<Vec<Write>, Error> {
        let mut writes = stack_writes(stack, condition, self.now)?;
        writes.extend(operation_writes(&mut self.operation, Condition::New)?);
        if self.operation.status == OperationStatus::Queued {
            let place = place_item(&Key::queue(&stack.id, stack.revision), &self.operation.id);
            writes.push(Write::Put(place, Condition::New));
        }
        if let Some(release) = &self.release {
            writes.push(release_write(release, Condition::New)?);
        }
        if let Some(idempotency) = idempotency {
            writes.push(idempotency::record(idempotency, answer, self.now)?);
        }
        Ok(writes)
    }

    /// What the audit log says of it. `before` is what the stack is made from.
    fn entry(&self, before: Option<&Configuration>) -> Entry {
        let operation = &self.operation;
        let about = format!("stack/{}", operation.stack);
        let entry = Entry::new(&operation.requested_by, operation.kind().into(), about).of_operation(&operation.id);
        match &operation.work {
            Work::Provision { .. } | Work::Update { .. } | Work::Preview { .. } => {
                entry.with_configurations(before, &operation.configuration)
            }
            Work::Release { .. } | Work::Rollback { .. } => {
                let images: BTreeMap<&Name, &Image> = operation.work.images().collect();
                let after = serde_json::json!({"release": operation.release(), "images": images});
                entry.with_change(None, Some(after), |_| false)
            }
            Work::Task { task } => entry.with_change(None, Some(serde_json::json!({"task": task})), |_| false),
            Work::Drift | Work::Destroy => entry,
        }
    }

    fn created(self, answer: Answer) -> Outcome {
        Outcome::Created {
            operation: Box::new(self.operation),
            answer,
        }
    }
}
