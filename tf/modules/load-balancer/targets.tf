# The tasks that the load balancer sends requests to: a target group for each service and set, and a second one where ECS shifts them.

locals {
  targets = merge([for set in values(var.sets) : {
    for name, service in var.services : "${name}${set.suffix}" => merge(service, { name = name })
  }]...)

  progressive = { for key, target in local.targets : key => target if target.progressive }

  # That of every progressive service: see the validation of `sets`.
  only_suffix = values(var.sets)[0].suffix
}

resource "aws_lb_target_group" "this" {
  #checkov:skip=CKV_AWS_378: inside the network, between two security groups, requests go over HTTP
  for_each = local.targets

  # At most 32 characters. The end is another one when the target group has to be made anew, which is before the old one goes.
  name                          = "${var.name}-${trim(substr(each.key, 0, 13), "-")}-${substr(sha256("${each.key} ${each.value.port} ${var.given_vpc_id == null ? "own" : var.given_vpc_id}${each.value.protocol == "http" ? "" : " ${each.value.protocol}"}"), 0, 6)}"
  target_type                   = "ip"
  protocol                      = "HTTP"
  protocol_version              = { http = "HTTP1", http2 = "HTTP2", grpc = "GRPC" }[each.value.protocol]
  port                          = each.value.port
  vpc_id                        = var.vpc_id
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

  tags = { Name = "${var.name}-${each.key}" }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_target_group" "green" {
  #checkov:skip=CKV_AWS_378: inside the network, between two security groups, requests go over HTTP
  for_each = local.progressive

  name                          = "${var.name}-${trim(substr(each.key, 0, 13), "-")}-${substr(sha256("green ${each.key} ${each.value.port} ${each.value.protocol}"), 0, 6)}"
  target_type                   = "ip"
  protocol                      = "HTTP"
  protocol_version              = { http = "HTTP1", http2 = "HTTP2", grpc = "GRPC" }[each.value.protocol]
  port                          = each.value.port
  vpc_id                        = var.vpc_id
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

  tags = { Name = "${var.name}-${each.key}-green" }

  lifecycle {
    create_before_destroy = true
  }
}

# ECS refuses a service whose target group no listener sends to. Who takes the target group from here waits for the rule.
resource "terraform_data" "reached" {
  for_each = local.targets

  input = {
    target_group = aws_lb_target_group.this[each.key].arn
    rule         = each.value.progressive ? aws_lb_listener_rule.progressive[each.value.name].arn : aws_lb_listener_rule.this[each.value.name].arn
  }
}
