mock_provider "aws" {
  mock_resource "aws_sqs_queue" {
    defaults = {
      id  = "https://sqs.eu-west-1.amazonaws.com/111122223333/lusab-babad-mailer"
      url = "https://sqs.eu-west-1.amazonaws.com/111122223333/lusab-babad-mailer"
      arn = "arn:aws:sqs:eu-west-1:111122223333:lusab-babad-mailer"
    }
  }
}

variables {
  stack = "lusab-babad"
  key   = "mailer"
}

run "message_that_failed_too_often_is_dead_lettered" {
  assert {
    condition     = aws_sqs_queue.this.name == "lusab-babad-mailer" && aws_sqs_queue.dead.name == "lusab-babad-mailer-dead" && aws_sqs_queue.dead.message_retention_seconds == 1209600
    error_message = "Both queues have the stack's name, and dead-lettered messages are kept for 14 days."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.this.redrive_policy).maxReceiveCount == 5 && jsondecode(aws_sqs_queue.this.redrive_policy).deadLetterTargetArn == aws_sqs_queue.dead.arn
    error_message = "After five attempts."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.dead.threshold == 0 && aws_cloudwatch_metric_alarm.dead.dimensions.QueueName == "lusab-babad-mailer-dead"
    error_message = "An alarm reports it."
  }
}

run "messages_are_encrypted_and_go_over_tls" {
  assert {
    condition     = aws_sqs_queue.this.sqs_managed_sse_enabled && aws_sqs_queue.dead.sqs_managed_sse_enabled
    error_message = "Both queues are encrypted."
  }

  assert {
    condition = alltrue([
      for policy in aws_sqs_queue_policy.this : alltrue([
        for statement in jsondecode(policy.policy).Statement : statement.Effect == "Deny" && statement.Condition.Bool["aws:SecureTransport"] == "false"
      ])
    ]) && length(aws_sqs_queue_policy.this) == 2
    error_message = "The policies allow no one, and deny requests without TLS."
  }
}

run "bad_values" {
  command = plan

  variables {
    visibility_timeout_seconds = 0
    max_receives               = 0
    max_age_seconds            = 1
  }

  expect_failures = [var.visibility_timeout_seconds, var.max_receives, var.max_age_seconds]
}
