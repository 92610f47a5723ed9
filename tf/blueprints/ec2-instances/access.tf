# Who may reach the instances: people through Systems Manager, and programs as the instances' ingress says.

resource "aws_security_group" "instance" {
  for_each = local.instances

  name        = "${local.stack}-instance-${each.key}"
  description = "The instance ${each.key} of the stack ${local.stack}."
  vpc_id      = local.network.vpc_id

  tags = {
    Name = "${local.stack}-${each.key}"
  }
}

locals {
  # One rule for each range, by what it says, so that a rule more or less is one resource more or less.
  ingress = merge([
    for name, instance in local.instances : merge([
      for rule in instance.ingress : {
        for cidr in rule.cidrs : "${name}/${rule.protocol}/${rule.port}-${coalesce(rule.to_port, rule.port)}/${cidr}" => {
          instance = name
          protocol = rule.protocol
          from     = rule.port
          to       = coalesce(rule.to_port, rule.port)
          cidr     = cidr
        }
      }
    ]...)
  ]...)

  egress = merge([
    for name, instance in local.instances : merge([
      for rule in var.egress : {
        for cidr in rule.cidrs : "${name}/${rule.protocol}/${rule.port}-${coalesce(rule.to_port, rule.port)}/${cidr}" => {
          instance = name
          protocol = rule.protocol
          from     = rule.port
          to       = coalesce(rule.to_port, rule.port)
          cidr     = cidr
        }
      }
    ]...)
  ]...)
}

resource "aws_vpc_security_group_ingress_rule" "instance" {
  for_each = local.ingress

  security_group_id = aws_security_group.instance[each.value.instance].id
  description       = "What the request for the stack asks for."
  ip_protocol       = each.value.protocol
  from_port         = each.value.from
  to_port           = each.value.to
  cidr_ipv4         = each.value.cidr
}

resource "aws_vpc_security_group_egress_rule" "instance" {
  for_each = local.egress

  security_group_id = aws_security_group.instance[each.value.instance].id
  description       = "What instances may reach."
  ip_protocol       = each.value.protocol
  from_port         = each.value.from
  to_port           = each.value.to
  cidr_ipv4         = each.value.cidr
}

# ---------------------------------------------------------------------------------------------- Systems Manager

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  name                 = "${local.stack}-instances"
  path                 = "/slipway/"
  description          = "The instances of the stack ${local.stack}."
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.permissions_boundary
}

# What the agent needs for sessions, port forwarding and commands. AWS's own policy, AmazonSSMManagedInstanceCore, reads every
# parameter of the account besides.
data "aws_iam_policy_document" "session" {
  statement {
    actions = [
      "ec2messages:AcknowledgeMessage",
      "ec2messages:DeleteMessage",
      "ec2messages:FailMessage",
      "ec2messages:GetEndpoint",
      "ec2messages:GetMessages",
      "ec2messages:SendReply",
      "ssm:ListInstanceAssociations",
      "ssm:UpdateInstanceInformation",
      "ssmmessages:CreateControlChannel",
      "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel",
      "ssmmessages:OpenDataChannel",
    ]
    # AWS knows no resource for the channels of an agent.
    resources = ["*"]
  }

  #checkov:skip=CKV_AWS_111: AWS knows no resource for the channels of an agent
  #checkov:skip=CKV_AWS_356: AWS knows no resource for the channels of an agent
}

resource "aws_iam_role_policy" "session" {
  name   = "session"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.session.json
}

resource "aws_iam_role_policy_attachment" "more" {
  for_each = toset(var.policy_arns)

  role       = aws_iam_role.this.name
  policy_arn = each.value
}

resource "aws_iam_instance_profile" "this" {
  name = "${local.stack}-instances"
  path = "/slipway/"
  role = aws_iam_role.this.name
}
