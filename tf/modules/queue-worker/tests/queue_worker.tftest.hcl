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
    condition = one([
      for metric in aws_appautoscaling_policy.backlog.target_tracking_scaling_policy_configuration[0].customized_metric_specification[0].metrics : metric.expression
      if metric.return_data
    ]) == "IF(FILL(running,0) > 0, visible / FILL(running,0), visible)"
    error_message = "The backlog of each task is what is kept at its target; of no task, it is all that waits."
  }

  assert {
    condition     = !aws_appautoscaling_policy.backlog.target_tracking_scaling_policy_configuration[0].disable_scale_in
    error_message = "It goes in again."
  }
}

run "the_first_message_starts_the_first_task" {
  assert {
    condition     = aws_cloudwatch_metric_alarm.wake[0].alarm_actions == toset([aws_appautoscaling_policy.wake[0].arn])
    error_message = "Fewer messages than the target of one task would wait for ever."
  }

  assert {
    condition = one([
      for step in aws_appautoscaling_policy.wake[0].step_scaling_policy_configuration[0].step_adjustment : step.scaling_adjustment
    ]) == 1
    error_message = "One task is enough to begin with."
  }
}

run "a_worker_that_always_runs_needs_no_waking" {
  variables {
    min = 1
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.wake) == 0 && length(aws_appautoscaling_policy.wake) == 0
    error_message = "There is always a task."
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
