# Services whose requests go over to the tasks of a release by weight: blue_green, linear and canary. ECS shifts them between two target
# groups, in the listener's rule; Terraform makes the rule, and leaves its weights alone.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/alb-resources-for-blue-green.html

locals {
  progressive = { for key, service in local.public : key => service if service.deployment.strategy != "rolling" }
}

resource "aws_lb_target_group" "green" {
  #checkov:skip=CKV_AWS_378: inside the network, between two security groups, requests go over HTTP
  for_each = local.progressive

  name                          = "${local.stack}-${trim(substr(each.key, 0, 13), "-")}-${substr(sha256("green ${each.key} ${each.value.port} ${each.value.protocol}"), 0, 6)}"
  target_type                   = "ip"
  protocol                      = "HTTP"
  protocol_version              = { http = "HTTP1", http2 = "HTTP2", grpc = "GRPC" }[each.value.protocol]
  port                          = each.value.port
  vpc_id                        = local.vpc_id
  deregistration_delay          = each.value.drain_seconds
  load_balancing_algorithm_type = "least_outstanding_requests"

  health_check {
    path                = each.value.health_path
    matcher             = each.value.protocol == "grpc" ? "0" : tostring(each.value.health_status)
    interval            = 15
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }

  stickiness {
    enabled = each.value.sticky_sessions
    type    = "lb_cookie"
  }

  tags = { Name = "${local.stack}-${each.key}-green" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_listener_rule" "progressive" {
  for_each = { for name, rule in local.rules : name => rule if rule.progressive }

  listener_arn = local.is_https ? aws_lb_listener.https[0].arn : aws_lb_listener.http.arn
  priority     = each.value.priority

  action {
    type = "forward"

    forward {
      target_group {
        arn    = aws_lb_target_group.this["${each.key}${module.sets.suffix[var.primary_set]}"].arn
        weight = 100
      }

      target_group {
        arn    = aws_lb_target_group.green["${each.key}${module.sets.suffix[var.primary_set]}"].arn
        weight = 0
      }
    }
  }

  dynamic "condition" {
    for_each = length(each.value.hosts) > 0 ? [each.value.hosts] : []

    content {
      host_header {
        values = condition.value
      }
    }
  }

  dynamic "condition" {
    for_each = length(each.value.paths) > 0 ? [each.value.paths] : []

    content {
      path_pattern {
        values = condition.value
      }
    }
  }

  tags = { Name = "${local.stack}-${each.key}" }

  lifecycle {
    create_before_destroy = true

    # The weights are ECS's.
    ignore_changes = [action]

    precondition {
      condition     = length(distinct(local.priorities)) == length(local.priorities)
      error_message = "Two services have rules of the same priority: ${jsonencode({ for name, rule in local.rules : name => rule.priority })}. Give one of them another `priority`."
    }
  }

  depends_on = [terraform_data.progressive]
}

# Another port or protocol would be another target group, which the rule above does not take over.
resource "terraform_data" "progressive" {
  for_each = local.progressive

  input = { port = each.value.port, protocol = each.value.protocol }

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.output.port == each.value.port && self.output.protocol == each.value.protocol
      error_message = "A service whose requests go over by weight keeps its port and protocol: set its strategy to rolling with one update, and change them with the next."
    }
  }
}
