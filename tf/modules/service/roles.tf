# Two roles: with one, ECS starts a task (image, secrets, logs); the other is the application's own.

locals {
  arn = "arn:${data.aws_partition.this.partition}"

  # A task of this account and region, and nobody else's.
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

  # The secrets as wholes: without the key that may follow the seven parts of an ARN.
  secret_arns = distinct([for arn in values(var.secrets) : join(":", slice(split(":", arn), 0, 7))])

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
        Resource = local.image_repository_arns
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
      ], length(var.secrets) == 0 ? [] : [{
        Sid      = "Secrets"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = local.secret_arns
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
  for_each = merge(var.task_policies, local.execute_command)

  name   = each.key
  role   = aws_iam_role.task.id
  policy = each.value
}
