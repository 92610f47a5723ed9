# A line per attribute: the value that it gets, and one that is rejected.

variables {
  cluster = "lusab-babad"
  services = {
    web = {
      name            = "lusab-babad-web"
      task_definition = "{\"cpu\":\"256\",\"containerDefinitions\":[{\"name\":\"web\"}]}"
      desired_count   = 2
    }
  }
}

run "value_has_every_attribute" {
  command = plan

  variables {
    endpoints    = { web = "https://shop.example.com" }
    notes        = { shell = "aws ecs execute-command" }
    network      = { subnets = ["subnet-1"], security_groups = ["sg-1"], assign_public_ip = true }
    database     = { kind = "rds-instance", id = "lusab-babad" }
    migrations   = [{ name = "schema", service = "web", command = ["migrate"], lock_timeout = "2s", sql = { files = ["migrations"] } }]
    backups      = [{ name = "files", service = "web", command = ["backup"], timeout_seconds = 60 }]
    tasks        = { shell = { service = "web", command = ["shell"] } }
    schedules    = { nightly = { name = "lusab-babad-nightly", service = "web", command = ["nightly"], quiesce = true } }
    health       = { url = "https://shop.example.com/healthz", expect = 204 }
    bake_seconds = 30

    compatible_with_previous = false
  }

  assert {
    condition     = output.value.endpoints.web == "https://shop.example.com" && output.value.notes.shell == "aws ecs execute-command" && output.value.cluster == "lusab-babad"
    error_message = "endpoints, notes, cluster"
  }

  assert {
    condition     = output.value.network.subnets == tolist(["subnet-1"]) && output.value.network.assign_public_ip && output.value.database.kind == "rds-instance"
    error_message = "network, database"
  }

  assert {
    condition     = output.value.services.web.task_definition.cpu == "256" && output.value.services.web.task_definition.containerDefinitions[0].name == "web" && output.value.services.web.desired_count == 2
    error_message = "services"
  }

  assert {
    condition     = output.value.migrations[0].lock_timeout == "2s" && output.value.migrations[0].sql.files == tolist(["migrations"]) && output.value.backups[0].timeout_seconds == 60
    error_message = "migrations, backups"
  }

  assert {
    condition     = output.value.tasks.shell.command == tolist(["shell"]) && output.value.schedules.nightly.quiesce && output.value.health.expect == 204 && output.value.bake_seconds == 30 && !output.value.compatible_with_previous
    error_message = "tasks, schedules, health, bake_seconds, compatible_with_previous"
  }
}

run "task_definitions_of_two_services_differ" {
  command = plan

  variables {
    services = {
      web    = { name = "w", desired_count = 1, task_definition = "{\"containerDefinitions\":[{\"name\":\"web\"}]}" }
      worker = { name = "k", desired_count = 1, strategy = { kind = "canary", percent = 5 }, task_definition = "{\"cpu\":\"512\",\"containerDefinitions\":[{\"name\":\"worker\",\"command\":[\"work\"]}]}" }
    }
  }

  assert {
    condition     = output.value.services.worker.task_definition.containerDefinitions[0].command[0] == "work" && output.value.services.worker.strategy.percent == 5
    error_message = "Each service has its own task definition."
  }
}

run "no_attribute_is_required" {
  command = plan

  variables {
    cluster  = null
    services = {}
  }

  assert {
    condition     = length(output.value.services) == 0 && output.value.cluster == null && output.value.compatible_with_previous == null
    error_message = "A blueprint without services has an empty contract."
  }
}

run "values_out_of_bounds_are_rejected" {
  command = plan

  variables {
    database     = { kind = "oracle", id = "x" }
    migrations   = [{ name = "schema", service = "web", command = [] }]
    backups      = [{ name = "files", service = "web", command = ["b"], timeout_seconds = 0 }]
    tasks        = { shell = { service = "web", command = [] } }
    schedules    = { nightly = { name = "", service = "web", command = ["n"] } }
    health       = { url = "shop.example.com" }
    bake_seconds = 31
  }

  expect_failures = [var.database, var.migrations, var.backups, var.tasks, var.schedules, var.health, var.bake_seconds]
}

run "lock_timeout_needs_a_unit" {
  command = plan

  variables {
    migrations = [{ name = "schema", service = "web", command = ["m"], lock_timeout = "2" }]
  }

  expect_failures = [var.migrations]
}

run "task_definition_without_containers_is_rejected" {
  command = plan

  variables {
    services = { web = { name = "w", desired_count = 1, task_definition = "{}" } }
  }

  expect_failures = [var.services]
}

run "fractional_count_is_rejected" {
  command = plan

  variables {
    services = { web = { name = "w", desired_count = 1.5, task_definition = "{\"containerDefinitions\":[{\"name\":\"web\"}]}" } }
  }

  expect_failures = [var.services]
}

run "percent_of_a_rolling_update_is_rejected" {
  command = plan

  variables {
    services = { web = { name = "w", desired_count = 1, strategy = { kind = "rolling", percent = 5 }, task_definition = "{\"containerDefinitions\":[{\"name\":\"web\"}]}" } }
  }

  expect_failures = [var.services]
}

run "services_need_a_cluster" {
  command = plan

  variables {
    cluster = null
  }

  expect_failures = [output.value]
}

run "command_in_an_unknown_service_is_rejected" {
  command = plan

  variables {
    tasks = { shell = { service = "wbe", command = ["shell"] } }
  }

  expect_failures = [output.value]
}

run "key_of_a_service_is_a_name" {
  command = plan

  variables {
    services = { Web = { name = "w", desired_count = 1, task_definition = "{\"containerDefinitions\":[{\"name\":\"web\"}]}" } }
  }

  expect_failures = [var.services]
}

run "maximum_below_the_minimum_is_rejected" {
  command = plan

  variables {
    services = { web = { name = "w", desired_count = 1, scaling = { min = 2, max = 1 }, task_definition = "{\"containerDefinitions\":[{\"name\":\"web\"}]}" } }
  }

  expect_failures = [var.services]
}

run "rollout_timeout_is_bounded" {
  command = plan

  variables {
    services = { web = { name = "w", desired_count = 1, rollout_timeout_seconds = 59, task_definition = "{\"containerDefinitions\":[{\"name\":\"web\"}]}" } }
  }

  expect_failures = [var.services]
}

run "migrations_have_different_names" {
  command = plan

  variables {
    migrations = [
      { name = "schema", service = "web", command = ["m"] },
      { name = "schema", service = "web", command = ["n"] },
    ]
  }

  expect_failures = [var.migrations]
}

run "backups_have_different_names" {
  command = plan

  variables {
    backups = [
      { name = "files", service = "web", command = ["b"] },
      { name = "files", service = "web", command = ["c"] },
    ]
  }

  expect_failures = [var.backups]
}
