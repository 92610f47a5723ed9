mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/slipway/lusab-babad-events" }
  }

  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-west-1:111122223333:rule/lusab-babad-pushed" }
  }

  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-west-1:111122223333:lusab-babad-undelivered" }
  }
}

variables {
  name                 = "lusab-babad"
  repository_names     = ["lusab-babad/team/worker", "lusab-babad/web"]
  bus_arn              = "arn:aws:events:eu-west-1:000011112222:event-bus/slipway"
  permissions_boundary = "arn:aws:iam::111122223333:policy/slipway-environment-production"
}

run "pushes_go_to_slipway" {
  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.this.event_pattern) == {
      source      = ["aws.ecr"]
      detail-type = ["ECR Image Action"]
      detail = {
        action-type     = ["PUSH"]
        result          = ["SUCCESS"]
        repository-name = ["lusab-babad/team/worker", "lusab-babad/web"]
      }
    }
    error_message = "Pushes that succeeded, to these repositories."
  }

  assert {
    condition = (
      aws_cloudwatch_event_target.this.arn == var.bus_arn
      && aws_cloudwatch_event_target.this.role_arn == aws_iam_role.this.arn
      && aws_cloudwatch_event_target.this.dead_letter_config[0].arn == aws_sqs_queue.undelivered.arn
      && aws_sqs_queue.undelivered.sqs_managed_sse_enabled
    )
    error_message = "They go to Slipway's bus with a role, and none is lost."
  }

  assert {
    condition     = aws_cloudwatch_event_rule.this.name == "lusab-babad-pushed" && aws_sqs_queue.undelivered.name == "lusab-babad-undelivered" && aws_iam_role.this.name == "lusab-babad-events"
    error_message = "Names begin with the stack's id."
  }
}

run "its_role_puts_events_and_does_nothing_else" {
  assert {
    condition = (
      flatten(data.aws_iam_policy_document.put_events.statement[*].actions) == ["events:PutEvents"]
      && flatten(data.aws_iam_policy_document.put_events.statement[*].resources) == [var.bus_arn]
    )
    error_message = "The role puts events on Slipway's bus."
  }

  assert {
    condition     = aws_iam_role.this.path == "/slipway/" && aws_iam_role.this.permissions_boundary == var.permissions_boundary
    error_message = "The role is where the environment lets roles be, within its boundary."
  }

  assert {
    condition = alltrue([
      for document in [data.aws_iam_policy_document.trust, data.aws_iam_policy_document.undelivered] :
      contains([for condition in document.statement[0].condition : tolist(condition.values)], tolist([aws_cloudwatch_event_rule.this.arn]))
    ])
    error_message = "EventBridge acts for this rule alone."
  }
}

run "a_rule_for_every_repository_is_refused" {
  command = plan

  variables {
    repository_names = []
  }

  expect_failures = [var.repository_names]
}
