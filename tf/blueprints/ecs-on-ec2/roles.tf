# What the agent on an instance may do: be an instance of this cluster. Images, logs and secrets are the business of the tasks'
# own execution roles.

locals {
  region_arn = "${data.aws_region.this.region}:${data.aws_caller_identity.this.account_id}"

  # Of this cluster alone, where AWS's own policy, AmazonEC2ContainerServiceforEC2Role, says any.
  # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html
  instance_policies = {
    agent = [
      {
        Sid    = "ThisCluster"
        Effect = "Allow"
        Action = [
          "ecs:DeregisterContainerInstance",
          "ecs:RegisterContainerInstance",
          "ecs:SubmitAttachmentStateChanges",
          "ecs:SubmitContainerStateChange",
          "ecs:SubmitTaskStateChange",
        ]
        Resource = [aws_ecs_cluster.this.arn]
      },
      {
        Sid    = "ItsInstances"
        Effect = "Allow"
        Action = [
          "ecs:Poll",
          "ecs:StartTelemetrySession",
          "ecs:UpdateContainerInstancesState",
        ]
        Resource = ["arn:${data.aws_partition.this.partition}:ecs:${local.region_arn}:container-instance/${aws_ecs_cluster.this.name}/*"]
      },
      {
        # AWS knows no resource of this action.
        Sid      = "Endpoints"
        Effect   = "Allow"
        Action   = ["ecs:DiscoverPollEndpoint"]
        Resource = ["*"]
      },
    ]

    # For people, instead of SSH. AWS's own policy, AmazonSSMManagedInstanceCore, reads every parameter of the account besides.
    sessions = [{
      Effect = "Allow"
      Action = [
        "ssm:UpdateInstanceInformation",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
      ]
      # AWS knows no resource for the channels of an agent.
      Resource = ["*"]
    }]
  }
}

resource "aws_iam_role" "instances" {
  name                 = "${local.stack}-instances"
  path                 = "/slipway/"
  description          = "The instances of the ECS cluster ${local.stack}."
  permissions_boundary = var.permissions_boundary

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "instances" {
  for_each = local.instance_policies

  name   = each.key
  role   = aws_iam_role.instances.id
  policy = jsonencode({ Version = "2012-10-17", Statement = each.value })
}

resource "aws_iam_instance_profile" "this" {
  name = "${local.stack}-instances"
  path = "/slipway/"
  role = aws_iam_role.instances.name
}
