# The load balancer, where a service has a route: HTTPS with the given certificate and a redirect to it, else HTTP with a warning.

locals {
  routed  = { for key, service in var.services : key => service if service.route != null }
  ruled   = { for key, service in local.routed : key => service if length(service.route.paths) + length(service.route.hosts) > 0 }
  default = one([for key in keys(local.routed) : key if !contains(keys(local.ruled), key)])

  with_load_balancer = length(local.routed) > 0
  with_https         = var.certificate_arn != null

  # By way of the listener and its rules: ECS refuses a service whose target group no load balancer uses yet.
  target_group_arns = {
    for key in keys(local.routed) : key => (
      key == local.default ? aws_lb_listener.main[0].default_action[0].target_group_arn : aws_lb_listener_rule.this[key].action[0].target_group_arn
    )
  }
}

check "https" {
  assert {
    condition     = !local.with_load_balancer || local.with_https
    error_message = "The stack answers on plain HTTP, which everybody on the way can read. Give certificate_arn and domain_name."
  }
}

resource "aws_security_group" "load_balancer" {
  count = local.with_load_balancer ? 1 : 0

  name        = "${local.stack}-load-balancer"
  description = "The load balancer of the stack ${local.stack}."
  vpc_id      = local.vpc_id

  tags = { Name = "${local.stack}-load-balancer" }
}

resource "aws_vpc_security_group_ingress_rule" "load_balancer" {
  for_each = local.with_load_balancer ? {
    for pair in setproduct(local.with_https ? [80, 443] : [80], local.load_balancer_cidrs) : "${pair[0]}/${pair[1]}" => pair
  } : {}

  security_group_id = aws_security_group.load_balancer[0].id
  description       = "Whom the stack is for."
  ip_protocol       = "tcp"
  from_port         = each.value[0]
  to_port           = each.value[0]
  cidr_ipv4         = each.value[1]
}

locals {
  load_balancer_cidrs = coalesce(var.allowed_cidrs, var.public ? ["0.0.0.0/0"] : [local.cidr_block])
}

resource "aws_vpc_security_group_egress_rule" "load_balancer" {
  for_each = toset([for service in local.routed : tostring(service.port)])

  security_group_id            = aws_security_group.load_balancer[0].id
  description                  = "To the tasks."
  ip_protocol                  = "tcp"
  from_port                    = tonumber(each.value)
  to_port                      = tonumber(each.value)
  referenced_security_group_id = aws_security_group.tasks.id
}

resource "aws_lb" "this" {
  count = local.with_load_balancer ? 1 : 0

  name               = local.stack
  load_balancer_type = "application"
  internal           = !var.public
  subnets            = var.public ? local.public_subnet_ids : local.private_subnet_ids
  security_groups    = [aws_security_group.load_balancer[0].id]

  enable_deletion_protection = var.deletion_protection
  drop_invalid_header_fields = true

  #checkov:skip=CKV_AWS_91: access logs need a bucket, whose policy and cost are the account's own affair
  #checkov:skip=CKV_AWS_150: the variable deletion_protection, which protected environments give
  #checkov:skip=CKV2_AWS_20: the HTTP listener redirects as soon as there is a certificate
  #checkov:skip=CKV2_AWS_28: a firewall costs six dollars a month and needs rules of the application's own
}

resource "aws_lb_target_group" "this" {
  for_each = local.routed

  # AWS allows 32 characters, of which the stack's id takes eleven; a digest tells long names apart.
  name        = length(each.key) <= 20 ? "${local.stack}-${each.key}" : "${local.stack}-${substr(each.key, 0, 13)}-${substr(sha256(each.key), 0, 6)}"
  vpc_id      = local.vpc_id
  port        = each.value.port
  protocol    = "HTTP"
  target_type = "ip"

  # A task that is stopped answers what it has begun; its stop_timeout is no longer than that.
  deregistration_delay = 30

  health_check {
    path     = each.value.route.health_path
    matcher  = "200-399"
    interval = 15
    timeout  = 5
  }

  #checkov:skip=CKV_AWS_378: encryption ends at the load balancer, and what is behind it is the stack's own network
}

# What all routes hang on: the HTTPS listener, or the HTTP one where there is no certificate.
resource "aws_lb_listener" "main" {
  count = local.with_load_balancer ? 1 : 0

  load_balancer_arn = aws_lb.this[0].arn
  port              = local.with_https ? 443 : 80
  protocol          = local.with_https ? "HTTPS" : "HTTP"
  certificate_arn   = var.certificate_arn
  ssl_policy        = local.with_https ? "ELBSecurityPolicy-TLS13-1-2-2021-06" : null

  dynamic "default_action" {
    for_each = local.default == null ? [] : [local.default]

    content {
      type             = "forward"
      target_group_arn = aws_lb_target_group.this[default_action.value].arn
    }
  }

  dynamic "default_action" {
    for_each = local.default == null ? [404] : []

    content {
      type = "fixed-response"

      fixed_response {
        content_type = "text/plain"
        status_code  = tostring(default_action.value)
        message_body = "There is nothing here."
      }
    }
  }

  #checkov:skip=CKV_AWS_2: without a certificate there is no HTTPS, which the check above warns of
  #checkov:skip=CKV_AWS_103: a TLS policy of 1.2 and 1.3, wherever there is TLS
}

resource "aws_lb_listener" "redirect" {
  count = local.with_load_balancer && local.with_https ? 1 : 0

  load_balancer_arn = aws_lb.this[0].arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"

    redirect {
      protocol    = "HTTPS"
      port        = "443"
      status_code = "HTTP_301"
    }
  }
}

resource "aws_lb_listener_rule" "this" {
  for_each = local.ruled

  listener_arn = aws_lb_listener.main[0].arn
  priority     = each.value.route.priority

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[each.key].arn
  }

  dynamic "condition" {
    for_each = length(each.value.route.paths) > 0 ? [each.value.route.paths] : []

    content {
      path_pattern {
        values = condition.value
      }
    }
  }

  dynamic "condition" {
    for_each = length(each.value.route.hosts) > 0 ? [each.value.route.hosts] : []

    content {
      host_header {
        values = condition.value
      }
    }
  }
}

resource "aws_route53_record" "this" {
  for_each = local.with_load_balancer && var.zone_id != null ? toset(["A"]) : toset([])

  zone_id = var.zone_id
  name    = var.domain_name
  type    = each.value

  alias {
    name                   = aws_lb.this[0].dns_name
    zone_id                = aws_lb.this[0].zone_id
    evaluate_target_health = true
  }
}
