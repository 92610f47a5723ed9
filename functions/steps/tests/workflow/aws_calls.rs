//! One-off tasks of ECS and snapshots of RDS, of the services that the steps call.

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::aws::{Aws, End};

/// A task that has not stopped yet.
const LINGERING: &str = "arn:aws:ecs:us-east-1:000000000000:task/main/lingering";

impl Aws {
    pub fn describe_tasks(&self, body: &Value) -> Value {
        let tasks = body["tasks"].as_array().expect("tasks").iter();
        let known = tasks.filter_map(|arn| {
            if arn == LINGERING {
                return Some(json!({"taskArn": LINGERING, "lastStatus": "DEACTIVATING"}));
            }
            let stopped = || self.stopped.iter().find(|task| task["taskArn"] == *arn);
            self.tasks.get(arn.as_str()?).or_else(stopped).cloned()
        });
        json!({"tasks": known.collect::<Vec<_>>(), "failures": []})
    }

    pub fn list_tasks(&mut self, body: &Value) -> Value {
        if body["desiredStatus"] == "RUNNING" {
            let lingers = self.lingers > 0 && body["serviceName"].is_string();
            self.lingers -= u32::from(lingers);
            let arns: &[&str] = if lingers { &[LINGERING] } else { &[] };
            return json!({ "taskArns": arns });
        }
        let arns = self.stopped.iter().map(|task| task["taskArn"].clone());
        json!({"taskArns": arns.collect::<Vec<_>>()})
    }

    pub fn describe_scalable_targets(&self, body: &Value) -> Value {
        let ids = body["ResourceIds"].as_array().expect("resource IDs").iter();
        let known = ids.filter_map(|id| self.scalable.get(id.as_str()?));
        let targets = known.map(|state| json!({"SuspendedState": state}));
        json!({"ScalableTargets": targets.collect::<Vec<_>>()})
    }

    pub fn register_scalable_target(&mut self, body: &Value) -> Result<Value, &'static str> {
        let id = body["ResourceId"].as_str().expect("a resource ID");
        let state = self.scalable.get_mut(id).ok_or("ValidationException")?;
        state.clone_from(&body["SuspendedState"]);
        Ok(json!({"ScalableTargetARN": "arn"}))
    }

    /// `ecs:RunTask`. The same client token gets the same task.
    pub(crate) fn run_task(&mut self, body: &Value) -> Value {
        let token = &body["clientToken"];
        if let Some((known, arn)) = self.ran.iter().find(|(known, _)| known["clientToken"] == *token) {
            assert_eq!(known, body, "another request has the same client token");
            return json!({"tasks": [self.tasks[arn]], "failures": []});
        }
        if let Some(reason) = self.rejects.pop_front() {
            return json!({"tasks": [], "failures": [{"reason": reason}]});
        }
        let command = &body["overrides"]["containerOverrides"][0];
        assert_eq!(command["name"], "app");
        assert!(command["command"].is_array(), "{command}");
        let network = body.get("networkConfiguration");
        assert!(network.is_none_or(|network| network["awsvpcConfiguration"]["subnets"].is_array()));
        let id = format!("{:032x}", self.tasks.len() + 1);
        let arn = format!("arn:aws:ecs:us-east-1:000000000000:task/main/{id}");
        let has_ended = self.tasks_end.as_ref().is_none_or(|end| *end == End::AtOnce);
        let task = json!({
            "taskArn": arn, "taskDefinitionArn": body["taskDefinition"], "containers": [{"name": "app"}],
            "startedBy": body["startedBy"], "lastStatus": "RUNNING", "createdAt": 1_000, "startedAt": 1_001,
        });
        self.tasks.insert(arn.clone(), task);
        self.ran.push((body.clone(), arn.clone()));
        if has_ended {
            self.end_task(&arn);
        }
        let lines = ["migrating", "no such table: guests\n", "\n"];
        self.logs
            .insert(format!("app/app/{id}"), lines.map(str::to_owned).into());
        json!({"tasks": [self.tasks[&arn]], "failures": []})
    }

    /// A one-off task comes to its end.
    pub fn end_task(&mut self, arn: &str) {
        let task = self.tasks.get_mut(arn).expect("a task");
        task["lastStatus"] = "STOPPED".into();
        task["stoppedReason"] = "Essential container in task exited".into();
        task["stoppedAt"] = 1_009.into();
        if let Some(code) = self.exit_code {
            task["containers"][0]["exitCode"] = code.into();
        }
    }

    /// RDS, which speaks the Query protocol.
    pub(crate) fn rds(&mut self, body: &Bytes) -> Response {
        let form = String::from_utf8_lossy(body).into_owned();
        let field = |name: &str| {
            let mut fields = form.split('&').filter_map(|field| field.split_once('='));
            fields
                .find(|(field, _)| *field == name)
                .map(|(_, value)| value.to_owned())
        };
        let action = field("Action").expect("an action");
        let (database, snapshot) = if action.contains("Cluster") {
            ("DBClusterIdentifier", "DBClusterSnapshotIdentifier")
        } else {
            ("DBInstanceIdentifier", "DBSnapshotIdentifier")
        };
        let id = field(snapshot).expect("an identifier");
        let refuse = |code: &str| {
            let error =
                format!("<ErrorResponse><Error><Code>{code}</Code><Message>not now</Message></Error></ErrorResponse>");
            (StatusCode::BAD_REQUEST, error).into_response()
        };
        if !action.starts_with("Create") {
            let by_default = if self.snapshots_take_long {
                "creating"
            } else {
                "available"
            };
            let status = self.snapshot_status.pop_front();
            let status = status.as_deref().unwrap_or(by_default);
            return format!("<R><DBSnapshot><Status>{status}</Status></DBSnapshot></R>").into_response();
        }
        if let Some(code) = self.snapshot_refused.pop_front() {
            return refuse(code);
        }
        let of = field(database).expect("a database");
        assert!(of.ends_with("-main"), "{of}");
        if !self.snapshots.insert(id) {
            // RDS ends the codes of clusters with `Fault`, and those of instances not.
            return refuse(if action.contains("Cluster") {
                "DBClusterSnapshotAlreadyExistsFault"
            } else {
                "DBSnapshotAlreadyExists"
            });
        }
        "<R><DBSnapshot><Status>creating</Status></DBSnapshot></R>".into_response()
    }
}
