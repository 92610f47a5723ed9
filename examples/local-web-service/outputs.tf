output "slipway" {
  description = "What the workflow needs to know to release the stack."
  value = {
    endpoints = local.addresses
    cluster   = terraform_data.cluster.output.clusterName
    services = merge(
      {
        for name, service in var.services : name => {
          name            = terraform_data.service[name].output.name
          task_definition = local.task_definitions[name]
          desired_count   = service.count
        }
      },
      {
        for name, worker in var.workers : name => {
          name            = terraform_data.worker[name].output.name
          task_definition = local.task_definitions[name]
          desired_count   = worker.min
          scaling         = { min = worker.min, max = worker.max }
        }
      },
    )
    database   = var.database != null ? { kind = "rds-instance", id = terraform_data.database[0].output.id } : null
    migrations = [for migration in var.migrations : merge(migration, { timeout_seconds = 300 })]
    tasks      = { for name, task in var.tasks : name => merge(task, { timeout_seconds = 300 }) }
    schedules = {
      for name, schedule in var.schedules : name => {
        name            = terraform_data.schedule[name].output
        service         = schedule.service
        command         = schedule.command
        timeout_seconds = 60
      }
    }
    compatible_with_previous = var.compatible_with_previous

    health = { url = "${local.addresses[var.public_service]}${var.services[var.public_service].health_path}", expect = 200 }
    # The path alone, so that a script can use it: the containers see this folder as `files`.
    notes = { files = "${local.folder}/files" }
  }
}
