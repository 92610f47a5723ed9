# A stack of this blueprint is one run of this module. `slipway blueprint check` checks it,
# `slipway blueprint test` shows what the workflow would do.
terraform {
  required_version = ">= 1.10"
}

# Requests set the variables. Slipway checks type and validations before anything starts.
variable "greeting" {
  description = "What the stack says to people."
  type        = string
  default     = "Hello"

  validation {
    condition     = length(var.greeting) > 0 && length(var.greeting) <= 100
    error_message = "The greeting has 1 to 100 characters."
  }
}

locals {
  # The workspace is the stack's ID, such as lusab-babad. Put it into every name, so that no two stacks collide.
  stack = terraform.workspace
}

# Replace this with resources of your own.
resource "terraform_data" "greeting" {
  input = "${var.greeting} from ${local.stack}"
}

# All that Slipway knows of the stack. A blueprint with ECS services adds `cluster`, `services` and `migrations`.
output "slipway" {
  description = "What the workflow needs to know of the stack."

  value = {
    notes = {
      greeting = terraform_data.greeting.output
    }
  }
}
