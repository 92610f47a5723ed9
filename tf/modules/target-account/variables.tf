variable "name" {
  description = "The environment's name, as Slipway knows it. The roles are called slipway-environment-<name>, slipway-release-<name> and slipway-logs-<name>."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,38}$", var.name))
    error_message = "An environment's name starts with a lower-case letter, and has at most 39 lower-case letters, digits and hyphens."
  }
}

variable "runner_role_arn" {
  description = "The ARN of the role that Slipway's builds run with: the output RunnerRoleArn of Slipway's template."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/[^*?]+$", var.runner_role_arn))
    error_message = "The runner's role is one role, given by its ARN: arn:aws:iam::111122223333:role/slipway-eu-west-1-runner."
  }
}

variable "external_id" {
  description = "What a build has to know to get the role. The environment in Slipway gets the same value as its external_id."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9+=,.@:/_-]{16,256}$", var.external_id))
    error_message = "The external id has 16 to 256 letters, digits and the characters + = , . @ : / _ -; it should be hard to guess."
  }
}

variable "state_machine_arn" {
  description = "Slipway's workflow, in whose name releases are done: the output StateMachineArn of Slipway's template."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:states:[a-z0-9-]+:[0-9]{12}:stateMachine:[A-Za-z0-9_-]+$", var.state_machine_arn))
    error_message = "The workflow is given by the ARN of its state machine: arn:aws:states:eu-west-1:111122223333:stateMachine:slipway-operation."
  }
}

variable "workflow_role_arns" {
  description = "The roles that the steps of the workflow have: the output WorkflowRoleArns of Slipway's template, at its comma split."
  type        = list(string)

  validation {
    condition     = length(var.workflow_role_arns) > 0 && alltrue([for arn in var.workflow_role_arns : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/[^*?]+$", arn))])
    error_message = "Name the roles of the workflow by their ARNs; none of them is a pattern."
  }
}

variable "api_role_arn" {
  description = "The role of Slipway's API, which reads what services print: the output ApiRoleArn of Slipway's template."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/[^*?]+$", var.api_role_arn))
    error_message = "The API's role is one role, given by its ARN: arn:aws:iam::111122223333:role/slipway-ApiRole-1."
  }
}

variable "event_bus_arn" {
  description = "Where Slipway hears how rollouts, tasks and snapshots ended: the output EventBusArn of Slipway's template."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9._-]+$", var.event_bus_arn))
    error_message = "The bus is given by its ARN: arn:aws:events:eu-west-1:111122223333:event-bus/slipway."
  }
}

variable "region" {
  description = "The environment's Region, in which releases work. Without it, the provider's."
  type        = string
  default     = null

  validation {
    condition     = var.region == null || can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", coalesce(var.region, "-")))
    error_message = "The Region is given by its name: eu-west-1."
  }
}

variable "regions" {
  description = "The Regions in which stacks may be. Global services are not bound to them: see global_services."
  type        = list(string)

  validation {
    condition     = length(var.regions) > 0 && alltrue([for region in var.regions : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", region))])
    error_message = "Name at least one region, each like eu-west-1."
  }
}

variable "services" {
  description = "The AWS services that blueprints may use here, by their IAM prefixes. IAM itself is not among them: see README.md."
  type        = list(string)
  default = [
    "acm", "application-autoscaling", "autoscaling", "cloudwatch", "codebuild", "codeconnections", "codestar-connections",
    "ec2", "ec2messages", "ecr", "ecs", "elasticache", "elasticfilesystem", "elasticloadbalancing", "events", "kms", "logs",
    "rds", "s3", "scheduler", "secretsmanager", "servicediscovery", "ses", "sns", "sqs", "ssm",
    "ssmmessages", "wafv2", "xray",
  ]

  validation {
    condition = length(var.services) > 0 && alltrue([
      for service in var.services : can(regex("^[a-z][a-z0-9-]*$", service))
      && !contains(["account", "iam", "identitystore", "organizations", "sso", "sts"], service)
    ])
    error_message = "Name at least one service by its IAM prefix, like ecs. IAM, STS, Organizations, Account and Identity Center are never among them."
  }
}

variable "global_services" {
  description = "The AWS services without Regions that blueprints may use here, by their IAM prefixes: Route 53 for names, CloudFront."
  type        = list(string)
  default     = ["route53"]

  validation {
    condition     = length(var.global_services) > 0 && alltrue([for service in var.global_services : contains(["cloudfront", "globalaccelerator", "route53", "shield", "waf"], service)])
    error_message = "Name at least one of cloudfront, globalaccelerator, route53, shield and waf."
  }
}

variable "alarm_topic_arn" {
  description = "The SNS topic to notify when events cannot be delivered to Slipway. Without it the alarm notifies no topic."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_topic_arn == null || can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", coalesce(var.alarm_topic_arn, "-")))
    error_message = "The topic is given by its ARN: arn:aws:sns:eu-west-1:444455556666:alarms."
  }
}
