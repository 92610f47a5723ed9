//! Blueprints with providers that do not come with Terraform.

use serde_json::json;
use slipway_model::operation::Operation;
use slipway_model::operation::work::Work;
use slipway_model::plan::{Action, Drift};
use slipway_model::stack::StackStatus;
use slipway_store::finish::End;

use slipway_runner::providers::package;

use crate::endings::failure_of_the_workflow;
use crate::support::{ARTIFACTS, CLI_CONFIG, STATES, UPDATE, World, is_ci};

const BLUEPRINT: &str = r#"
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
variable "center" { default = "shop" }
provider "aws" {
  default_tags {
    tags = {
      CostCenter      = "${var.center}-1" # the shop
      "slipway:stack" = "theirs"
    }
  }
}
provider "aws" {
  alias  = "edge"
  region = "us-east-1"
  default_tags {
    tags = merge({ CostCenter = "${var.center}-1" }, null)
  }
}
resource "aws_sqs_queue" "here" { name = "here" }
resource "aws_sqs_queue" "edge" {
  provider = aws.edge
  name     = "edge"
}
output "slipway" { value = {} }
output "tags" { value = [aws_sqs_queue.here.tags_all, aws_sqs_queue.edge.tags_all] }
output "arns" { value = [aws_sqs_queue.here.arn, aws_sqs_queue.edge.arn] }
"#;

/// A place whose Terraform has these providers.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn world() -> Option<World> {
    let config = std::env::var_os(CLI_CONFIG);
    assert!(
        config.is_some() || !is_ci(),
        "{CLI_CONFIG} is not set, and CI=true: .ci/run installs the stand-in providers and sets it"
    );
    if config.is_none() {
        println!(
            "skipped: {CLI_CONFIG} is not set; let it name a Terraform CLI configuration with a mirror of hashicorp/aws, \
             hashicorp/external and hashicorp/local (or of a stand-in for them) to run this"
        );
        return None;
    }
    let mut world = World::new()?;
    world.cli_config = config;
    Some(world)
}

#[test]
fn the_provider_gets_role_region_and_tags() {
    let Some(world) = world() else { return };
    world.put_environment("arn:aws:iam::111111111111:role/slipway-environment-dev", "eu-west-1");
    let configuration = world.blueprint(&[("main.tf", BLUEPRINT)], &json!({}));
    let operation = world.provision("one", configuration.clone());
    world.succeed(&operation, "plan", "plan");
    world.succeed(&operation, "apply", "apply");
    let outputs = world.outputs(&operation);
    for tags in outputs["tags"].as_array().expect("a list") {
        assert_eq!(tags["slipway:stack"], operation.stack.as_str());
        assert_eq!(tags["CostCenter"], "shop-1");
        assert_eq!(tags["slipway:owner"], "ada _the owner_ __lovelace_");
    }
    let arns = outputs["arns"].to_string();
    assert!(
        arns.contains("eu-west-1") && arns.contains("us-east-1") && arns.contains("111111111111"),
        "{arns}"
    );

    // The provider is linked, not copied, so what init made is good for the next stack.
    let other = world.provision("two", configuration);
    world.succeed(&other, "plan", "other");
    world.succeed(&other, "apply", "other");
    assert_eq!(
        world.calls(),
        ["init", "plan", "show", "show", "apply", "plan", "show", "show", "apply"]
    );
}

#[test]
fn provider_that_leaves_the_environment_fails_before_terraform() {
    let Some(world) = World::new() else { return };
    world.put_environment("arn:aws:iam::111111111111:role/slipway-environment-dev", "eu-west-1");
    let role = "provider \"aws\" {\n  assume_role {\n    role_arn = \"arn:aws:iam::222222222222:role/x\"\n  }\n}\n";
    let main = "module \"m\" {\n  source = \"./m\"\n}\noutput \"slipway\" { value = {} }\n";
    for (called, files, words) in [
        ("role", [("main.tf", role), ("m/main.tf", "")], "main.tf:1: "),
        ("module", [("main.tf", main), ("m/main.tf", role)], "m/main.tf:1: "),
    ] {
        let operation = world.provision(called, world.blueprint(&files, &json!({})));
        let printed = world.fail(&operation, "plan", called);
        let message = world.operation(&operation).failure.expect("a failure").message;
        assert!(
            message.contains(words) && message.contains("root module") == (called == "module"),
            "{message}\n{printed}"
        );
        assert!(world.calls().is_empty(), "{called}");
    }
}

/// Such a version replaced the role, and the resources are in the account of the environment.
#[test]
fn aliased_resources_of_an_earlier_version_are_not_forgotten() {
    let Some(world) = world() else { return };
    world.put_environment("arn:aws:iam::111111111111:role/slipway-environment-dev", "eu-west-1");
    let role = "assume_role {\n role_arn = \"arn:aws:iam::222222222222:role/dns\"\n }";
    let text = |role: &str| {
        format!(
            r#"
            terraform {{
              required_providers {{
                aws = {{ source = "hashicorp/aws" }}
              }}
            }}
            provider "aws" {{
              alias  = "dns"
              region = "us-east-1"
              {role}
            }}
            resource "aws_sqs_queue" "dns" {{
              provider = aws.dns
              name     = "dns"
            }}
            output "slipway" {{ value = {{}} }}
            "#
        )
    };
    let configuration = |role: &str| world.blueprint(&[("main.tf", &text(role))], &json!({}));
    let operation = world.provision("one", configuration(role));
    world.succeed(&operation, "plan", "plan");
    world.succeed(&operation, "apply", "apply");
    world.end(&operation, &End::Succeeded);
    let key = format!("stacks/{}/further_roles.json", operation.stack);
    assert_eq!(world.aws.object(STATES, &key).as_deref(), Some(&br#"["dns"]"#[..]));
    let update = |role: &str| world.request(UPDATE, &world.stack(&operation), Some(configuration(role)));
    let again = update(role);
    world.succeed(&again, "plan", "again");
    world.end(&again, &End::Failed(failure_of_the_workflow()));

    // An earlier version of Slipway leaves no such object.
    world.aws.remove(STATES, &key);
    let refused = update(role);
    world.fail(&refused, "plan", "refused");
    let failed = world.operation(&refused).failure.expect("a failure");
    assert!(failed.message.contains("`aws.dns`"), "{}", failed.message);
    world.end(&refused, &End::Failed(failed));
    for (work, configuration) in [
        (Work::Drift, None),
        (UPDATE, Some(configuration(""))),
        (Work::Destroy, None),
    ] {
        let operation = world.request(work, &world.stack(&operation), configuration);
        world.succeed(&operation, "plan", "plan");
        world.end(&operation, &End::Failed(failure_of_the_workflow()));
    }
    assert_eq!(world.aws.object(STATES, &key), None);
}

const FILES: &str = r#"
terraform {
  required_providers {
    local = { source = "hashicorp/local" }
  }
}
variable "folder" { type = string }
resource "local_file" "kept" {
  filename = "${var.folder}/kept"
  content  = "kept"
}
resource "local_file" "lost" {
  filename = "${var.folder}/lost"
  content  = "lost"
}
output "slipway" { value = { endpoints = { lost = local_file.lost.content } } }
"#;

/// Terraform fails such a plan: the index is invalid once the resource no longer exists.
#[test]
fn drift_check_finds_a_deleted_resource_that_outputs_index() {
    let Some(world) = world() else { return };
    for (number, (repeat, key)) in [("for_each = toset([\"x\", \"y\"])", "\"x\""), ("count = 2", "0")]
        .into_iter()
        .enumerate()
    {
        let text = format!(
            r#"
            terraform {{
              required_providers {{
                local = {{ source = "hashicorp/local" }}
              }}
            }}
            variable "folder" {{ type = string }}
            resource "local_file" "f" {{
              {repeat}
              filename = "${{var.folder}}/{number}-${{{}}}"
              content  = "kept"
            }}
            output "slipway" {{ value = {{ endpoints = {{ a = local_file.f[{key}].filename }} }} }}
            "#,
            if number == 0 { "each.key" } else { "count.index" }
        );
        let configuration = world.blueprint(&[("main.tf", &text)], &json!({"folder": world.folder.path()}));
        let operation = world.provision(&format!("stack-{number}"), configuration);
        world.succeed(&operation, "plan", "plan");
        world.succeed(&operation, "apply", "apply");
        world.end(&operation, &End::Succeeded);

        std::fs::remove_file(world.path(&format!("{number}-{}", key.trim_matches('"')))).expect("a file to lose");
        let looked = world.request(Work::Drift, &world.stack(&operation), None);
        world.succeed(&looked, "plan", "drift");
        let drift = world.operation(&looked).drift.expect("a drift");
        assert_eq!(
            (drift.count, drift.resources[0].action),
            (1, Action::Delete),
            "{repeat}"
        );
        assert_eq!(drift.resources[0].address, format!("local_file.f[{key}]"));
        world.end(&looked, &End::Succeeded);
    }
}

/// The resources of a blueprint whose file `lost` is deleted before the check.
const LOST: &str = r#"
terraform {
  required_providers {
    local    = { source = "hashicorp/local" }
    external = { source = "hashicorp/external" }
  }
}
variable "folder" { type = string }
resource "local_file" "lost" {
  count    = 1
  filename = "${var.folder}/lost"
  content  = "lost"
}
output "slipway" { value = {} }
"#;

/// A check of a stack with `LOST` and this text, after the file was deleted.
fn check_without_lost(world: &World, called: &str, text: &str) -> Operation {
    let files = [("main.tf", LOST), ("more.tf", text)];
    let configuration = world.blueprint(&files, &json!({"folder": world.folder.path()}));
    let operation = world.provision(called, configuration);
    world.succeed(&operation, "plan", "plan");
    world.succeed(&operation, "apply", "apply");
    world.end(&operation, &End::Succeeded);
    std::fs::remove_file(world.path("lost")).expect("a file to lose");
    world.request(Work::Drift, &world.stack(&operation), None)
}

/// Whatever expression or data source fails because of it.
#[test]
fn drift_is_reported_though_the_blueprint_fails_over_it() {
    let Some(world) = world() else { return };
    let read = |condition: &str| {
        format!(
            r#"data "external" "read" {{
              program    = ["sh", "-c", "test -f ${{var.folder}}/lost && echo '{{}}' || exit 1"]
              {condition}
            }}"#
        )
    };
    for (index, text) in [
        r#"output "a" { value = element(local_file.lost[*].filename, 0) }"#.to_owned(),
        r#"output "a" { value = "x-${one(local_file.lost[*].filename)}" }"#.to_owned(),
        r#"
        locals { names = { for file in local_file.lost : "k" => file.filename } }
        output "a" { value = lookup(local.names, "k") }
        "#
        .to_owned(),
        r#"
        locals { first = [for file in local_file.lost : file.filename][0] }
        output "a" { value = local.first }
        "#
        .to_owned(),
        r#"
        resource "terraform_data" "each" {
          for_each = toset(["${one(local_file.lost[*].filename)}-x"])
          input    = each.key
        }
        "#
        .to_owned(),
        read("depends_on = [local_file.lost]"),
    ]
    .into_iter()
    .enumerate()
    {
        let looked = check_without_lost(&world, &format!("stack-{index}"), &text);
        let printed = world.succeed(&looked, "plan", "drift");
        let drift = world.operation(&looked).drift.expect("a drift");
        assert_eq!((drift.count, drift.resources[0].action), (1, Action::Delete), "{text}");
        assert_eq!(drift.resources[0].address, "local_file.lost[0]", "{text}");
        assert!(printed.contains("Error: "), "no error is hidden: {printed}");
        world.end(&looked, &End::Succeeded);
    }
}

/// A data source that does not depend on what drifted may fail for any reason.
#[test]
fn error_that_drift_does_not_explain_fails_the_check() {
    let Some(world) = world() else { return };
    let text = r#"
    data "external" "other" {
      program = ["sh", "-c", "test -f ${var.folder}/denied && exit 1 || echo '{}'"]
    }
    output "a" { value = local_file.lost[0].filename }
    "#;
    let looked = check_without_lost(&world, "one", text);
    std::fs::write(world.path("denied"), "").expect("a file");
    let printed = world.fail(&looked, "plan", "drift");
    let looked = world.operation(&looked);
    let message = looked.failure.expect("a failure").message;
    assert!(
        message.contains("data.external.other") && message.contains("Found so far: local_file.lost[0]"),
        "{message}\n{printed}"
    );
    assert_eq!(looked.drift, None);
}

#[test]
fn drift_check_names_differences_and_changes_nothing() {
    let Some(world) = world() else { return };
    let configuration = world.blueprint(&[("main.tf", FILES)], &json!({"folder": world.folder.path()}));
    let operation = world.provision("one", configuration);
    world.succeed(&operation, "plan", "plan");
    world.succeed(&operation, "apply", "apply");
    world.end(&operation, &End::Succeeded);

    let look = |build: &str| {
        let looked = world.request(Work::Drift, &world.stack(&operation), None);
        let printed = world.succeed(&looked, "plan", build);
        world.end(&looked, &End::Succeeded);
        (world.operation(&looked), printed)
    };
    let state = world.state(&operation);
    let (quiet, _) = look("quiet");
    assert_eq!(quiet.drift, Some(Drift::default()));

    std::fs::remove_file(world.path("lost")).expect("a file to lose");
    let (looked, printed) = look("drift");
    let drift = looked.drift.clone().expect("a drift");
    assert_eq!((drift.count, looked.plan.is_none()), (1, true));
    assert_eq!(drift.resources[0].address, "local_file.lost");
    assert_eq!(drift.resources[0].action, Action::Delete);
    assert!(printed.contains("1 resource differs"), "{printed}");
    let stack = world.stack(&operation);
    let seen = stack.drift.expect("what was seen");
    assert_eq!((seen.count, seen.operation), (1, looked.id.clone()));
    assert_eq!(stack.status, StackStatus::Ready);

    // Nothing was written, and nothing is there that could be applied.
    assert_eq!(world.state(&operation), state);
    assert_eq!(world.kept_plan(&looked), None);
    assert!(!world.path("lost").exists());
    assert_eq!(
        world.calls(),
        ["init", "plan", "show", "show", "apply", "plan", "show", "plan", "show"]
    );
}

/// Another package than the one that was locked, however it came into the bucket, never runs.
#[test]
fn a_package_that_is_not_the_locked_one_is_of_no_use() {
    let Some(world) = World::new() else { return };
    let package = world.path("package");
    std::fs::create_dir(&package).expect("a folder");
    std::fs::write(package.join("terraform-provider-thing_v1.0.0"), "#!/bin/sh\n").expect("a file");
    let (zip, checksum) = package::pack(&package).expect("a zip");
    let key = format!(
        "providers/registry.terraform.io/example/thing/1.0.0/{}.zip",
        package::platform()
    );
    let lock = |hash: &str| {
        format!(
            "provider \"registry.terraform.io/example/thing\" {{\n  version = \"1.0.0\"\n  hashes  = [\"{hash}\"]\n}}\n"
        )
    };
    let plan = |called: &str, lock: &str| {
        let files = [
            ("main.tf", "output \"slipway\" { value = {} }"),
            (".terraform.lock.hcl", lock),
        ];
        let operation = world.provision(called, world.blueprint(&files, &json!({})));
        let mut build = world.build(&operation, "plan", called);
        let build = build
            .env("SLIPWAY_PROVIDERS", "published")
            .env("HOME", world.folder.path());
        let status = build.status().expect("a build");
        (status.success(), world.printed(called))
    };
    for (called, object, lock, words) in [
        ("missing", None, lock(&checksum), "1.0.0 is not published"),
        (
            "no-zip",
            Some(b"no zip".to_vec()),
            lock(&checksum),
            "no zip that can be read",
        ),
        (
            "other",
            Some(zip.clone()),
            lock("h1:other"),
            "is not in the blueprint's lock file",
        ),
        (
            "broken",
            Some(zip.clone()),
            "provider {".to_owned(),
            "lock file cannot be read: line 1",
        ),
    ] {
        if let Some(object) = object {
            world.aws.put(ARTIFACTS, &key, object);
        }
        let (succeeded, printed) = plan(called, &lock);
        assert!(!succeeded && printed.contains(words), "{called}: {printed}");
        let cache = std::fs::read_dir(world.path(".cache/slipway/providers"));
        assert_eq!(cache.map_or(0, Iterator::count), 0, "nothing of it is left");
    }
    let (_, printed) = plan("right", &lock(&checksum));
    assert!(
        printed.contains("Fetching registry.terraform.io/example/thing 1.0.0"),
        "{printed}"
    );
    let kept = std::fs::read_dir(world.path(".cache/slipway/providers"))
        .expect("a folder")
        .count();
    assert_eq!(kept, 1, "{printed}");
    assert!(
        !plan("again", &lock(&checksum)).1.contains("Fetching"),
        "it is fetched once"
    );
}
