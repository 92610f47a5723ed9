# The load balancer, where one is asked for.

locals {
  with_load_balancer = var.load_balancer != null
  network_kind       = try(var.load_balancer.kind == "network", false)
  listeners          = try(var.load_balancer.listeners, {})

  # An HTTP listener beside an HTTPS one sends browsers there, and needs no instances.
  https     = [for name in sort(keys(local.listeners)) : local.listeners[name].port if local.listeners[name].protocol == "HTTPS"]
  redirects = { for name, listener in local.listeners : name => listener if listener.protocol == "HTTP" && length(local.https) > 0 }
  forwards  = { for name, listener in local.listeners : name => listener if !contains(keys(local.redirects), name) }

  # Encryption ends at the load balancer.
  target_port     = { for name, listener in local.forwards : name => coalesce(listener.target_port, listener.port) }
  target_protocol = { for name, listener in local.forwards : name => { HTTP = "HTTP", HTTPS = "HTTP", TCP = "TCP", TLS = "TCP" }[listener.protocol] }

  targets = merge([
    for name, instance in local.instances : {
      for listener in instance.listeners : "${listener}/${name}" => {
        listener = listener
        instance = name
        port     = local.target_port[listener]
      } if contains(keys(local.forwards), listener)
    }
  ]...)

  # Several listeners may lead to the same port of an instance: that is one rule.
  targets_by_port = {
    for key, target in local.targets : "${target.instance}/${target.port}" => target...
  }
}

resource "aws_security_group" "load_balancer" {
  count = local.with_load_balancer ? 1 : 0

  name        = "${local.stack}-load-balancer"
  description = "The load balancer of the stack ${local.stack}."
  vpc_id      = local.network.vpc_id

  tags = {
    Name = "${local.stack}-load-balancer"
  }

  #checkov:skip=CKV2_AWS_5: it is on aws_lb.this, to which the scanner does not follow it
}

resource "aws_vpc_security_group_ingress_rule" "load_balancer" {
  for_each = {
    for rule in setproduct(keys(local.listeners), coalesce(try(var.load_balancer.cidrs, null), [local.network.cidr])) :
    "${rule[0]}/${rule[1]}" => { listener = local.listeners[rule[0]], cidr = rule[1] }
  }

  security_group_id = aws_security_group.load_balancer[0].id
  description       = "Whom the load balancer is for."
  ip_protocol       = "tcp"
  from_port         = each.value.listener.port
  to_port           = each.value.listener.port
  cidr_ipv4         = each.value.cidr
}

resource "aws_vpc_security_group_egress_rule" "load_balancer" {
  for_each = local.targets_by_port

  security_group_id            = aws_security_group.load_balancer[0].id
  description                  = "To the instance ${each.value[0].instance}."
  ip_protocol                  = "tcp"
  from_port                    = each.value[0].port
  to_port                      = each.value[0].port
  referenced_security_group_id = aws_security_group.instance[each.value[0].instance].id
}

resource "aws_vpc_security_group_ingress_rule" "from_load_balancer" {
  for_each = local.targets_by_port

  security_group_id            = aws_security_group.instance[each.value[0].instance].id
  description                  = "From the load balancer."
  ip_protocol                  = "tcp"
  from_port                    = each.value[0].port
  to_port                      = each.value[0].port
  referenced_security_group_id = aws_security_group.load_balancer[0].id
}

resource "aws_lb" "this" {
  count = local.with_load_balancer ? 1 : 0

  name               = local.stack
  load_balancer_type = var.load_balancer.kind
  internal           = !var.load_balancer.public
  subnets            = var.load_balancer.public ? local.network.public : local.network.private
  security_groups    = [aws_security_group.load_balancer[0].id]

  enable_deletion_protection       = var.deletion_protection
  drop_invalid_header_fields       = local.network_kind ? null : true
  enable_cross_zone_load_balancing = true

  lifecycle {
    precondition {
      condition     = length(var.load_balancer.public ? local.network.public : local.network.private) >= 2
      error_message = "A load balancer needs two ${var.load_balancer.public ? "public" : "private"} subnets, in two zones."
    }
  }

  #checkov:skip=CKV_AWS_91: access logs need a bucket, whose policy and cost are the account's own affair
  #checkov:skip=CKV_AWS_131: set for application load balancers; a network one has no headers
  #checkov:skip=CKV_AWS_150: the variable deletion_protection, which protected environments give
  #checkov:skip=CKV2_AWS_20: an HTTP listener redirects as soon as there is an HTTPS one
  #checkov:skip=CKV2_AWS_28: a firewall costs six dollars a month and needs rules of the application's own
}

resource "aws_lb_target_group" "this" {
  for_each = local.forwards

  # At most 32 characters. The end is another one when the target group has to be made anew, which is before the old one goes.
  name = "${local.stack}-${trim(substr(each.key, 0, 13), "-")}-${substr(sha256(join(" ", [
    each.key, local.target_port[each.key], local.target_protocol[each.key], try(var.network.vpc_id, "own"), var.load_balancer.kind,
  ])), 0, 6)}"
  vpc_id               = local.network.vpc_id
  port                 = local.target_port[each.key]
  protocol             = local.target_protocol[each.key]
  deregistration_delay = 30

  health_check {
    protocol = local.network_kind ? "TCP" : "HTTP"
    path     = local.network_kind ? null : each.value.health_path
    matcher  = local.network_kind ? null : "200-399"
    interval = 15
  }

  lifecycle {
    create_before_destroy = true
  }

  #checkov:skip=CKV_AWS_378: encryption ends at the load balancer, and what is behind it is the stack's own network
}

resource "aws_lb_target_group_attachment" "this" {
  for_each = local.targets

  target_group_arn = aws_lb_target_group.this[each.value.listener].arn
  target_id        = aws_instance.this[each.value.instance].id
  port             = each.value.port
}

resource "aws_lb_listener" "this" {
  for_each = local.listeners

  load_balancer_arn = aws_lb.this[0].arn
  port              = each.value.port
  protocol          = each.value.protocol
  certificate_arn   = each.value.certificate
  ssl_policy        = each.value.certificate == null ? null : "ELBSecurityPolicy-TLS13-1-2-2021-06"

  dynamic "default_action" {
    for_each = contains(keys(local.forwards), each.key) ? [1] : []

    content {
      type             = "forward"
      target_group_arn = aws_lb_target_group.this[each.key].arn
    }
  }

  dynamic "default_action" {
    for_each = contains(keys(local.redirects), each.key) ? [1] : []

    content {
      type = "redirect"

      redirect {
        protocol    = "HTTPS"
        port        = tostring(local.https[0])
        status_code = "HTTP_301"
      }
    }
  }

  #checkov:skip=CKV_AWS_2: HTTP has to be asked for, and redirects as soon as there is an HTTPS listener
  #checkov:skip=CKV_AWS_103: a TLS policy of 1.2 and 1.3, wherever there is TLS
}
