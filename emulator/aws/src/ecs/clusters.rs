//! Clusters: the names that services and tasks belong to, and the owners of their volumes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::service::Service;
use super::task::Task;
use super::{Ecs, SERVICE, Shared, TASK, invalid_parameter, is_name, short_name};
use crate::wire::{AwsError, arn, input};

const CLUSTER: &str = "ecs-cluster";
/// What AWS calls a cluster that a request does not name.
const DEFAULT: &str = "default";

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Cluster {
    name: String,
    created_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateInput {
    cluster_name: Option<String>,
}

#[derive(Deserialize)]
struct DeleteInput {
    cluster: String,
}

#[derive(Deserialize)]
struct DescribeInput {
    #[serde(default)]
    clusters: Vec<String>,
}

/// The ARN of a cluster.
pub(super) fn cluster_arn(name: &str) -> String {
    arn("ecs", &format!("cluster/{name}"))
}

impl Ecs {
    pub(super) fn create_cluster(&self, body: Value) -> Result<Value, AwsError> {
        let name = input::<CreateInput>(body)?.cluster_name;
        let name = name.unwrap_or_else(|| DEFAULT.to_owned());
        if !is_name(&name) {
            return Err(invalid_parameter(
                "clusterName: letters, digits, - and _ are taken, up to 255.",
            ));
        }
        let created_at = Timestamp::now();
        let cluster = self.shared.host.ledger.transaction(|ledger| {
            if let Some(known) = ledger.get(CLUSTER, &name)? {
                return Ok::<_, AwsError>(known);
            }
            let cluster = Cluster {
                name: name.clone(),
                created_at,
            };
            ledger.put(CLUSTER, &name, &cluster)?;
            Ok(cluster)
        })?;
        Ok(json!({"cluster": self.cluster_json(&cluster)?}))
    }

    pub(super) fn describe_clusters(&self, body: Value) -> Result<Value, AwsError> {
        let mut wanted = input::<DescribeInput>(body)?.clusters;
        if wanted.is_empty() {
            wanted.push(DEFAULT.to_owned());
        }
        let (mut clusters, mut failures) = (Vec::new(), Vec::new());
        for reference in wanted {
            let name = short_name(&reference, "cluster");
            match self.shared.host.ledger.get::<Cluster>(CLUSTER, name)? {
                Some(cluster) => clusters.push(self.cluster_json(&cluster)?),
                None => failures.push(json!({"arn": cluster_arn(name), "reason": "MISSING"})),
            }
        }
        Ok(json!({"clusters": clusters, "failures": failures}))
    }

    pub(super) fn list_clusters(&self) -> Result<Value, AwsError> {
        let clusters = self.shared.host.ledger.list::<Cluster>(CLUSTER)?;
        let arns: Vec<_> = clusters.iter().map(|(name, _)| cluster_arn(name)).collect();
        Ok(json!({"clusterArns": arns}))
    }

    pub(super) fn delete_cluster(&self, body: Value) -> Result<Value, AwsError> {
        let reference = input::<DeleteInput>(body)?.cluster;
        let name = self.shared.cluster(Some(&reference))?;
        if self.shared.services_of(&name)?.iter().any(Service::exists) {
            return Err(AwsError::new(
                "ClusterContainsServicesException",
                "The Cluster cannot be deleted while Services are active.",
            ));
        }
        if self.shared.tasks_of(&name)?.iter().any(|task| !task.is_stopped()) {
            return Err(AwsError::new(
                "ClusterContainsTasksException",
                "The Cluster cannot be deleted while Tasks are active.",
            ));
        }
        let cluster = self.shared.host.ledger.transaction(|ledger| {
            let cluster = ledger.get::<Cluster>(CLUSTER, &name)?;
            ledger.delete(CLUSTER, &name)?;
            for (id, _) in ledger.list_under::<Service>(SERVICE, &format!("{name}/"))? {
                ledger.delete(SERVICE, &id)?;
            }
            for (id, _) in ledger.list_under::<Task>(TASK, &format!("{name}/"))? {
                ledger.delete(TASK, &id)?;
            }
            Ok::<_, AwsError>(cluster)
        })?;
        let volumes = self.shared.folders.volumes.join(&name);
        if volumes.exists()
            && let Err(error) = std::fs::remove_dir_all(&volumes)
        {
            tracing::warn!(folder = %volumes.display(), %error, "cannot remove the volumes of a deleted cluster");
        }
        Ok(json!({"cluster": {
            "clusterArn": cluster_arn(&name),
            "clusterName": name,
            "status": "INACTIVE",
            "createdAt": cluster.map(|cluster| crate::wire::epoch_seconds(cluster.created_at)),
        }}))
    }

    fn cluster_json(&self, cluster: &Cluster) -> Result<Value, AwsError> {
        let tasks = self.shared.tasks_of(&cluster.name)?;
        let running = tasks.iter().filter(|task| task.is_running()).count();
        let pending = tasks.iter().filter(|task| task.is_pending()).count();
        let services = self.shared.services_of(&cluster.name)?;
        Ok(json!({
            "clusterArn": cluster_arn(&cluster.name),
            "clusterName": cluster.name,
            "status": "ACTIVE",
            "registeredContainerInstancesCount": 0,
            "runningTasksCount": running,
            "pendingTasksCount": pending,
            "activeServicesCount": services.iter().filter(|service| service.exists()).count(),
            "capacityProviders": [],
            "tags": [],
        }))
    }
}

impl Shared {
    /// The name of an existing cluster, from a name, an ARN or nothing.
    pub(super) fn cluster(&self, reference: Option<&str>) -> Result<String, AwsError> {
        let name = short_name(reference.unwrap_or(DEFAULT), "cluster");
        match self.host.ledger.get::<Cluster>(CLUSTER, name)? {
            Some(cluster) => Ok(cluster.name),
            None => Err(AwsError::new("ClusterNotFoundException", "Cluster not found.")),
        }
    }

    pub(super) fn services_of(&self, cluster: &str) -> Result<Vec<Service>, AwsError> {
        let services = self
            .host
            .ledger
            .list_under::<Service>(SERVICE, &format!("{cluster}/"))?;
        Ok(services.into_iter().map(|(_, service)| service).collect())
    }

    pub(super) fn tasks_of(&self, cluster: &str) -> Result<Vec<Task>, AwsError> {
        let tasks = self.host.ledger.list_under::<Task>(TASK, &format!("{cluster}/"))?;
        Ok(tasks.into_iter().map(|(_, task)| task).collect())
    }
}
