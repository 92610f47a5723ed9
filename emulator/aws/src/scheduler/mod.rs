//! EventBridge Scheduler: schedules that run tasks of ECS.
//!
//! One loop waits for the next tick of all schedules. A tick is one `RunTask`, with a token of its own, so that it runs
//! once, whatever happens. A tick that came while the server was off, or the machine asleep, is not made up for; as on
//! AWS a tick may come up to a minute late.
//!
//! There is one schedule group, `default`. A target that refuses a task (its task definition no longer exists, say) is not asked
//! again: what would have run goes to the schedule's dead-letter queue.

mod cron;
mod expression;
mod schedule;

use crate::error::chain;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub use self::expression::Expression;
use self::schedule::{AfterCompletion, Definition, GROUP, Schedule, State};
use crate::clock::Clock;
use crate::ledger::{Ledger, LedgerError};
use crate::sqs::Sqs;
use crate::wire::{AwsError, Call, RestCall, input};

const SCHEDULE: &str = "scheduler-schedule";
/// How late a tick may be.
const LATE: SignedDuration = SignedDuration::from_secs(60);
/// How long the loop sleeps at most, after schedules that could not be read for one.
const LONGEST_SLEEP: SignedDuration = SignedDuration::from_secs(30);
/// A page of `ListSchedules`.
const PAGE: usize = 100;

/// The scheduler. Clones share everything.
#[derive(Clone)]
pub struct Scheduler {
    ledger: Ledger,
    clock: Clock,
    /// The API of ECS.
    ecs: Call,
    sqs: Sqs,
}

impl Scheduler {
    /// The schedules of the ledger. Nothing ticks before [`Self::start`].
    pub fn new(ledger: Ledger, clock: Clock, ecs: Call, sqs: Sqs) -> Self {
        Self {
            ledger,
            clock,
            ecs,
            sqs,
        }
    }

    /// Runs what is due, until `stop`.
    pub fn start(&self, stop: CancellationToken) {
        let scheduler = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = scheduler.run() => {}
            }
        });
    }

    /// One call of the wire API.
    // Nothing here waits; the signature is that of every service.
    #[allow(clippy::unused_async)]
    pub async fn call(&self, call: RestCall) -> Result<Value, AwsError> {
        let unknown = || AwsError::unknown_operation(&format!("{} {}", call.method, call.path));
        let (name, method) = match call.path.strip_prefix("/schedules") {
            Some("") => (None, &call.method),
            Some(rest) => (rest.strip_prefix('/'), &call.method),
            None => return Err(unknown()),
        };
        match (name, method) {
            (Some(name), &Method::POST) => self.create(name, call.body),
            (Some(name), &Method::PUT) => self.update(name, call.body),
            (Some(name), &Method::GET) => {
                call.refuse_others(&["groupName"])?;
                self.get(name, call.parameter("groupName"))?.to_json()
            }
            (Some(name), &Method::DELETE) => {
                call.refuse_others(&["groupName", "clientToken"])?;
                self.delete(name, call.parameter("groupName"))
            }
            (None, &Method::GET) => self.list(&call),
            _ => Err(unknown()),
        }
    }

    fn create(&self, name: &str, body: Value) -> Result<Value, AwsError> {
        check_name(name)?;
        let definition: Definition = input(body)?;
        definition.check()?;
        let now = self.clock.now();
        let schedule = Schedule {
            name: name.to_owned(),
            definition,
            created: now,
            modified: now,
            base: now,
        };
        self.ledger.transaction(|ledger| {
            match ledger.get::<Schedule>(SCHEDULE, name)? {
                Some(known) if known.definition.client_token.is_some() && known.definition == schedule.definition => {}
                Some(_) => {
                    let message = format!("Schedule {name} already exists.");
                    return Err(AwsError::new("ConflictException", message).with_status(StatusCode::CONFLICT));
                }
                None => ledger.put(SCHEDULE, name, &schedule)?,
            }
            Ok(())
        })?;
        Ok(json!({"ScheduleArn": schedule.arn()}))
    }

    /// As on AWS what the request leaves out is what it is by default, and not what it was.
    fn update(&self, name: &str, body: Value) -> Result<Value, AwsError> {
        let definition: Definition = input(body)?;
        definition.check()?;
        let now = self.clock.now();
        let schedule = self.ledger.transaction(|ledger| {
            let known = ledger.get::<Schedule>(SCHEDULE, name)?;
            let known = known.ok_or_else(|| not_found(&format!("Schedule {name}")))?;
            let schedule = Schedule {
                // A release that points the schedule at a new task definition moves no tick.
                base: if definition.ticks_like(&known.definition) {
                    known.base
                } else {
                    now
                },
                modified: now,
                definition,
                ..known
            };
            ledger.put(SCHEDULE, name, &schedule)?;
            Ok::<_, AwsError>(schedule)
        })?;
        Ok(json!({"ScheduleArn": schedule.arn()}))
    }

    fn get(&self, name: &str, group: Option<&str>) -> Result<Schedule, AwsError> {
        let schedule = self.ledger.get::<Schedule>(SCHEDULE, name)?;
        let schedule = schedule.filter(|_| group.is_none_or(|group| group == GROUP));
        schedule.ok_or_else(|| not_found(&format!("Schedule {name}")))
    }

    fn delete(&self, name: &str, group: Option<&str>) -> Result<Value, AwsError> {
        self.get(name, group)?;
        self.ledger.delete(SCHEDULE, name)?;
        Ok(json!({}))
    }

    fn list(&self, call: &RestCall) -> Result<Value, AwsError> {
        call.refuse_others(&["MaxResults", "NamePrefix", "NextToken", "ScheduleGroup", "State"])?;
        let size = call.parameter("MaxResults").map_or(Ok(PAGE), |size| {
            let size = size.parse().ok().filter(|size| (1..=PAGE).contains(size));
            size.ok_or_else(|| invalid("MaxResults: 1 to 100 are taken."))
        })?;
        let after = call.parameter("NextToken").map(|token| {
            let name = URL_SAFE_NO_PAD.decode(token).ok().map(String::from_utf8);
            name.and_then(Result::ok)
                .ok_or_else(|| invalid("NextToken is not one that ListSchedules gave."))
        });
        let after = after.transpose()?;
        let prefix = call.parameter("NamePrefix").unwrap_or_default();
        let state = call.parameter("State").map(|state| input(json!(state))).transpose()?;
        let mut schedules = self.ledger.list_under::<Schedule>(SCHEDULE, prefix)?;
        schedules.retain(|(name, schedule)| {
            after.as_ref().is_none_or(|after| name > after)
                && state.is_none_or(|state| schedule.definition.state == state)
                && call.parameter("ScheduleGroup").is_none_or(|group| group == GROUP)
        });
        let page: Vec<Value> = schedules
            .iter()
            .take(size)
            .map(|(_, schedule)| schedule.summary())
            .collect();
        let mut answer = json!({ "Schedules": page });
        if let Some((last, _)) = schedules.get(size - 1).filter(|_| schedules.len() > size) {
            answer["NextToken"] = json!(URL_SAFE_NO_PAD.encode(last));
        }
        Ok(answer)
    }

    async fn run(&self) {
        let mut changes = self.ledger.changes(SCHEDULE);
        let mut last = self.clock.now();
        loop {
            changes.mark_unchanged();
            let now = self.clock.now().max(last);
            let next = match self.run_due(last, now).await {
                Ok(next) => next,
                Err(error) => {
                    tracing::error!(error = %chain(&error), "the schedules cannot be read");
                    None
                }
            };
            last = now;
            let latest = now.saturating_add(LONGEST_SLEEP).unwrap_or(Timestamp::MAX);
            let next = next.map_or(latest, |next| next.min(latest));
            tokio::select! {
                ended = changes.changed() => if ended.is_err() { return },
                () = self.clock.sleep_until(next) => {}
            }
        }
    }

    /// Runs the ticks after `last` and up to `now`, and says when the next one is.
    pub async fn run_due(&self, last: Timestamp, now: Timestamp) -> Result<Option<Timestamp>, LedgerError> {
        let mut soonest: Option<Timestamp> = None;
        for (_, schedule) in self.ledger.list::<Schedule>(SCHEDULE)? {
            // The first tick of a rate is the moment in which it was made.
            let before = schedule.base.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(last);
            let mut since = if schedule.base > last { before } else { last };
            while let Some(tick) = schedule.next_after(since) {
                if tick > now {
                    soonest = Some(soonest.map_or(tick, |soonest| soonest.min(tick)));
                    break;
                }
                if now.duration_since(tick) <= LATE {
                    self.fire(&schedule, tick).await;
                }
                since = tick;
            }
            self.complete(&schedule, now)?;
        }
        Ok(soonest)
    }

    async fn fire(&self, schedule: &Schedule, tick: Timestamp) {
        let outcome = match schedule.run(tick) {
            Ok(body) => (self.ecs)("RunTask".to_owned(), body).await,
            Err(error) => Err(error),
        };
        let Err(error) = outcome else {
            tracing::info!(schedule = schedule.name, %tick, "a schedule ran its task");
            return;
        };
        tracing::error!(schedule = schedule.name, %tick, %error, "a schedule could not run its task");
        let Some(queue) = &schedule.definition.target.dead_letter_config else {
            return;
        };
        let attributes = [
            ("SCHEDULE_ARN", schedule.arn()),
            ("ERROR_CODE", error.code.clone().into_owned()),
            ("ERROR_MESSAGE", error.message.clone()),
        ];
        let body = schedule.run(tick).unwrap_or_default();
        if let Err(error) = self.sqs.send(&queue.arn, &body, &attributes) {
            tracing::error!(schedule = schedule.name, %error, "the dead-letter queue did not take what could not run");
        }
    }

    /// Deletes a schedule that has had its last tick, if it is to be deleted then.
    fn complete(&self, schedule: &Schedule, now: Timestamp) -> Result<(), LedgerError> {
        let definition = &schedule.definition;
        let is_over = definition.state == State::Enabled && schedule.next_after(now).is_none();
        if is_over && definition.action_after_completion == AfterCompletion::Delete {
            self.ledger.delete(SCHEDULE, &schedule.name)?;
        }
        Ok(())
    }
}

fn check_name(name: &str) -> Result<(), AwsError> {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if (1..=64).contains(&name.len()) && name.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(invalid("Name: letters, digits, -, _ and . are taken, up to 64."))
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::validation(message)
}

fn not_found(what: &str) -> AwsError {
    AwsError::new("ResourceNotFoundException", format!("{what} does not exist.")).with_status(StatusCode::NOT_FOUND)
}
