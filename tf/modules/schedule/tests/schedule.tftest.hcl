mock_provider "aws" {}

variables {
  stack              = "lusab-babad"
  key                = "nightly"
  group_name         = "lusab-babad"
  expression         = "cron(0 3 * * ? *)"
  cluster_arn        = "arn:aws:ecs:eu-west-1:111122223333:cluster/lusab-babad"
  placeholder_arn    = "arn:aws:ecs:eu-west-1:111122223333:task-definition/lusab-babad-web-placeholder:1"
  container_name     = "web"
  command            = ["./app", "nightly"]
  subnet_ids         = ["subnet-0123456789abcdef0"]
  security_group_ids = ["sg-0123456789abcdef0"]
  role_arn           = "arn:aws:iam::111122223333:role/slipway/lusab-babad-scheduler"
  dead_letter_arn    = "arn:aws:sqs:eu-west-1:111122223333:lusab-babad-missed"
}

run "one_task_for_each_tick_after_the_first_release" {
  assert {
    condition     = aws_scheduler_schedule.this.state == "DISABLED" && aws_scheduler_schedule.this.name == "lusab-babad-nightly"
    error_message = "Nothing runs before the first release."
  }

  assert {
    condition     = aws_scheduler_schedule.this.target[0].ecs_parameters[0].task_count == 1 && aws_scheduler_schedule.this.target[0].ecs_parameters[0].launch_type == "FARGATE"
    error_message = "One task, on Fargate."
  }

  assert {
    condition     = jsondecode(aws_scheduler_schedule.this.target[0].input) == { containerOverrides = [{ name = "web", command = ["./app", "nightly"] }] }
    error_message = "It runs the command, and not the service's program."
  }

  assert {
    condition     = aws_scheduler_schedule.this.target[0].dead_letter_config[0].arn == var.dead_letter_arn
    error_message = "What could not be started is kept."
  }
}

run "on_the_instances_of_a_capacity_provider" {
  variables {
    capacity_provider = "lusab-babad"
  }

  assert {
    condition = (
      aws_scheduler_schedule.this.target[0].ecs_parameters[0].launch_type == null
      && one(aws_scheduler_schedule.this.target[0].ecs_parameters[0].capacity_provider_strategy).capacity_provider == "lusab-babad"
    )
    error_message = "A task waits for an instance where there is none."
  }
}

run "bad_values_are_refused" {
  command = plan

  variables {
    expression = "every night"
    command    = []
  }

  expect_failures = [var.expression, var.command]
}
