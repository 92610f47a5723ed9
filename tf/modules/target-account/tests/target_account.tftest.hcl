variables {
  name            = "production"
  runner_role_arn = "arn:aws:iam::111122223333:role/slipway-eu-west-1-runner"
  external_id     = "b3d2f6a8-1c55-4d0e-9a52-0d6f2c1f7a10"
  regions         = ["eu-west-1", "us-east-1"]

  state_machine_arn  = "arn:aws:states:eu-west-1:111122223333:stateMachine:slipway-operation"
  workflow_role_arns = ["arn:aws:iam::111122223333:role/slipway-StepsRole-1"]
  api_role_arn       = "arn:aws:iam::111122223333:role/slipway-ApiRole-1"
  event_bus_arn      = "arn:aws:events:eu-west-1:111122223333:event-bus/slipway"
}

run "the_role_is_for_the_runner_alone" {
  assert {
    condition     = aws_iam_role.this.name == "slipway-environment-production"
    error_message = "Slipway's builds may assume roles of this name only."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role.this.assume_role_policy).Statement :
      statement.Principal.AWS == "arn:aws:iam::111122223333:root"
      && statement.Condition.ArnEquals["aws:PrincipalArn"] == "arn:aws:iam::111122223333:role/slipway-eu-west-1-runner"
    ])
    error_message = "Every statement of the trust policy names the runner's role."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role.this.assume_role_policy).Statement :
      statement.Condition.StringEquals["sts:ExternalId"] if statement.Action == "sts:AssumeRole"
    ] == ["b3d2f6a8-1c55-4d0e-9a52-0d6f2c1f7a10"]
    error_message = "The role cannot be assumed without the external ID."
  }

  assert {
    condition = toset([
      for statement in jsondecode(aws_iam_role.this.assume_role_policy).Statement : statement.Action
    ]) == toset(["sts:AssumeRole", "sts:SetSourceIdentity"])
    error_message = "The runner assumes the role, and says for which stack."
  }
}

run "one_policy_is_what_the_role_may_do_and_its_boundary" {
  assert {
    condition = (
      aws_iam_role.this.permissions_boundary == aws_iam_policy.boundary.arn
      && aws_iam_role_policy_attachment.this.policy_arn == aws_iam_policy.boundary.arn
      && aws_iam_role_policy_attachment.this.role == aws_iam_role.this.name
    )
    error_message = "The policy is attached, and it is the boundary."
  }

  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(aws_iam_policy.boundary.policy).Statement : [
        for action in flatten([statement.Action]) :
        !startswith(action, "iam:") || (!endswith(action, "*") && statement.Resource != "*")
      ]
    ]))
    error_message = "IAM is allowed action by action, on named paths."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_policy.boundary.policy).Statement :
      endswith(statement.Condition.StringEquals["iam:PermissionsBoundary"], ":policy/slipway-environment-production")
      if contains(flatten([statement.Action]), "iam:CreateRole") || contains(flatten([statement.Action]), "iam:PutRolePolicy")
    ])
    error_message = "A role comes into being, and gets policies, with the boundary only."
  }

  assert {
    condition = !anytrue(flatten([
      for statement in jsondecode(aws_iam_policy.boundary.policy).Statement : [
        for action in flatten([statement.Action]) :
        contains(["iam:DeleteRolePermissionsBoundary", "iam:CreatePolicyVersion", "iam:CreateUser", "sts:AssumeRole"], action)
      ]
    ]))
    error_message = "Neither the boundary nor users are within reach."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_policy.boundary.policy).Statement :
      statement.Condition.StringEquals["aws:RequestedRegion"] if statement.Sid == "ServicesOfStacks"
    ] == [["eu-west-1", "us-east-1"]]
    error_message = "Services answer in the regions of the environment only."
  }
}

run "releases_have_a_role_of_their_own_for_the_workflow_alone" {
  assert {
    condition     = aws_iam_role.release.name == "slipway-release-production" && aws_iam_role.release.path != "/slipway/"
    error_message = "Slipway finds the role by its name, and no blueprint reaches it."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role.release.assume_role_policy).Statement : [
        statement.Principal.AWS,
        statement.Condition.ArnEquals["aws:PrincipalArn"],
        statement.Condition.StringEquals["sts:ExternalId"],
      ]
      ] == [[
        "arn:aws:iam::111122223333:root",
        "arn:aws:iam::111122223333:role/slipway-StepsRole-1",
        "arn:aws:states:eu-west-1:111122223333:stateMachine:slipway-operation",
    ]]
    error_message = "The roles of the steps have it, by the workflow's own external id."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.release.policy).Statement :
      statement.Resource != "*" || contains([
        toset(["ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition"]),
        # AWS knows a container instance as its resource, which Fargate does not have.
        toset(["ecs:ListTasks"]),
        toset(["application-autoscaling:DescribeScalableTargets"]),
      ], toset(flatten([statement.Action])))
    ])
    error_message = "What can be named is named."
  }
}

run "releases_work_in_the_region_of_the_environment" {
  variables {
    region = "ap-southeast-2"
  }

  assert {
    condition = toset([
      for statement in jsondecode(aws_iam_role_policy.release.policy).Statement :
      split(":", flatten([statement.Resource])[0])[3]
      if flatten([statement.Resource])[0] != "*" && flatten([statement.Action])[0] != "iam:PassRole"
    ]) == toset(["ap-southeast-2"])
    error_message = "The role reaches the environment's Region alone."
  }

  assert {
    condition     = toset([for rule in aws_cloudwatch_event_rule.ends : rule.region]) == toset(["ap-southeast-2"])
    error_message = "The rules are where the stacks are."
  }
}

run "the_ends_of_rollouts_tasks_and_snapshots_go_to_slipways_bus" {
  assert {
    condition = { for rule, target in aws_cloudwatch_event_target.ends : rule => [target.rule, target.arn] } == {
      rollouts  = ["slipway-rollouts-production", "arn:aws:events:eu-west-1:111122223333:event-bus/slipway"]
      snapshots = ["slipway-snapshots-production", "arn:aws:events:eu-west-1:111122223333:event-bus/slipway"]
      tasks     = ["slipway-tasks-production", "arn:aws:events:eu-west-1:111122223333:event-bus/slipway"]
    }
    error_message = "All rules lead to the bus."
  }

  assert {
    condition = (
      jsondecode(aws_iam_role_policy.events.policy).Statement[0].Action == "events:PutEvents"
      && jsondecode(aws_iam_role_policy.events.policy).Statement[0].Resource == "arn:aws:events:eu-west-1:111122223333:event-bus/slipway"
    )
    error_message = "The rules' role puts events on that bus, and does nothing else."
  }
}

run "undeliverable_events_are_dead_lettered_and_raise_an_alarm" {
  variables {
    alarm_topic_arn = "arn:aws:sns:eu-west-1:444455556666:alarms"
  }

  assert {
    condition = alltrue([
      for target in aws_cloudwatch_event_target.ends : target.dead_letter_config[0].arn == aws_sqs_queue.undelivered.arn
    ])
    error_message = "All rules have the dead-letter queue."
  }

  assert {
    condition = (
      toset(flatten([jsondecode(aws_sqs_queue_policy.undelivered.policy).Statement[0].Condition.ArnEquals["aws:SourceArn"]]))
      == toset([for rule in aws_cloudwatch_event_rule.ends : rule.arn])
    )
    error_message = "Only these rules send to the queue."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.undelivered.dimensions == tomap({ QueueName = "slipway-undelivered-production" })
      && aws_cloudwatch_metric_alarm.undelivered.alarm_actions == toset(["arn:aws:sns:eu-west-1:444455556666:alarms"])
    )
    error_message = "The alarm watches the queue and notifies the topic."
  }
}

run "a_pattern_is_no_workflow" {
  command = plan

  variables {
    state_machine_arn  = "arn:aws:states:eu-west-1:111122223333:stateMachine:*"
    workflow_role_arns = ["arn:aws:iam::111122223333:role/*"]
    event_bus_arn      = "slipway"
  }

  expect_failures = [var.state_machine_arn, var.workflow_role_arns, var.event_bus_arn]
}

run "bad_environment_names_are_refused" {
  command = plan

  variables {
    name = "Production"
  }

  expect_failures = [var.name]
}

run "an_external_id_that_can_be_guessed_is_refused" {
  command = plan

  variables {
    external_id = "slipway"
  }

  expect_failures = [var.external_id]
}

run "a_pattern_is_no_role" {
  command = plan

  variables {
    runner_role_arn = "arn:aws:iam::111122223333:role/*"
    api_role_arn    = "arn:aws:iam::111122223333:role/*"
  }

  expect_failures = [var.runner_role_arn, var.api_role_arn]
}

run "iam_is_not_a_service_of_blueprints" {
  command = plan

  variables {
    services = ["ecs", "iam"]
  }

  expect_failures = [var.services]
}

run "names_and_certificates_do_not_depend_on_the_regions" {
  command = plan

  variables {
    regions = ["eu-west-1"]
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_policy.boundary.policy).Statement : try(statement.Condition, "none") if contains(flatten([statement.Action]), "route53:*")
    ] == ["none"]
    error_message = "Route 53 answers in us-east-1 alone: an environment in eu-west-1 has names too."
  }
}

run "iam_is_no_global_service_of_blueprints" {
  command = plan

  variables {
    global_services = ["iam"]
  }

  expect_failures = [var.global_services]
}

run "an_environment_is_somewhere" {
  command = plan

  variables {
    regions = []
  }

  expect_failures = [var.regions]
}

run "a_region_by_another_name_is_refused" {
  command = plan

  variables {
    region = "Frankfurt"
  }

  expect_failures = [var.region]
}

run "a_topic_by_its_name_is_refused" {
  command = plan

  variables {
    alarm_topic_arn = "alarms"
  }

  expect_failures = [var.alarm_topic_arn]
}

run "logs_are_read_by_the_api_alone" {
  assert {
    condition = (
      aws_iam_role.logs.name == "slipway-logs-production"
      && jsondecode(aws_iam_role.logs.assume_role_policy).Statement[0].Condition.ArnEquals["aws:PrincipalArn"] == "arn:aws:iam::111122223333:role/slipway-ApiRole-1"
      && jsondecode(aws_iam_role.logs.assume_role_policy).Statement[0].Condition.StringEquals["sts:ExternalId"] == var.state_machine_arn
    )
    error_message = "The API of this installation may have the role, and no other."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.logs.policy).Statement :
      statement.Action == "logs:FilterLogEvents" && endswith(statement.Resource, ":log-group:/slipway/stacks/*")
    ])
    error_message = "It reads the logs of stacks, and nothing else."
  }
}
