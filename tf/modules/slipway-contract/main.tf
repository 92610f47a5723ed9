# The output `slipway`, out of typed variables: `terraform validate` and editors find a missing attribute or a wrong type. What no
# type says is in validations and in the preconditions of the output, which Terraform evaluates when it plans.

locals {
  services = keys(var.services)

  # Every command runs with the image of a service.
  runs_in = concat(
    [for one in var.migrations : one.service],
    [for one in var.backups : one.service],
    [for one in var.tasks : one.service],
    [for one in var.schedules : one.service],
  )
  unknown_services = setsubtract(local.runs_in, local.services)
}
