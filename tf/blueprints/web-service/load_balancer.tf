# The load balancer: HTTPS, with HTTP only to be sent on; what no service is for is answered with 404.

locals {
  # The network of the stack's own has IPv6. Of a given one we do not know.
  has_ipv6 = var.network == null

  # Of two services whose rules both fit, the more particular one gets the request: with hosts and paths, then with hosts, then
  # with paths, the longer paths first. A rule's priority comes from itself alone: were it a place in a list, a service more
  # would move the others, and the load balancer refuses a priority that another rule has still.
  rules = {
    for name, service in var.services : name => {
      hosts = service.hosts
      # What is for no other service.
      paths       = length(service.hosts) + length(service.paths) == 0 ? ["/*"] : service.paths
      progressive = service.deployment.strategy != "rolling"
      priority = coalesce(service.priority == null ? null : service.priority + (service.deployment.strategy == "rolling" ? 0 : 1), sum([
        12000 * (length(service.hosts) > 0 && length(service.paths) > 0 ? 0 : length(service.hosts) > 0 ? 1 : length(service.paths) > 0 ? 2 : 3),
        90 * (128 - max(0, [for path in service.paths : length(path)]...)),
        # A service that changes between rolling and progressive has a rule of either kind for a moment, and each a priority.
        1 + (parseint(substr(sha256(name), 0, 8), 16) + (service.deployment.strategy == "rolling" ? 0 : 45)) % 90,
      ]))
    } if service.port != null && service.public
  }
  priorities = [for rule in local.rules : rule.priority]
}

resource "aws_lb" "this" {
  #checkov:skip=CKV_AWS_150: by deletion_protection, which protected environments set
  #checkov:skip=CKV2_AWS_20: the listener does, where there is a certificate; a check says where there is none
  #checkov:skip=CKV2_AWS_76: by web_acl_arn: a web ACL costs five dollars a month and more
  name               = local.stack
  load_balancer_type = "application"
  internal           = var.internal
  ip_address_type    = local.has_ipv6 ? "dualstack" : "ipv4"
  subnets            = var.internal ? local.private_subnet_ids : local.public_subnet_ids
  security_groups    = [aws_security_group.load_balancer.id]
  idle_timeout       = var.idle_timeout

  enable_deletion_protection = var.deletion_protection
  drop_invalid_header_fields = true
  desync_mitigation_mode     = "defensive"

  dynamic "access_logs" {
    for_each = var.access_log_bucket == null ? [] : [var.access_log_bucket]

    content {
      enabled = true
      bucket  = access_logs.value
      prefix  = local.stack
    }
  }
}

resource "aws_wafv2_web_acl_association" "this" {
  count = var.web_acl_arn == null ? 0 : 1

  resource_arn = aws_lb.this.arn
  web_acl_arn  = var.web_acl_arn
}

# ---------------------------------------------------------------------------------------------- who may connect

resource "aws_security_group" "load_balancer" {
  name        = "${local.stack}-load-balancer"
  description = "Lets requests in to the load balancer, and from it to the tasks."
  vpc_id      = local.vpc_id

  tags = { Name = "${local.stack}-load-balancer" }
}

resource "aws_vpc_security_group_ingress_rule" "load_balancer" {
  for_each = {
    for pair in setproduct(var.allowed_cidr_blocks, local.is_https ? [80, 443] : [80]) :
    "${pair[0]} ${pair[1]}" => { block = pair[0], port = tonumber(pair[1]) }
  }

  security_group_id = aws_security_group.load_balancer.id
  description       = "Requests on port ${each.value.port}."
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
  cidr_ipv4         = strcontains(each.value.block, ":") ? null : each.value.block
  cidr_ipv6         = strcontains(each.value.block, ":") ? each.value.block : null
}

resource "aws_vpc_security_group_egress_rule" "load_balancer" {
  for_each = toset([for service in local.public : tostring(service.port)])

  security_group_id            = aws_security_group.load_balancer.id
  description                  = "Requests and health checks to the tasks."
  referenced_security_group_id = aws_security_group.tasks.id
  ip_protocol                  = "tcp"
  from_port                    = tonumber(each.value)
  to_port                      = tonumber(each.value)
}

# ---------------------------------------------------------------------------------------------- listeners

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = local.is_https ? "redirect" : "fixed-response"

    dynamic "redirect" {
      for_each = local.is_https ? [443] : []

      content {
        protocol    = "HTTPS"
        port        = redirect.value
        status_code = "HTTP_301"
      }
    }

    dynamic "fixed_response" {
      for_each = local.is_https ? [] : [404]

      content {
        content_type = "text/plain"
        message_body = "There is nothing here."
        status_code  = fixed_response.value
      }
    }
  }

  # Who is sent on finds the other listener there.
  depends_on = [aws_lb_listener.https]
}

resource "aws_lb_listener" "https" {
  count = local.is_https ? 1 : 0

  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  certificate_arn   = local.certificate_arn
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"

  default_action {
    type = "fixed-response"

    fixed_response {
      content_type = "text/plain"
      message_body = "There is nothing here."
      status_code  = 404
    }
  }
}

resource "aws_lb_listener_rule" "this" {
  for_each = { for name, rule in local.rules : name => rule if !rule.progressive }

  listener_arn = local.is_https ? aws_lb_listener.https[0].arn : aws_lb_listener.http.arn
  priority     = each.value.priority

  action {
    type = "forward"

    # No stickiness of the target group, so that a lower weight takes effect at once for all clients.
    forward {
      dynamic "target_group" {
        for_each = module.sets.sets

        content {
          arn    = aws_lb_target_group.this["${each.key}${module.sets.suffix[target_group.value]}"].arn
          weight = module.sets.weight[target_group.value]
        }
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
    # With another listener the new rules are there before the old ones go: else nothing answers while a certificate is waited for.
    create_before_destroy = true

    precondition {
      condition     = length(distinct(local.priorities)) == length(local.priorities)
      error_message = "Two services have rules of the same priority: ${jsonencode({ for name, rule in local.rules : name => rule.priority })}. Give one of them another `priority`."
    }
  }
}

# ---------------------------------------------------------------------------------------------- targets

resource "aws_lb_target_group" "this" {
  #checkov:skip=CKV_AWS_378: inside the network, between two security groups, requests go over HTTP
  for_each = local.public

  # At most 32 characters. The end is another one when the target group has to be made anew, which is before the old one goes.
  name                          = "${local.stack}-${trim(substr(each.key, 0, 13), "-")}-${substr(sha256("${each.key} ${each.value.port} ${try(var.network.vpc_id, "own")}${each.value.protocol == "http" ? "" : " ${each.value.protocol}"}"), 0, 6)}"
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

  tags = { Name = "${local.stack}-${each.key}" }

  lifecycle {
    create_before_destroy = true
  }
}

# ECS refuses a service whose target group no listener sends to. Who takes the target group from here waits for the rule.
resource "terraform_data" "reached" {
  for_each = local.public

  input = {
    target_group = aws_lb_target_group.this[each.key].arn
    rule         = local.rules[each.value.name].progressive ? aws_lb_listener_rule.progressive[each.value.name].arn : aws_lb_listener_rule.this[each.value.name].arn
  }
}
