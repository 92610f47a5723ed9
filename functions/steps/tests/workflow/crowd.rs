//! Many operations at once in an account that runs few builds, in simulated time: the shipped state machine with its own waits,
//! and the real steps.
//!
//! The account behaves as <https://docs.aws.amazon.com/codebuild/latest/userguide/builds-working.html> says: it queues five builds
//! for each that it runs, takes them in no order that could be predicted, and refuses any beyond. Local CodeBuild keeps the same
//! limits (emulator/aws/tests/emulator/codebuild.rs).

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::LazyLock;

use asl_interpreter::simulate::Answer;
use asl_interpreter::{
    Effect, Event, Execution, ExecutionStart, Outcome, StateMachine, TaskId, TaskRequest, TimerId, Turn,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use slipway_model::environment::Approval;
use slipway_model::id::OperationId;
use slipway_model::operation::OperationStatus;
use slipway_store::create::NewStack;

use crate::ground::{self, answer, created};
use crate::world::{MACHINE_ARN, World, machine, name};

/// How many operations are started at once, where the environment does not say: 200 take half a minute of two cores.
const OPERATIONS: usize = 60;
/// The variable that says otherwise.
const VARIABLE: &str = "SLIPWAY_TEST_OPERATIONS";
/// How many operations there are for each build that the account runs.
const OPERATIONS_FOR_A_BUILD: usize = 20;
/// How many builds the account queues for each that it runs.
const QUEUE_OF_A_BUILD: usize = 5;

static MACHINE: LazyLock<StateMachine> = LazyLock::new(machine);

/// What happens at a time: a timer of an execution, or the end of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Timer { execution: usize, timer: TimerId },
    Build { execution: usize, task: TaskId },
}

struct Crowd {
    world: World,
    /// How many builds the account runs, and how many it queues.
    limits: (usize, usize),
    executions: Vec<(OperationId, Execution)>,
    outcomes: Vec<Option<Outcome>>,
    due: BinaryHeap<Reverse<(Timestamp, Due)>>,
    now: Timestamp,
    running: Vec<(usize, Box<TaskRequest>)>,
    queue: Vec<(usize, Box<TaskRequest>)>,
    random: u64,
    refused: usize,
    most_events: usize,
}

impl Crowd {
    fn new(running: usize) -> Self {
        let (mut world, _) = World::in_environment(Approval::Never, false);
        // Nothing to release: it ends after Terraform.
        world.contract = Some(json!({}));
        Self {
            world,
            limits: (running, running * QUEUE_OF_A_BUILD),
            executions: Vec::new(),
            outcomes: Vec::new(),
            due: BinaryHeap::new(),
            now: Timestamp::UNIX_EPOCH,
            running: Vec::new(),
            queue: Vec::new(),
            random: 42,
            refused: 0,
            most_events: 0,
        }
    }

    /// A number below `limit`, by the generator of Knuth's MMIX.
    fn draw(&mut self, limit: usize) -> usize {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.random >> 33).unwrap_or_default() % limit
    }

    /// Asks for a stack, and starts its execution.
    fn start(&mut self, number: usize) {
        let new = NewStack {
            name: name(&format!("stack-{number}")),
            images: std::collections::BTreeMap::new(),
            ..ground::new_stack()
        };
        let id = created(World::wait(self.world.store.create_stack(&new, None, |_| answer())));
        let start = ExecutionStart {
            arn: format!("{}:{id}", MACHINE_ARN.replace(":stateMachine:", ":execution:")),
            name: id.to_string(),
            role_arn: "arn:aws:iam::000000000000:role/operation".to_owned(),
            state_machine_arn: MACHINE_ARN.to_owned(),
            state_machine_name: "slipway-operation".to_owned(),
            input: json!({"operation": id, "stack_id": self.world.operation(&id).stack}),
        };
        let seed = u64::try_from(number).unwrap_or_default();
        let (execution, turn) = Execution::start(&MACHINE, start, self.now, seed);
        self.executions.push((id, execution));
        self.outcomes.push(None);
        self.carry_out(number, turn);
    }

    fn handle(&mut self, execution: usize, event: Event) {
        let turn = self.executions[execution].1.handle(&MACHINE, event, self.now);
        self.carry_out(execution, turn);
    }

    fn carry_out(&mut self, execution: usize, turn: Turn) {
        if let Some(event) = turn.history.last() {
            self.most_events = self.most_events.max(usize::try_from(event.id).unwrap_or(usize::MAX));
        }
        if turn.outcome.is_some() {
            self.outcomes[execution] = turn.outcome;
        }
        for effect in turn.effects {
            match effect {
                Effect::StartTimer { timer, at } => self.due.push(Reverse((at, Due::Timer { execution, timer }))),
                Effect::StartTask(task) => self.task(execution, task),
                // A timer that is not needed any more is passed over when its time comes.
                Effect::CancelTimer { .. } => {}
                Effect::CancelTask { .. } => panic!("a task was given up"),
            }
        }
    }

    fn task(&mut self, execution: usize, task: Box<TaskRequest>) {
        self.handle(execution, Event::TaskStarted { task: task.task });
        if task.resource.resource_type() != "codebuild" {
            return self.answered(execution, &task);
        }
        if (self.running.len(), self.queue.len()) == self.limits {
            self.refused += 1;
            let event = Event::TaskSubmitFailed {
                task: task.task,
                error: Some("CodeBuild.AccountLimitExceededException".to_owned()),
                cause: Some(format!(
                    "Cannot have more than {} builds in queue for the account",
                    self.limits.1
                )),
            };
            return self.handle(execution, event);
        }
        let (id, output) = (task.task, json!({}));
        self.queue.push((execution, task));
        self.handle(execution, Event::TaskSubmitted { task: id, output });
        self.next_build();
    }

    /// A task that ends at once.
    fn answered(&mut self, execution: usize, task: &TaskRequest) {
        let id = self.executions[execution].0.clone();
        let event = match self.world.answer(&id, task) {
            Answer::Succeed(output) => Event::TaskSucceeded {
                task: task.task,
                output,
            },
            Answer::Fail { error, cause } => Event::TaskFailed {
                task: task.task,
                error: Some(error),
                cause: Some(cause),
            },
            other => panic!("{other:?}"),
        };
        self.handle(execution, event);
    }

    /// Runs a build of the queue where there is room: from one to four minutes.
    fn next_build(&mut self) {
        if self.running.len() < self.limits.0 && !self.queue.is_empty() {
            let next = self.draw(self.queue.len());
            let (execution, task) = self.queue.swap_remove(next);
            let seconds = 60 + i64::try_from(self.draw(180)).unwrap_or_default();
            let ends = Due::Build {
                execution,
                task: task.task,
            };
            self.due
                .push(Reverse((self.now + SignedDuration::from_secs(seconds), ends)));
            self.running.push((execution, task));
        }
    }

    fn run(&mut self) {
        while let Some(Reverse((at, due))) = self.due.pop() {
            match due {
                Due::Timer { execution, timer } => {
                    let pending = self.executions[execution].1.pending();
                    let is_set =
                        |effect: &Effect| matches!(effect, Effect::StartTimer { timer: set, .. } if *set == timer);
                    if pending.iter().any(is_set) {
                        self.now = self.now.max(at);
                        self.handle(execution, Event::TimerFired { timer });
                    }
                }
                Due::Build { execution, task } => {
                    self.now = self.now.max(at);
                    let ended = |(of, running): &(usize, Box<TaskRequest>)| *of == execution && running.task == task;
                    let place = self.running.iter().position(ended).expect("a build that runs");
                    let (_, task) = self.running.swap_remove(place);
                    self.next_build();
                    self.answered(execution, &task);
                }
            }
        }
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "how long it would take is worth knowing")]
fn every_operation_gets_its_builds_from_an_account_that_is_full() {
    let operations = std::env::var(VARIABLE).map_or(OPERATIONS, |number| number.parse().expect(VARIABLE));
    let mut crowd = Crowd::new(operations / OPERATIONS_FOR_A_BUILD);
    for number in 0..operations {
        crowd.start(number);
    }
    let (running, queued) = crowd.limits;
    assert!(
        crowd.refused >= operations - running - queued,
        "the account was never full"
    );
    let last = crowd.executions[operations - 1].0.clone();
    assert_eq!(crowd.world.operation(&last).waits_for_build(), Some("Plan"));
    crowd.run();
    for (number, (id, _)) in crowd.executions.iter().enumerate() {
        let outcome = &crowd.outcomes[number];
        assert!(matches!(outcome, Some(Outcome::Succeeded { .. })), "{id}: {outcome:?}");
        let operation = crowd.world.operation(id);
        assert_eq!(operation.status, OperationStatus::Succeeded, "{id}");
        assert_eq!(operation.waits_for_build(), None);
    }
    assert!(
        crowd.most_events < 2_500,
        "{} events of an execution, which may have 25,000",
        crowd.most_events
    );
    println!(
        "{operations} operations, {running} builds and {queued} in the queue: {} refusals, {} events of an execution at most, {:#}",
        crowd.refused,
        crowd.most_events,
        crowd.now.duration_since(Timestamp::UNIX_EPOCH),
    );
}
