# Two roles: with one, ECS starts a task (image, secrets, logs); the other is the application's own.

locals {
  arn = "arn:${data.aws_partition.this.partition}"

  # Tasks of this account and Region only.
  trust = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Condition = {
        StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.this.account_id }
        ArnLike = {
          "aws:SourceArn" = "${local.arn}:ecs:${data.aws_region.this.region}:${data.aws_caller_identity.this.account_id}:*"
        }
      }
    }]
  })

  image_repository_arns = coalesce(
    var.image_repository_arns,
    ["${local.arn}:ecr:*:${data.aws_caller_identity.this.account_id}:repository/*"],
  )

  # GuardDuty starts its agent in a Fargate task with the task's execution role, from a repository of AWS's own account.
  # https://docs.aws.amazon.com/guardduty/latest/ug/prereq-runtime-monitoring-ecs-support.html
  pulled = concat(local.image_repository_arns, var.guardduty ? ["${local.arn}:ecr:*:*:repository/aws-guardduty-agent-fargate"] : [])

  # The secrets as wholes: without the key that may follow the seven parts of an ARN.
  secret_arns = distinct([
    for arn in concat(values(var.secrets), compact([var.registry_secret_arn]), flatten([for sidecar in values(var.sidecars) : values(sidecar.secrets)])) :
    join(":", slice(split(":", arn), 0, 7))
  ])

  # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html#ecs-exec-required-iam-permissions
  execute_command = var.enable_execute_command ? {
    execute-command = jsonencode({
      Version = "2012-10-17"
      Statement = [{
        Effect = "Allow"
        Action = [
          "ssmmessages:CreateControlChannel",
          "ssmmessages:CreateDataChannel",
          "ssmmessages:OpenControlChannel",
          "ssmmessages:OpenDataChannel",
        ]
        Resource = ["*"]
      }]
    })
  } : {}
}

resource "aws_iam_role" "execution" {
  name                 = "${local.name}-execution"
  path                 = "/slipway/"
  description          = "Starts tasks of ${local.name}."
  assume_role_policy   = local.trust
  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy" "execution" {
  name = "start-tasks"
  role = aws_iam_role.execution.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid    = "Images"
        Effect = "Allow"
        Action = [
          "ecr:BatchCheckLayerAvailability",
          "ecr:BatchGetImage",
          "ecr:GetDownloadUrlForLayer",
        ]
        Resource = local.pulled
      },
      {
        # AWS knows no resource of this action.
        Sid      = "SignInToTheRegistry"
        Effect   = "Allow"
        Action   = ["ecr:GetAuthorizationToken"]
        Resource = ["*"]
      },
      {
        Sid      = "Logs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.this.arn}:*"]
      },
      ], length(local.secret_arns) == 0 ? [] : [{
        Sid      = "Secrets"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = local.secret_arns
        }], var.kms_key_arn == null ? [] : [{
        Sid      = "KeyOfTheSecrets"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = [var.kms_key_arn]
    }])
  })
}

resource "aws_iam_role" "task" {
  name                 = "${local.name}-task"
  path                 = "/slipway/"
  description          = "What the application in ${local.name} may do."
  assume_role_policy   = local.trust
  permissions_boundary = var.permissions_boundary
}

resource "aws_iam_role_policy" "task" {
  for_each = merge(var.task_policies, local.execute_command, local.telemetry_policies)

  name   = each.key
  role   = aws_iam_role.task.id
  policy = each.value
}

resource "aws_iam_role_policy_attachment" "task" {
  for_each = toset(var.task_policy_arns)

  role       = aws_iam_role.task.name
  policy_arn = each.value
}

# With which ECS moves requests from the old tasks to the new ones.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AmazonECSInfrastructureRolePolicyForLoadBalancers.html
resource "aws_iam_role" "load_balancer" {
  count = local.progressive ? 1 : 0

  name                 = "${local.name}-shift"
  path                 = "/slipway/"
  description          = "Shifts requests to the tasks of a release of ${local.name}."
  permissions_boundary = var.permissions_boundary

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.this.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "load_balancer" {
  count = local.progressive ? 1 : 0

  name = "shift-requests"
  role = aws_iam_role.load_balancer[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # AWS knows no resources of these.
        Effect = "Allow"
        Action = [
          "elasticloadbalancing:DescribeListeners",
          "elasticloadbalancing:DescribeRules",
          "elasticloadbalancing:DescribeTargetGroups",
          "elasticloadbalancing:DescribeTargetHealth",
        ]
        Resource = ["*"]
      },
      {
        Effect   = "Allow"
        Action   = ["elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets"]
        Resource = concat(var.target_group_arns, [var.progressive_target.target_group_arn])
      },
      {
        Effect   = "Allow"
        Action   = ["elasticloadbalancing:ModifyListener", "elasticloadbalancing:ModifyRule"]
        Resource = [var.progressive_target.listener_rule_arn]
      },
    ]
  })
}
