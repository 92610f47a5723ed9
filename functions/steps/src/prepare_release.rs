//! Prepare release: the release's task definitions are registered, and what the services run now is noted.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_ecs::operation::describe_services::DescribeServicesError;
use aws_sdk_ecs::types::{DeploymentControllerType, SchedulingStrategy};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use slipway_model::contract::{Contract, DatabaseKind, Network, Service};
use slipway_model::id::OperationId;
use slipway_model::name::Name;
use slipway_model::operation::{Operation, OperationKind, ReleasedSchedule, Snapshot};
use slipway_model::release::Release;

use crate::commands::{self, Command, PreparedCommand};
use crate::quiesce::quiesces;
use crate::stack_account::{Place, StackAccount};
use crate::task_definition::Usable;
use crate::{StepError, Steps, aws, health, state, task_definition};

/// The most bytes of what the workflow carries of a release. All that is in flight stays under 32 KiB, and the item of a Map
/// and the words of a failure come on top of this.
const CARRIED: usize = 27 * 1024;

/// How many services `ecs:DescribeServices` takes in one call.
const SERVICES_A_CALL: usize = 10;

/// What the workflow carries of a release.
#[derive(Debug, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is the condition of a choice of the workflow"
)]
pub(crate) struct Prepared {
    place: Place,
    cluster: String,
    /// Where one-off tasks run.
    placement: Placement,
    /// The snapshot to take before anything runs.
    snapshot: Option<PreparedSnapshot>,
    backups: Vec<PreparedCommand>,
    migrations: Vec<PreparedCommand>,
    /// Whether services or schedules stop while the migrations run.
    quiesces: bool,
    /// Whether services may go back by themselves after the migrations.
    rolls_back: bool,
    services: Vec<PreparedService>,
    /// Whether there is something to verify afterwards: services that must stay up, or a health address.
    verify: bool,
    /// Whether there are schedules to point at it afterwards. The operation knows which.
    schedules: bool,
}

/// A snapshot of the stack's database.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreparedSnapshot {
    pub id: String,
    pub kind: DatabaseKind,
    pub database: String,
}

/// Where one-off tasks run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Placement {
    /// Of executions that began with an earlier version: whether every command runs on Fargate.
    #[serde(default, skip_serializing)]
    pub fargate: bool,
    pub network: Option<Network>,
}

/// A service of a release.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreparedService {
    /// What the blueprint calls it.
    pub key: Name,
    /// What ECS calls it.
    pub name: String,
    task_definition: String,
    /// The desired count; none if an autoscaler owns it.
    desired_count: Option<u32>,
    /// How long its rollout may take.
    timeout_seconds: u32,
    /// What the workflow restores if the release fails.
    pub previous: RunningService,
}

/// What a service runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunningService {
    pub task_definition: String,
    desired_count: Option<i32>,
}

impl Steps {
    pub(crate) async fn prepare_release(&self, operation: &OperationId) -> Result<Prepared, StepError> {
        let began = Timestamp::now();
        let asked = self.store.operation(operation).await?;
        let stack = self.store.stack(&asked.stack).await?;
        let place = self.place_of(&stack).await?;
        if let Some(left) = &stack.quiesced_by {
            // What runs now is recorded below, and the counts that are left are not those.
            let left = self.store.operation(left).await?;
            Box::pin(self.resume_recorded(left, &place)).await?;
        }
        let released = self.released_services(&stack).await?;
        let (Some(contract), Some(number)) = (stack.contract, asked.release()) else {
            return Err(StepError::ContractInvalid(
                "the stack has no services yet: update it first, so that its blueprint is applied".to_owned(),
            ));
        };
        check_images(&asked, &contract)?;
        health::require_permitted(&contract, self.config.health)?;
        let (releasing, release) = self.store.begin_release(operation, number).await?;
        let contract = match asked.kind() {
            // A service that an update brings waits for the release that brings its image.
            OperationKind::Update => contract.ready_for(&release.images),
            _ => contract,
        };
        let account = self.stack_account(&place, operation).await?;
        let prepared = account.prepare(place, &asked, &contract, &release, &released).await?;
        let schedules = account.prepare_schedules(&contract, &prepared.services).await?;
        let bytes = serde_json::to_string(&prepared).map_err(StepError::WriteAnswer)?.len();
        if bytes > CARRIED {
            return Err(StepError::ContractInvalid(format!(
                "what the workflow carries of the release has {bytes} bytes, and at most {CARRIED} are possible: shorten the \
                 commands of the migrations"
            )));
        }
        let first = first_step(&prepared);
        let taken_in = self.foreign_account(&prepared.place);
        let snapshot = contract.database.filter(|_| asked.work.with_snapshot());
        let snapshot = snapshot.map(|database| Snapshot {
            next: first.clone(),
            account: taken_in.clone(),
            ..Snapshot::new(&stack.id, operation, database)
        });
        let change = |operation: &mut Operation| {
            operation.schedules.clone_from(&schedules);
            match (&snapshot, &first) {
                (Some(snapshot), _) => {
                    let own = operation.snapshot.get_or_insert_with(|| snapshot.clone());
                    if own.taken_at.is_none() {
                        // Before RDS accepts the snapshot, which a busy database may delay: a cancel counts from here on.
                        operation.begin_step(state::WAIT_FOR_SNAPSHOT, Timestamp::now());
                    }
                }
                (None, Some(first)) => operation.begin_step(first, Timestamp::now()),
                (None, None) => {}
            }
        };
        self.note(releasing, state::PREPARE_RELEASE, began, change).await?;
        Ok(prepared)
    }
}

impl StackAccount {
    /// `released` are the services that already run the current release.
    async fn prepare(
        &self,
        place: Place,
        asked: &Operation,
        contract: &Contract,
        release: &Release,
        released: &BTreeSet<Name>,
    ) -> Result<Prepared, StepError> {
        let cluster = contract.cluster.clone().unwrap_or_default();
        let mut running = self.running_services(&cluster, contract).await?;
        let mut services = Vec::new();
        for (key, shape) in &contract.services {
            let Some(runs) = running.remove(&shape.name) else {
                return Err(StepError::ContractInvalid(format!(
                    "there is no service `{}` in the cluster {cluster}, which the blueprint's output names as `{key}`",
                    shape.name
                )));
            };
            let service = self.prepare_service(release, key, shape, runs, released.contains(key));
            services.push(service.await?);
        }
        let definitions: BTreeMap<Name, String> = services
            .iter()
            .map(|service| (service.key.clone(), service.task_definition.clone()))
            .collect();
        // The images of an earlier release ran on this database before: what migrated it since is not undone.
        let migrations: Vec<Command<'_>> = match asked.kind() {
            OperationKind::Rollback => Vec::new(),
            _ => contract.migrations.iter().map(Command::from).collect(),
        };
        let migrations = commands::prepare(&migrations, state::RUN_MIGRATION, None, contract, &definitions)?;
        let backups = contract.backups.iter().filter(|_| asked.work.with_snapshot());
        let backups: Vec<Command<'_>> = backups.map(Command::from).collect();
        let quiesces = !migrations.is_empty() && quiesces(contract, released);
        let after = before_migrations(quiesces, &migrations);
        let snapshot = contract.database.as_ref().filter(|_| asked.work.with_snapshot());
        if asked.work.with_snapshot() && snapshot.is_none() && backups.is_empty() {
            return Err(StepError::ContractInvalid(
                "a snapshot was requested, but the stack has neither a database nor backups".to_owned(),
            ));
        }
        Ok(Prepared {
            place,
            placement: placement(contract),
            snapshot: snapshot.map(|database| PreparedSnapshot {
                id: Snapshot::new(&release.stack, &asked.id, database.clone()).id,
                kind: database.kind,
                database: database.id.clone(),
            }),
            backups: commands::prepare(&backups, state::RUN_BACKUP, after.as_deref(), contract, &definitions)?,
            rolls_back: asked.work.compatible_with_previous() || migrations.is_empty(),
            migrations,
            quiesces,
            verify: !services.is_empty() || contract.health.is_some(),
            services,
            schedules: !contract.schedules.is_empty(),
            cluster,
        })
    }

    /// Registers what the service runs in this release, and notes what it goes back to.
    async fn prepare_service(
        &self,
        release: &Release,
        key: &Name,
        shape: &Service,
        (runs, count): (Option<String>, i32),
        is_released: bool,
    ) -> Result<PreparedService, StepError> {
        let family = format!("{}-{key}", release.stack);
        let definition = task_definition::with_image(&family, key, shape, release.images.get(key))?;
        let task_definition = self.ensure_registered(&definition, &release_tags(release, key)).await?;
        let previous = match runs {
            Some(runs) => self.usable(&runs).await?,
            // A service that has never had one goes back to no tasks, of whatever definition.
            None => Usable {
                arn: task_definition.clone(),
                release: None,
            },
        };
        // After a service's first release, its autoscaler owns the count. A service that was recreated since runs what Terraform gave it,
        // which belongs to no release.
        let is_scaled = shape.scaling.is_some() && previous.release.is_some() && is_released;
        Ok(PreparedService {
            key: key.clone(),
            name: shape.name.clone(),
            task_definition,
            desired_count: (!is_scaled).then_some(shape.desired_count),
            timeout_seconds: shape.rollout_timeout_seconds,
            previous: RunningService {
                task_definition: previous.arn,
                desired_count: (!is_scaled).then_some(count),
            },
        })
    }

    /// What the schedules run in this release, and what they go back to.
    async fn prepare_schedules(
        &self,
        contract: &Contract,
        services: &[PreparedService],
    ) -> Result<Vec<ReleasedSchedule>, StepError> {
        let mut schedules = Vec::new();
        for (key, schedule) in &contract.schedules {
            let service = services.iter().find(|service| service.key == schedule.run.service);
            schedules.push(ReleasedSchedule {
                name: schedule.name.clone(),
                group: schedule.group.clone(),
                // The check of the contract has seen to it that there is such a service.
                task_definition: service
                    .map(|service| service.task_definition.clone())
                    .unwrap_or_default(),
                previous: self.scheduled(key, schedule).await?,
            });
        }
        Ok(schedules)
    }

    /// The task definitions and the counts of the contract's services now, by their names in ECS.
    async fn running_services(
        &self,
        cluster: &str,
        contract: &Contract,
    ) -> Result<HashMap<String, (Option<String>, i32)>, StepError> {
        let names: Vec<String> = contract.services.values().map(|service| service.name.clone()).collect();
        let mut running = HashMap::new();
        for names in names.chunks(SERVICES_A_CALL) {
            let described = self
                .ecs
                .describe_services()
                .cluster(cluster)
                .set_services(Some(names.to_vec()));
            let doing = "read what the services run now";
            let described = described.send().await;
            let described = described.map_err(|error| match error.as_service_error() {
                Some(DescribeServicesError::ClusterNotFoundException(_)) => no_cluster(cluster, self.region()),
                _ => aws::failed(doing, error),
            })?;
            aws::only_missing(doing, described.failures())?;
            for service in described.services.unwrap_or_default() {
                if service.status.as_deref() != Some("ACTIVE") {
                    continue;
                }
                check_kind(&service)?;
                if let Some(name) = service.service_name {
                    running.insert(name, (service.task_definition, service.desired_count));
                }
            }
        }
        Ok(running)
    }
}

fn no_cluster(cluster: &str, region: &str) -> StepError {
    StepError::ContractInvalid(format!(
        "there is no cluster `{cluster}` in the Region {region} of the environment's account, and the blueprint's output names it: \
         correct the Region and the account of the environment, or the attribute `cluster` of the output"
    ))
}

/// Whether the workflow can follow rollouts of the service. ECS updates services of other controllers in other ways
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html>), and a daemon service takes no count.
fn check_kind(service: &aws_sdk_ecs::types::Service) -> Result<(), StepError> {
    let name = service.service_name().unwrap_or_default();
    let controller = service.deployment_controller().map(|controller| &controller.r#type);
    match controller {
        None | Some(DeploymentControllerType::Ecs) => {}
        Some(other) => {
            return Err(StepError::ContractInvalid(format!(
                "the service `{name}` has the deployment controller {other}, whose rollouts Slipway does not support: give it the \
                 controller ECS, which has blue/green, linear and canary deployments as well"
            )));
        }
    }
    match service.scheduling_strategy() {
        None | Some(SchedulingStrategy::Replica) => Ok(()),
        Some(other) => Err(StepError::ContractInvalid(format!(
            "the service `{name}` has the scheduling strategy {other}, which Slipway does not support: use REPLICA"
        ))),
    }
}

/// Every requested image has a service. An earlier release may have had more services.
fn check_images(asked: &Operation, contract: &Contract) -> Result<(), StepError> {
    let unknown = asked
        .work
        .images()
        .find(|(service, _)| !contract.services.contains_key(*service));
    let Some((unknown, _)) = unknown else { return Ok(()) };
    let names: Vec<&str> = contract.services.keys().map(Name::as_str).collect();
    Err(StepError::ContractInvalid(format!(
        "the release has an image for `{unknown}`, and the stack has no such service: {}",
        names.join(", ")
    )))
}

/// The tags of a task definition of a release.
pub(crate) fn release_tags(release: &Release, service: &Name) -> [(&'static str, String); 3] {
    [
        ("slipway:stack", release.stack.to_string()),
        ("slipway:service", service.to_string()),
        (task_definition::RELEASE_TAG, release.number.to_string()),
    ]
}

/// The first step that runs before any service gets the new image, apart from a snapshot.
fn first_step(prepared: &Prepared) -> Option<String> {
    let backup = prepared.backups.first();
    let backup = backup.map(|first| state::of_item(state::RUN_BACKUP, &first.name));
    backup.or_else(|| before_migrations(prepared.quiesces, &prepared.migrations))
}

/// The step after the backups.
fn before_migrations(quiesces: bool, migrations: &[PreparedCommand]) -> Option<String> {
    if quiesces {
        return Some(state::QUIESCE.to_owned());
    }
    let first = migrations.first();
    first.map(|first| state::of_item(state::RUN_MIGRATION, &first.name))
}

/// Where the one-off tasks of a stack run.
pub(crate) fn placement(contract: &Contract) -> Placement {
    Placement {
        fargate: false,
        network: contract.network.clone(),
    }
}
