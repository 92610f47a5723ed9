output "value" {
  description = "The value of the blueprint's output `slipway`."

  value = {
    endpoints = var.endpoints
    cluster   = var.cluster
    network   = var.network
    database  = var.database
    services = {
      for key, service in var.services : key => merge(service, { task_definition = jsondecode(service.task_definition) })
    }
    migrations   = var.migrations
    backups      = var.backups
    tasks        = var.tasks
    schedules    = var.schedules
    health       = var.health
    bake_seconds = var.bake_seconds
    notes        = var.notes

    compatible_with_previous = var.compatible_with_previous
  }

  precondition {
    condition     = length(var.services) == 0 || var.cluster != null
    error_message = "Services need `cluster`: the ECS cluster that they run in."
  }

  precondition {
    condition     = length(local.unknown_services) == 0
    error_message = "Migrations, backups, tasks and schedules run in services of `services`. Unknown: ${join(", ", local.unknown_services)}."
  }
}
