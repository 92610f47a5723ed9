# The load balancer of one stack: HTTPS, with HTTP only to be sent on; what no service is for is answered with 404.

locals {
  # The network of the stack's own has IPv6. Of a given one we do not know.
  has_ipv6 = var.given_vpc_id == null
  is_https = var.zone_id != null || var.certificate_arn != null
}

resource "aws_lb" "this" {
  #checkov:skip=CKV_AWS_150: by deletion_protection, which protected environments set
  #checkov:skip=CKV2_AWS_20: the listener does, where there is a certificate; a check of the blueprint says where there is none
  #checkov:skip=CKV2_AWS_76: by web_acl_arn: a web ACL costs five dollars a month and more
  name               = var.name
  load_balancer_type = "application"
  internal           = var.internal
  ip_address_type    = local.has_ipv6 ? "dualstack" : "ipv4"
  subnets            = var.internal ? var.private_subnet_ids : var.public_subnet_ids
  security_groups    = [aws_security_group.this.id]
  idle_timeout       = var.idle_timeout

  enable_deletion_protection = var.deletion_protection
  drop_invalid_header_fields = true
  desync_mitigation_mode     = "defensive"

  dynamic "access_logs" {
    for_each = var.access_log_bucket == null ? [] : [var.access_log_bucket]

    content {
      enabled = true
      bucket  = access_logs.value
      prefix  = var.name
    }
  }
}

resource "aws_wafv2_web_acl_association" "this" {
  count = var.web_acl_arn == null ? 0 : 1

  resource_arn = aws_lb.this.arn
  web_acl_arn  = var.web_acl_arn
}

# ---------------------------------------------------------------------------------------------- who may connect

resource "aws_security_group" "this" {
  name        = "${var.name}-load-balancer"
  description = "Lets requests in to the load balancer, and from it to the tasks."
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-load-balancer" }
}

resource "aws_vpc_security_group_ingress_rule" "requests" {
  for_each = {
    for pair in setproduct(var.allowed_cidr_blocks, local.is_https ? [80, 443] : [80]) :
    "${pair[0]} ${pair[1]}" => { block = pair[0], port = tonumber(pair[1]) }
  }

  security_group_id = aws_security_group.this.id
  description       = "Requests on port ${each.value.port}."
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
  cidr_ipv4         = strcontains(each.value.block, ":") ? null : each.value.block
  cidr_ipv6         = strcontains(each.value.block, ":") ? each.value.block : null
}

resource "aws_vpc_security_group_egress_rule" "tasks" {
  for_each = toset([for service in values(var.services) : tostring(service.port)])

  security_group_id            = aws_security_group.this.id
  description                  = "Requests and health checks to the tasks."
  referenced_security_group_id = var.tasks_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = tonumber(each.value)
  to_port                      = tonumber(each.value)
}

# ---------------------------------------------------------------------------------------------- listeners

resource "aws_lb_listener" "http" {
  #checkov:skip=CKV_AWS_2: without a certificate there is HTTP alone, and a check of the blueprint says so
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
