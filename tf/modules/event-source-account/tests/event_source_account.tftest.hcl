variables {
  bus_arn         = "arn:aws:events:eu-west-1:111122223333:event-bus/slipway"
  repositories    = ["shop/web", "team-a/*"]
  request_sources = ["com.example.portal"]
  events_role_arn = "arn:aws:iam::111122223333:role/slipway-events"
}

run "images_and_requests_go_to_the_bus_of_slipway" {
  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.this["slipway-images"].event_pattern) == {
      source      = ["aws.ecr"]
      detail-type = ["ECR Image Action"]
      detail = {
        action-type     = ["PUSH"]
        result          = ["SUCCESS"]
        repository-name = ["shop/web", { wildcard = "team-a/*" }]
      }
    }
    error_message = "Pushes that succeeded, of the repositories that were named."
  }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.this["slipway-requests"].event_pattern) == {
      source      = ["com.example.portal"]
      detail-type = ["Slipway Request"]
    }
    error_message = "Requests of the sources that were named."
  }

  assert {
    condition = alltrue([
      for target in aws_cloudwatch_event_target.this :
      target.arn == var.bus_arn && target.role_arn == aws_iam_role.this.arn
      && target.dead_letter_config[0].arn == aws_sqs_queue.undelivered.arn
    ])
    error_message = "Every rule puts on Slipway's bus with the role, and loses nothing."
  }

  assert {
    condition = (
      jsondecode(aws_iam_role_policy.this.policy).Statement[0].Action == "events:PutEvents"
      && jsondecode(aws_iam_role_policy.this.policy).Statement[0].Resource == var.bus_arn
      && length(jsondecode(aws_iam_role_policy.this.policy).Statement) == 1
    )
    error_message = "The role puts events on Slipway's bus, and does nothing else."
  }

  assert {
    condition = (
      toset(flatten([jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition.ArnEquals["aws:SourceArn"]]))
      == toset([for rule in aws_cloudwatch_event_rule.this : rule.arn])
    )
    error_message = "Only these rules have the role."
  }
}

run "undeliverable_events_raise_an_alarm" {
  assert {
    condition     = aws_cloudwatch_metric_alarm.undelivered.dimensions == tomap({ QueueName = "slipway-undelivered" })
    error_message = "The alarm watches the dead-letter queue."
  }
}

run "results_come_from_slipway_alone" {
  assert {
    condition = (
      jsondecode(aws_cloudwatch_event_bus_policy.results[0].policy).Statement[0].Condition.ArnEquals["aws:PrincipalArn"]
      == var.events_role_arn
    )
    error_message = "Only Slipway puts results on the bus."
  }
}

run "one_sort_of_event_is_enough" {
  variables {
    request_sources = []
    events_role_arn = null
  }

  assert {
    condition     = keys(aws_cloudwatch_event_rule.this) == ["slipway-images"] && output.results_bus_arn == null
    error_message = "Without sources there is no rule for requests, and without the role no bus."
  }
}

run "nothing_to_send_is_refused" {
  command = plan

  variables {
    repositories    = []
    request_sources = []
  }

  expect_failures = [aws_iam_role.this]
}

run "a_pattern_longer_than_eventbridge_takes_is_refused" {
  command = plan

  variables {
    repositories = [for number in range(100) : "shop/service-of-a-team-${number}"]
  }

  expect_failures = [aws_cloudwatch_event_rule.this]
}

run "a_source_of_awss_own_is_refused" {
  command = plan

  variables {
    request_sources = ["aws.ecr"]
  }

  expect_failures = [var.request_sources]
}

run "a_bus_without_an_account_is_refused" {
  command = plan

  variables {
    bus_arn = "slipway"
  }

  expect_failures = [var.bus_arn]
}

run "a_repository_with_its_registry_is_refused" {
  command = plan

  variables {
    repositories = ["111122223333.dkr.ecr.eu-west-1.amazonaws.com/Shop:latest"]
  }

  expect_failures = [var.repositories]
}

run "a_role_by_its_name_is_refused" {
  command = plan

  variables {
    events_role_arn = "slipway-events"
  }

  expect_failures = [var.events_role_arn]
}

run "a_topic_by_its_name_is_refused" {
  command = plan

  variables {
    alarm_topic_arn = "alarms"
  }

  expect_failures = [var.alarm_topic_arn]
}
