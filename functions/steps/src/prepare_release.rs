//! Prepare release: the release's task definitions are registered, and what the services run now is noted.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use slipway_model::contract::{Contract, Network};
use slipway_model::id::{OperationId, StackId};
use slipway_model::name::Name;
use slipway_model::release::Release;

use crate::{StepError, Steps, aws, state, task_definition};

/// The most bytes of what the workflow carries of a release. All that is in flight stays under 32 KiB, and the item of a Map
/// and the words of a failure come on top of this.
const CARRIED: usize = 27 * 1024;

/// How many services `ecs:DescribeServices` takes in one call.
const SERVICES_A_CALL: usize = 10;

/// What the workflow carries of a release.
#[derive(Debug, Serialize)]
pub(crate) struct Prepared {
    cluster: String,
    /// More arguments of `ecs:RunTask`: where one-off tasks run.
    placement: Value,
    migrations: Vec<PreparedMigration>,
    services: Vec<PreparedService>,
    /// Whether there is a health address to ask afterwards.
    health: bool,
}

#[derive(Debug, Serialize)]
struct PreparedMigration {
    name: Name,
    task_definition: String,
    container: String,
    command: Vec<String>,
    timeout_seconds: u32,
}

#[derive(Debug, Serialize)]
struct PreparedService {
    /// What the blueprint calls it.
    key: Name,
    /// What ECS calls it.
    name: String,
    task_definition: String,
    desired_count: u32,
    /// What it is put back to when the release fails.
    previous: RunningService,
}

/// What a service runs.
#[derive(Debug, Clone, Serialize)]
struct RunningService {
    task_definition: String,
    desired_count: i32,
}

impl Steps {
    pub(crate) async fn prepare_release(&self, operation: &OperationId) -> Result<Prepared, StepError> {
        let began = Timestamp::now();
        let asked = self.store.operation(operation).await?;
        let stack = self.store.stack(&asked.stack).await?;
        let (Some(contract), Some(number)) = (stack.contract, asked.release) else {
            return Err(StepError::ContractInvalid(
                "the stack has no services yet: update it first, so that its blueprint is applied".to_owned(),
            ));
        };
        let release = self.store.begin_release(operation, number).await?;
        let prepared = self.prepare(&stack.id, &contract, &release).await?;
        let bytes = serde_json::to_string(&prepared).map_err(StepError::WriteAnswer)?.len();
        if bytes > CARRIED {
            return Err(StepError::ContractInvalid(format!(
                "what the workflow carries of the release has {bytes} bytes, and at most {CARRIED} are possible: shorten the \
                 commands of the migrations"
            )));
        }
        self.note(operation, state::PREPARE_RELEASE, began, |_| ()).await?;
        Ok(prepared)
    }

    async fn prepare(&self, stack: &StackId, contract: &Contract, release: &Release) -> Result<Prepared, StepError> {
        let cluster = contract.cluster.clone().unwrap_or_default();
        if let Some(unknown) = release
            .images
            .keys()
            .find(|service| !contract.services.contains_key(*service))
        {
            let names: Vec<&str> = contract.services.keys().map(Name::as_str).collect();
            return Err(StepError::ContractInvalid(format!(
                "the release has an image for `{unknown}`, and the stack has no such service: {}",
                names.join(", ")
            )));
        }
        let mut running = self.running_services(&cluster, contract).await?;
        let mut services = Vec::new();
        for (key, shape) in &contract.services {
            let Some((runs, count)) = running.remove(&shape.name) else {
                return Err(StepError::ContractInvalid(format!(
                    "there is no service `{}` in the cluster {cluster}, which the blueprint's output names as `{key}`",
                    shape.name
                )));
            };
            let definition =
                task_definition::with_image(&format!("{stack}-{key}"), key, shape, release.images.get(key))?;
            let tags = [
                ("slipway:stack", stack.to_string()),
                ("slipway:service", key.to_string()),
                ("slipway:release", release.number.to_string()),
            ];
            let task_definition = self.ensure_registered(&definition, &tags).await?;
            services.push(PreparedService {
                key: key.clone(),
                name: shape.name.clone(),
                previous: RunningService {
                    // A service that has never had one goes back to no tasks, of whatever definition.
                    task_definition: match runs {
                        Some(runs) => self.usable(&runs).await?,
                        None => task_definition.clone(),
                    },
                    desired_count: count,
                },
                task_definition,
                desired_count: shape.desired_count,
            });
        }
        Ok(Prepared {
            placement: placement(contract),
            migrations: migrations(contract, &services)?,
            services,
            health: contract.health.is_some(),
            cluster,
        })
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
            let described = described.send().await.map_err(|error| aws::failed(doing, error))?;
            for service in described.services.unwrap_or_default() {
                if service.status.as_deref() != Some("ACTIVE") {
                    continue;
                }
                if let Some(name) = service.service_name {
                    running.insert(name, (service.task_definition, service.desired_count));
                }
            }
        }
        Ok(running)
    }
}

fn migrations(contract: &Contract, services: &[PreparedService]) -> Result<Vec<PreparedMigration>, StepError> {
    let prepare = |migration: &slipway_model::contract::Migration| {
        let run = &migration.run;
        let service = services.iter().find(|service| service.key == run.service)?;
        Some(PreparedMigration {
            name: migration.name.clone(),
            task_definition: service.task_definition.clone(),
            container: task_definition::container(contract.services.get(&run.service)?)?.to_owned(),
            command: run.command.clone(),
            timeout_seconds: run.timeout_seconds,
        })
    };
    let prepared = contract.migrations.iter().map(|migration| {
        prepare(migration).ok_or_else(|| {
            let name = &migration.name;
            StepError::ContractInvalid(format!(
                "the service of the migration `{name}` has no container to run it in"
            ))
        })
    });
    prepared.collect()
}

/// Where one-off tasks run, in the words of `ecs:RunTask`.
fn placement(contract: &Contract) -> Value {
    let mut placement = json!({});
    let is_fargate = contract.services.values().any(|service| {
        let compatibilities = service
            .task_definition
            .get("requiresCompatibilities")
            .and_then(Value::as_array);
        compatibilities.is_some_and(|names| names.iter().any(|name| name == "FARGATE"))
    });
    if is_fargate {
        placement["LaunchType"] = "FARGATE".into();
    }
    if let Some(Network {
        subnets,
        security_groups,
        assign_public_ip,
    }) = &contract.network
    {
        placement["NetworkConfiguration"] = json!({"AwsvpcConfiguration": {
            "Subnets": subnets,
            "SecurityGroups": security_groups,
            "AssignPublicIp": if *assign_public_ip { "ENABLED" } else { "DISABLED" },
        }});
    }
    placement
}
