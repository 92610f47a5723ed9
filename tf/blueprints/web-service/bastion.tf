# The way of people to the database: a machine without an open port and without a key. Session Manager connects to it from inside,
# and IAM says who may.

data "aws_ssm_parameter" "bastion_image" {
  count = var.bastion ? 1 : 0

  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
}

resource "aws_instance" "bastion" {
  count = var.bastion ? 1 : 0

  ami                         = nonsensitive(data.aws_ssm_parameter.bastion_image[0].value)
  instance_type               = "t4g.nano"
  subnet_id                   = local.task_subnet_ids[0]
  vpc_security_group_ids      = [aws_security_group.bastion[0].id]
  iam_instance_profile        = aws_iam_instance_profile.bastion[0].name
  associate_public_ip_address = local.tasks_are_public

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    volume_type = "gp3"
    volume_size = 8
    encrypted   = true
  }

  tags = { Name = "${local.stack}-bastion" }

  lifecycle {
    # A newer image alone is no reason for a new machine. Turn the bastion off and on again for one.
    ignore_changes = [ami]
  }
}

resource "aws_security_group" "bastion" {
  count = var.bastion ? 1 : 0

  name        = "${local.stack}-bastion"
  description = "Lets nothing in to the bastion; out to Session Manager and to the database."
  vpc_id      = local.vpc_id

  tags = { Name = "${local.stack}-bastion" }
}

resource "aws_vpc_security_group_egress_rule" "bastion_to_session_manager" {
  for_each = var.bastion ? { ipv4 = "0.0.0.0/0", ipv6 = "::/0" } : {}

  security_group_id = aws_security_group.bastion[0].id
  description       = "Session Manager, over ${each.key}."
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = each.key == "ipv4" ? each.value : null
  cidr_ipv6         = each.key == "ipv6" ? each.value : null
}

resource "aws_vpc_security_group_egress_rule" "bastion_to_database" {
  for_each = var.bastion ? module.database : {}

  security_group_id            = aws_security_group.bastion[0].id
  description                  = "The database of the set ${each.key}."
  referenced_security_group_id = each.value.security_group_id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_iam_role" "bastion" {
  count = var.bastion ? 1 : 0

  name                 = "${local.stack}-bastion"
  path                 = "/slipway/"
  description          = "The bastion of the stack ${local.stack}: Session Manager, and nothing else."
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

# What the agent needs for sessions. AWS's own policy for it can also read all parameters of the account.
resource "aws_iam_role_policy" "bastion" {
  count = var.bastion ? 1 : 0

  name = "sessions"
  role = aws_iam_role.bastion[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      # AWS knows no resources of these.
      Effect = "Allow"
      Action = [
        "ssm:UpdateInstanceInformation",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
      ]
      Resource = ["*"]
    }]
  })
}

resource "aws_iam_instance_profile" "bastion" {
  count = var.bastion ? 1 : 0

  name = "${local.stack}-bastion"
  path = "/slipway/"
  role = aws_iam_role.bastion[0].name
}

locals {
  # On this machine the database is then at localhost, port 15432 or 13306.
  bastion_commands = { for set, database in module.database : set => join(" ", [
    "aws ssm start-session --region ${local.region} --target ${aws_instance.bastion[0].id}",
    "--document-name AWS-StartPortForwardingSessionToRemoteHost",
    "--parameters host=${database.host},portNumber=${database.port},localPortNumber=${10000 + database.port}",
  ]) if var.bastion }
}
