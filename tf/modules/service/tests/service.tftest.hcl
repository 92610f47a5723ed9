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
