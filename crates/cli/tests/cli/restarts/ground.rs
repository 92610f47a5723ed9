//! A server on which every plan waits for a decision, and an application with a service, a migration and a task.

use std::path::Path;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Server, hcl_string};

/// The cluster of all stacks. It and the services are not the blueprint's: only Slipway's own steps meet the kills here.
pub const CLUSTER: &str = "main";

/// The program of the image: a service, and commands that write into a journal when they begin and end.
const APP: &str = r#"
if [ "$1" = serve ]; then exec sleep 1000000; fi
echo "begun $1" >> "$JOURNAL"
sleep 0.3
echo "ended $1" >> "$JOURNAL"
"#;

const IMAGE: &str = r#"{ "entrypoint": ["/bin/sh", "app.sh"] }"#;

fn blueprint(journals: &Path) -> String {
    format!(
        r#"
        variable "rows" {{ type = number }}
        variable "service" {{ type = string }}
        resource "terraform_data" "row" {{ count = var.rows }}
        locals {{
          web = {{ containerDefinitions = [{{
            name        = "web"
            essential   = true
            command     = ["serve"]
            environment = [{{ name = "JOURNAL", value = "{journals}/${{terraform.workspace}}" }}]
          }}] }}
        }}
        output "slipway" {{
          value = {{
            cluster      = "{CLUSTER}"
            services     = {{ web = {{ name = var.service, task_definition = local.web, desired_count = 1 }} }}
            migrations   = [{{ name = "schema", service = "web", command = ["migrate"], timeout_seconds = 60 }}]
            tasks        = {{ note = {{ service = "web", command = ["note"], timeout_seconds = 60 }} }}
            bake_seconds = 1
          }}
        }}
        "#,
        journals = hcl_string(&journals.to_string_lossy()).trim_matches('"'),
    )
}

/// A server, two images, and the folder with the journals of the stacks.
pub struct Ground {
    pub server: Server,
    pub images: [String; 2],
    journals: TempDir,
}

impl Ground {
    pub async fn new() -> Self {
        let (server, journals) = (Server::start(), TempDir::new().expect("a folder"));
        server.approve_every_plan_in("local").await;
        let published = server.publish("shop", "1.0.0", &blueprint(journals.path())).await;
        assert_eq!(published.status, StatusCode::CREATED, "{}", published.text);
        let images = ["first", "second"].map(|release| {
            let files = [("app.sh", APP), ("image.json", IMAGE), ("release", release)];
            server.push_image(&files)
        });
        let ground = Self {
            server,
            images,
            journals,
        };
        ground.ecs("CreateCluster", &json!({ "clusterName": CLUSTER })).await;
        ground
    }

    /// Calls the local ECS.
    pub async fn ecs(&self, action: &str, request: &Value) -> Value {
        let target = format!("AmazonEC2ContainerServiceV20141113.{action}");
        self.server.aws(&target, request).await
    }

    /// What the commands of a stack have written.
    pub fn journal(&self, stack: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.journals.path().join(stack)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}
