mock_provider "aws" {
  mock_resource "aws_appautoscaling_policy" {
    defaults = { arn = "arn:aws:autoscaling:eu-west-1:111122223333:scalingPolicy:0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f:resource/ecs/service/lusab-babad/lusab-babad-mailer:policyName/lusab-babad-mailer-wake" }
  }
}

variables {
  stack        = "lusab-babad"
  key          = "mailer"
  queue_name   = "lusab-babad-mailer"
  cluster_name = "lusab-babad"
  service_name = "lusab-babad-mailer"
}

run "as_many_tasks_as_the_queue_needs" {
  assert {
    condition     = aws_appautoscaling_target.this.resource_id == "service/lusab-babad/lusab-babad-mailer" && aws_appautoscaling_target.this.min_capacity == 0 && aws_appautoscaling_target.this.max_capacity == 10
    error_message = "From none to ten."
  }

  assert {
    condition = aws_appautoscaling_policy.busy.step_scaling_policy_configuration[0].adjustment_type == "ExactCapacity" && [
      for step in sort([
        for step in aws_appautoscaling_policy.busy.step_scaling_policy_configuration[0].step_adjustment :
        format("%04d %02d", tonumber(step.metric_interval_lower_bound), step.scaling_adjustment)
      ]) : step
    ] == ["0000 01", "0010 02", "0020 03", "0030 04", "0040 05", "0050 06", "0060 07", "0070 08", "0080 09", "0090 10"]
    error_message = "One task for ten messages, two for twenty: whatever there is now."
  }
}

run "the_first_message_starts_the_first_task_and_the_last_one_stops_it" {
  assert {
    condition     = aws_cloudwatch_metric_alarm.depth["busy"].threshold == 1 && aws_cloudwatch_metric_alarm.depth["busy"].evaluation_periods == 1
    error_message = "A message does not wait for others."
  }

  assert {
    condition     = one(aws_appautoscaling_policy.idle.step_scaling_policy_configuration[0].step_adjustment).scaling_adjustment == 0 && aws_cloudwatch_metric_alarm.depth["idle"].evaluation_periods == 5
    error_message = "Nothing runs while the queue is empty."
  }

  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.depth :
      toset([for query in alarm.metric_query : query.metric[0].namespace if length(query.metric) > 0]) == toset(["AWS/SQS"])
    ])
    error_message = "The queue's own metrics cost nothing; those of Container Insights do."
  }
}

run "many_tasks_come_in_at_most_twenty_steps" {
  variables {
    min = 2
    max = 100
  }

  assert {
    condition     = length(aws_appautoscaling_policy.busy.step_scaling_policy_configuration[0].step_adjustment) == 20 && max([for step in aws_appautoscaling_policy.busy.step_scaling_policy_configuration[0].step_adjustment : step.scaling_adjustment]...) == 100
    error_message = "A policy of more steps is refused."
  }

  assert {
    condition     = one(aws_appautoscaling_policy.idle.step_scaling_policy_configuration[0].step_adjustment).scaling_adjustment == 2
    error_message = "The fewest stay."
  }
}

run "a_worker_of_one_task_has_one_step" {
  variables {
    min = 1
    max = 1
  }

  assert {
    condition     = one(aws_appautoscaling_policy.busy.step_scaling_policy_configuration[0].step_adjustment).scaling_adjustment == 1
    error_message = "There is always one task."
  }
}

run "bad_values" {
  command = plan

  variables {
    min              = -1
    max              = 0
    backlog_per_task = 0
  }

  expect_failures = [var.min, var.backlog_per_task]
}

run "fewer_at_most_than_at_least" {
  command = plan

  variables {
    min = 3
    max = 2
  }

  expect_failures = [var.max]
}
