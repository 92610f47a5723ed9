# The instances: as many as the tasks need, and no more. ECS sets their number, drains one before it goes, and lets none go that
# has tasks.

locals {
  instance_type = coalesce(var.instance_type, var.architecture == "ARM64" ? "t4g.small" : "t3.small")

  # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/retrieve-ecs-optimized_AMI.html
  ami_parameter = "/aws/service/ecs/optimized-ami/amazon-linux-2023/${var.architecture == "ARM64" ? "arm64/" : ""}recommended/image_id"

  # Without ECS_CLUSTER the agent registers with the cluster `default`, and no task ever finds the instance. Tasks get neither the
  # instance's credentials nor its metadata; their logs are written with their own execution role.
  # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-agent-config.html
  user_data = <<-EOT
    #!/bin/bash
    cat >> /etc/ecs/ecs.config <<'CONFIG'
    ECS_CLUSTER=${aws_ecs_cluster.this.name}
    ECS_AWSVPC_BLOCK_IMDS=true
    ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE=true
    CONFIG
  EOT
}

data "aws_ssm_parameter" "ami" {
  count = var.ami == null ? 1 : 0

  name = local.ami_parameter
}

resource "aws_launch_template" "this" {
  name                   = local.stack
  description            = "Instances of the ECS cluster ${local.stack}."
  image_id               = var.ami == null ? data.aws_ssm_parameter.ami[0].insecure_value : var.ami
  instance_type          = local.instance_type
  vpc_security_group_ids = [aws_security_group.instances.id]
  user_data              = base64encode(local.user_data)
  update_default_version = true

  iam_instance_profile {
    arn = aws_iam_instance_profile.this.arn
  }

  metadata_options {
    http_endpoint = "enabled"
    http_tokens   = "required"
    # From the instance itself and not from a container on it.
    http_put_response_hop_limit = 1
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type           = "gp3"
      volume_size           = var.disk_gib
      encrypted             = true
      delete_on_termination = true
    }
  }

  # An autoscaling group does not hand the provider's default tags down.
  dynamic "tag_specifications" {
    for_each = toset(["instance", "volume", "network-interface"])

    content {
      resource_type = tag_specifications.value
      tags          = merge(data.aws_default_tags.this.tags, { Name = local.stack })
    }
  }
}

resource "aws_autoscaling_group" "this" {
  name                = local.stack
  min_size            = var.min_instances
  max_size            = var.max_instances
  vpc_zone_identifier = local.private_subnet_ids

  # What managed termination protection needs: an instance may go when ECS says that no task is on it.
  protect_from_scale_in = true

  # Protected instances, and the hook with which ECS drains them, would hold up a destroy.
  force_delete = true

  # The time in which an agent registers.
  default_instance_warmup   = 60
  health_check_type         = "EC2"
  health_check_grace_period = 60

  launch_template {
    id      = aws_launch_template.this.id
    version = aws_launch_template.this.latest_version
  }

  # Another image, type or disk: one instance after the other is replaced, after a new one is there and its tasks were moved.
  instance_refresh {
    strategy = "Rolling"

    preferences {
      min_healthy_percentage       = 100
      max_healthy_percentage       = 200
      scale_in_protected_instances = "Refresh"
      skip_matching                = true
      auto_rollback                = true
    }
  }

  # ECS puts it there when the capacity provider is made; without it here, Terraform would take it away.
  tag {
    key                 = "AmazonECSManaged"
    value               = "true"
    propagate_at_launch = true
  }

  dynamic "tag" {
    for_each = data.aws_default_tags.this.tags

    content {
      key   = tag.key
      value = tag.value
      # The launch template does.
      propagate_at_launch = false
    }
  }

  lifecycle {
    # It belongs to ECS.
    ignore_changes = [desired_capacity]
  }

  # The agent cannot register without its role, nor without a way out.
  depends_on = [aws_iam_role_policy.instances, aws_vpc_security_group_egress_rule.instances]
}

resource "aws_ecs_capacity_provider" "this" {
  name = local.stack

  auto_scaling_group_provider {
    auto_scaling_group_arn         = aws_autoscaling_group.this.arn
    managed_draining               = "ENABLED"
    managed_termination_protection = "ENABLED"

    managed_scaling {
      status                    = "ENABLED"
      target_capacity           = var.target_capacity
      minimum_scaling_step_size = 1
      maximum_scaling_step_size = var.max_instances
      instance_warmup_period    = 60
    }
  }
}
