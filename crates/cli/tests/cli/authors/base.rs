//! A blueprint without a fault, which every fault is put into.

/// Its files.
pub const FILES: [(&str, &str); 6] = [
    ("main.tf", MAIN),
    ("variables.tf", VARIABLES),
    ("outputs.tf", OUTPUTS),
    ("names/main.tf", NAMES),
    ("terraform.tfvars", "size = 3\n"),
    (
        "blueprint.json",
        "{\n  \"name\": \"base\",\n  \"version\": \"1.0.0\",\n  \"description\": \"Nothing is wrong with it\"\n}\n",
    ),
];

const MAIN: &str = r#"terraform {
  required_version = ">= 1.10"
}

locals {
  stack      = terraform.workspace
  containers = [{ name = "app" }]
  timeout    = 60
}

module "names" {
  source = "./names"
  stack  = local.stack
}

resource "terraform_data" "web" {
  input = { name = module.names.web, size = var.size }
}
"#;

const VARIABLES: &str = r#"variable "size" {
  description = "How large the stack is."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.size > 0
    error_message = "The size is positive."
  }
}

variable "tags" {
  type = object({
    owner = string
    cost  = optional(number, 1)
  })
  default = { owner = "platform" }
}
"#;

const OUTPUTS: &str = r#"output "slipway" {
  value = {
    endpoints = { web = "https://example.test" }
    cluster   = "main"
    network = {
      subnets          = ["subnet-1"]
      security_groups  = ["sg-1"]
      assign_public_ip = false
    }
    database = { kind = "rds-instance", id = "main" }
    services = {
      web = {
        name                    = "${local.stack}-web"
        desired_count           = var.size
        rollout_timeout_seconds = 600
        task_definition         = { containerDefinitions = local.containers }
      }
      worker = {
        name            = "${local.stack}-worker"
        desired_count   = 1
        scaling         = { min = 0, max = 4 }
        task_definition = { containerDefinitions = local.containers }
      }
    }
    migrations = [
      { name = "schema", service = "web", command = ["./app", "migrate"], timeout_seconds = local.timeout },
      { name = "seed", service = "worker", command = ["./app", "seed"] },
    ]
    backups = [{ name = "files", service = "worker", command = ["./app", "copy"] }]
    tasks = {
      load = { service = "web", command = ["./app", "load"] }
    }
    schedules = {
      nightly = { name = "${local.stack}-nightly", service = "worker", command = ["./app", "nightly"] }
    }
    health       = { url = "https://example.test/healthz", expect = 200 }
    bake_seconds = 5
    notes        = { hello = terraform_data.web.output.name }
  }
}
"#;

const NAMES: &str = r#"variable "stack" {
  type = string
}

output "web" {
  value = "${var.stack}-web"
}
"#;
