mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-west-1" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:/slipway/stacks/lusab-babad/web" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/slipway/lusab-babad-web-task" }
  }

  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:eu-west-1:111122223333:task-definition/lusab-babad-web-placeholder:1" }
  }
}

variables {
  stack                = "lusab-babad"
  key                  = "web"
  cluster_arn          = "arn:aws:ecs:eu-west-1:111122223333:cluster/lusab-babad"
  subnet_ids           = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
  security_group_ids   = ["sg-0123456789abcdef0"]
  port                 = 8080
  target_group_arns    = ["arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/lusab-babad-web/0123456789abcdef"]
  desired_count        = 2
  environment          = { LOG_LEVEL = "info" }
  secrets              = { PASSWORD = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop-AbCdEf:password::" }
  permissions_boundary = "arn:aws:iam::111122223333:policy/slipway-environment-staging"
}

run "it_starts_at_zero_and_rolls_back" {
  assert {
    condition     = aws_ecs_service.this.desired_count == 0 && output.contract.desired_count == 2
    error_message = "The count is the release's."
  }

  assert {
    condition     = aws_ecs_service.this.deployment_circuit_breaker[0].enable && aws_ecs_service.this.deployment_circuit_breaker[0].rollback
    error_message = "A service that does not become stable goes back by itself."
  }

  assert {
    condition     = aws_ecs_service.this.name == "lusab-babad-web" && aws_cloudwatch_log_group.this.name == "/slipway/stacks/lusab-babad/web"
    error_message = "No two stacks collide."
  }
}

run "the_contract_is_a_task_definition_without_image_and_family" {
  assert {
    condition = (
      !contains(keys(output.contract.task_definition), "family")
      && !contains(keys(output.contract.task_definition.containerDefinitions[0]), "image")
    )
    error_message = "The workflow adds these."
  }

  assert {
    condition = (
      output.contract.task_definition.requiresCompatibilities == ["FARGATE"] && output.contract.task_definition.cpu == "256"
      && output.contract.task_definition.containerDefinitions[0].portMappings[0].containerPort == 8080
    )
    error_message = "The shape is what was asked for."
  }

  assert {
    condition = jsonencode(output.contract.task_definition.containerDefinitions[0].secrets) == jsonencode([
      { name = "PASSWORD", valueFrom = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop-AbCdEf:password::" }
    ])
    error_message = "Secrets are references."
  }

  assert {
    condition     = !contains(keys(output.contract), "scaling")
    error_message = "A release alone sets the count."
  }
}

run "its_roles_do_no_more_than_they_must" {
  assert {
    condition = alltrue([
      for role in [aws_iam_role.execution, aws_iam_role.task] : role.path == "/slipway/" && role.permissions_boundary == var.permissions_boundary
    ])
    error_message = "They are where the environment lets them be."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.execution.policy).Statement : statement.Resource if statement.Action == ["secretsmanager:GetSecretValue"]
    ] == [["arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop-AbCdEf"]]
    error_message = "ECS reads the secrets that were named, and no other."
  }

  assert {
    condition     = length(aws_iam_role_policy.task) == 0
    error_message = "The application may do nothing that was not said."
  }
}

run "a_worker_on_instances" {
  variables {
    key                = "worker"
    launch             = "EC2"
    capacity_providers = { lusab-babad = {} }
    port               = null
    target_group_arns  = []
    scaling            = { min = 0, max = 10 }
    memory             = 300
  }

  assert {
    condition     = length(aws_ecs_service.this.load_balancer) == 0 && !contains(keys(output.contract.task_definition.containerDefinitions[0]), "portMappings")
    error_message = "Nothing reaches it."
  }

  assert {
    condition     = output.contract.scaling == { min = 0, max = 10 } && output.contract.task_definition.requiresCompatibilities == ["EC2"]
    error_message = "An autoscaler keeps its count."
  }
}

run "bad_values_are_refused" {
  command = plan

  variables {
    key                = "Web"
    launch             = "EXTERNAL"
    capacity_providers = {}
    cpu                = 333
    architecture       = "MIPS"
    secrets            = { PASSWORD = "hunter2" }
    stop_timeout       = 1
    desired_count      = 0.5
    log_retention_days = 31
  }

  expect_failures = [
    var.key, var.launch, var.capacity_providers, var.architecture, var.secrets, var.stop_timeout, var.desired_count,
    var.log_retention_days,
  ]
}

run "what_does_not_go_together_is_refused" {
  command = plan

  variables {
    cpu    = 1024
    memory = 512
  }

  expect_failures = [var.memory]
}

run "public_addresses_on_instances_are_refused" {
  command = plan

  variables {
    launch           = "EC2"
    assign_public_ip = true
  }

  expect_failures = [var.assign_public_ip]
}

run "requests_are_not_cut_off_after_fifteen_seconds" {
  command = plan

  variables {
    service_connect_namespace = "arn:aws:servicediscovery:eu-west-1:111122223333:namespace/ns-0123456789abcdef"
    idle_timeout              = 120
  }

  assert {
    condition = (
      aws_ecs_service.this.service_connect_configuration[0].service[0].timeout[0].per_request_timeout_seconds == 0
      && aws_ecs_service.this.service_connect_configuration[0].service[0].timeout[0].idle_timeout_seconds == 120
    )
    error_message = "Without a timeout of its own, ECS's default ends downloads and uploads."
  }
}

run "a_service_of_tcp_has_no_request_timeout" {
  command = plan

  variables {
    service_connect_namespace = "arn:aws:servicediscovery:eu-west-1:111122223333:namespace/ns-0123456789abcdef"
    protocol                  = "tcp"
    target_group_arns         = []
  }

  assert {
    condition = (
      aws_ecs_service.this.service_connect_configuration[0].service[0].timeout[0].per_request_timeout_seconds == null
      && !contains(keys(output.contract.task_definition.containerDefinitions[0].portMappings[0]), "appProtocol")
    )
    error_message = "ECS refuses both."
  }
}

run "a_singleton_never_has_two_tasks" {
  command = plan

  variables {
    singleton     = true
    desired_count = 1
  }

  assert {
    condition = (
      aws_ecs_service.this.deployment_minimum_healthy_percent == 0 && aws_ecs_service.this.deployment_maximum_percent == 100
      && aws_ecs_service.this.availability_zone_rebalancing == "DISABLED"
    )
    error_message = "The old task goes before the new one comes."
  }
}

run "a_read_only_disk_has_a_tmp_that_any_user_writes_to" {
  command = plan

  variables {
    readonly_root_filesystem = true
    tmpfs                    = { "/run/app" = 8 }
  }

  assert {
    condition = jsonencode(output.contract.task_definition.containerDefinitions[0].linuxParameters.tmpfs) == jsonencode([
      { containerPath = "/run/app", mountOptions = ["mode=1777"], size = 8 },
      { containerPath = "/tmp", mountOptions = ["mode=1777"], size = 64 },
    ])
    error_message = "A volume would belong to root."
  }

  assert {
    condition     = !contains(keys(output.contract.task_definition), "volumes")
    error_message = "There is no volume."
  }
}

run "sidecars_stand_beside_the_application" {
  command = plan

  variables {
    sidecars = {
      otel = { preset = "adot" }
      logs = { preset = "firelens", options = { Name = "datadog" }, secrets = { KEY = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:datadog-AbCdEf" } }
      mesh = { image = "envoy:1", command = ["-c", "x"], memory = 64 }
    }
    registry_secret_arn   = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:registry-AbCdEf"
    ephemeral_storage_gib = 40
    guardduty             = true
    task_policy_arns      = ["arn:aws:iam::111122223333:policy/shop"]
  }

  assert {
    condition = [for container in output.contract.task_definition.containerDefinitions : "${container.name} ${try(container.image, "-")}"] == [
      "web -", "logs public.ecr.aws/aws-observability/aws-for-fluent-bit:2.32.5", "mesh envoy:1", "otel public.ecr.aws/aws-observability/aws-otel-collector:v0.43.3",
    ]
    error_message = "Only the application's container runs the release's image."
  }

  assert {
    condition = (
      output.contract.task_definition.containerDefinitions[0].logConfiguration == { logDriver = "awsfirelens", options = tomap({ Name = "datadog" }) }
      && output.contract.task_definition.containerDefinitions[1].firelensConfiguration.type == "fluentbit"
    )
    error_message = "The log goes where the options say."
  }

  assert {
    condition     = contains(keys(aws_iam_role_policy.task), "telemetry") && aws_iam_role_policy_attachment.task["arn:aws:iam::111122223333:policy/shop"].role == aws_iam_role.task.name
    error_message = "The collector may send what it collects, and the application has its policy."
  }

  assert {
    condition = anytrue([
      for statement in jsondecode(aws_iam_role_policy.execution.policy).Statement :
      contains(flatten([statement.Resource]), "arn:aws:ecr:*:*:repository/aws-guardduty-agent-fargate")
    ])
    error_message = "GuardDuty's agent is pulled with the execution role."
  }

  assert {
    condition = toset(flatten([
      for statement in jsondecode(aws_iam_role_policy.execution.policy).Statement : statement.Resource if contains(flatten([statement.Action]), "secretsmanager:GetSecretValue")
      ])) == toset([
      "arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop-AbCdEf", "arn:aws:secretsmanager:eu-west-1:111122223333:secret:datadog-AbCdEf",
      "arn:aws:secretsmanager:eu-west-1:111122223333:secret:registry-AbCdEf",
    ])
    error_message = "ECS reads the registry's and the sidecars' secrets too."
  }

  assert {
    condition     = output.contract.task_definition.ephemeralStorage.sizeInGiB == 40
    error_message = "The disk is as large as was asked for."
  }
}

run "a_canary_proves_the_release" {
  command = plan

  variables {
    deployment = { strategy = "canary", percent = 5, step_minutes = 10, bake_minutes = 15, alarms = ["lusab-babad-errors"], pause_at = ["PRE_PRODUCTION_TRAFFIC_SHIFT"] }
    progressive_target = {
      target_group_arn  = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/lusab-babad-web-2/0123456789abcdef"
      listener_rule_arn = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener-rule/app/lusab-babad/1/2/3"
    }
  }

  assert {
    condition = (
      aws_ecs_service.this.deployment_configuration[0].strategy == "CANARY" && aws_ecs_service.this.deployment_configuration[0].bake_time_in_minutes == "15"
      && aws_ecs_service.this.deployment_configuration[0].canary_configuration[0].canary_percent == 5
    )
    error_message = "Five requests of a hundred go to the new tasks first."
  }

  assert {
    condition     = aws_ecs_service.this.alarms[0].rollback && length(aws_ecs_service.this.deployment_circuit_breaker) == 0
    error_message = "An alarm rolls back; the circuit breaker is for rolling updates."
  }

  assert {
    condition     = one(aws_ecs_service.this.deployment_configuration[0].lifecycle_hook).target_type == "PAUSE" && one(aws_ecs_service.this.load_balancer).advanced_configuration[0].production_listener_rule == var.progressive_target.listener_rule_arn
    error_message = "It waits for people before the requests go over."
  }

  assert {
    condition     = jsonencode(output.contract.strategy) == jsonencode({ kind = "canary", percent = 5, step_minutes = 10, bake_minutes = 15, pauses = ["PRE_PRODUCTION_TRAFFIC_SHIFT"], pause_minutes = 60 })
    error_message = "The contract has the strategy."
  }
}

run "bad_values_of_deployments" {
  command = plan

  variables {
    protocol              = "udp"
    request_timeout       = -1
    idle_timeout          = -1
    tmpfs                 = { tmp = 1 }
    ephemeral_storage_gib = 20
    sidecars              = { "Otel" = { preset = "adot" } }
    singleton             = true
  }

  expect_failures = [
    var.protocol, var.request_timeout, var.idle_timeout, var.tmpfs, var.ephemeral_storage_gib, var.sidecars, var.singleton,
  ]
}

run "a_canary_needs_a_second_target_group_and_a_sidecar_an_image" {
  command = plan

  variables {
    deployment = { strategy = "canary" }
    sidecars   = { otel = { preset = "jaeger" } }
  }

  expect_failures = [var.deployment, var.sidecars]
}

run "one_container_takes_the_log_and_strategies_have_names" {
  command = plan

  variables {
    deployment = { strategy = "instant" }
    sidecars   = { one = { preset = "firelens" }, two = { preset = "firelens" } }
  }

  expect_failures = [var.sidecars, var.deployment]
}

run "a_live_service" {
  assert {
    condition     = terraform_data.port.output == 8080
    error_message = "The port is remembered."
  }
}

run "another_port_is_another_service" {
  command = plan

  variables {
    port = 3000
  }

  assert {
    condition     = terraform_data.port.input == 3000
    error_message = "replace_triggered_by makes the service anew; see the update tests of the blueprints."
  }
}
