# Where the resources of stacks were that an earlier version of this blueprint made.

moved {
  from = aws_cloudwatch_event_rule.pushed["slipway"]
  to   = module.push_events[0].aws_cloudwatch_event_rule.this
}

moved {
  from = aws_cloudwatch_event_target.pushed["slipway"]
  to   = module.push_events[0].aws_cloudwatch_event_target.this
}

moved {
  from = aws_iam_role.events["slipway"]
  to   = module.push_events[0].aws_iam_role.this
}

moved {
  from = aws_iam_role_policy.events["slipway"]
  to   = module.push_events[0].aws_iam_role_policy.this
}

moved {
  from = aws_sqs_queue.undelivered["slipway"]
  to   = module.push_events[0].aws_sqs_queue.undelivered
}

moved {
  from = aws_sqs_queue_policy.undelivered["slipway"]
  to   = module.push_events[0].aws_sqs_queue_policy.undelivered
}
