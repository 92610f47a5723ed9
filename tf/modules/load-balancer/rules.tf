# Which requests are for which service, in the listener that people reach.

locals {
  listener_arn = local.is_https ? aws_lb_listener.https[0].arn : aws_lb_listener.http.arn

  # Of two services whose rules both fit, the more particular one gets the request: with hosts and paths, then with hosts, then
  # with paths, the longer paths first. A rule's priority comes from itself alone: were it a place in a list, a service more
  # would move the others, and the load balancer refuses a priority that another rule has still.
  rules = {
    for name, service in var.services : name => {
      hosts = service.hosts
      # What is for no other service.
      paths       = length(service.hosts) + length(service.paths) == 0 ? ["/*"] : service.paths
      progressive = service.progressive
      priority = coalesce(service.priority == null ? null : service.priority + (service.progressive ? 1 : 0), sum([
        12000 * (length(service.hosts) > 0 && length(service.paths) > 0 ? 0 : length(service.hosts) > 0 ? 1 : length(service.paths) > 0 ? 2 : 3),
        90 * (128 - max(0, [for path in service.paths : length(path)]...)),
        # A service that changes between rolling and progressive has a rule of either kind for a moment, and each a priority.
        1 + (parseint(substr(sha256(name), 0, 8), 16) + (service.progressive ? 45 : 0)) % 90,
      ]))
    }
  }
  priorities = [for rule in local.rules : rule.priority]
}

resource "aws_lb_listener_rule" "this" {
  for_each = { for name, rule in local.rules : name => rule if !rule.progressive }

  listener_arn = local.listener_arn
  priority     = each.value.priority

  action {
    type = "forward"

    # No stickiness of the target group, so that a lower weight takes effect at once for all clients.
    forward {
      dynamic "target_group" {
        for_each = var.sets

        content {
          arn    = aws_lb_target_group.this["${each.key}${target_group.value.suffix}"].arn
          weight = target_group.value.weight
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

  tags = { Name = "${var.name}-${each.key}" }

  lifecycle {
    # With another listener the new rules are there before the old ones go: else nothing answers while a certificate is waited for.
    create_before_destroy = true

    precondition {
      condition     = length(distinct(local.priorities)) == length(local.priorities)
      error_message = "Two services have rules of the same priority: ${jsonencode({ for name, rule in local.rules : name => rule.priority })}. Give one of them another `priority`."
    }
  }
}

# Services whose requests go over to the tasks of a release by weight: blue_green, linear and canary. ECS shifts them between two target
# groups, in the listener's rule; Terraform makes the rule, and leaves its weights alone.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/alb-resources-for-blue-green.html
resource "aws_lb_listener_rule" "progressive" {
  for_each = { for name, rule in local.rules : name => rule if rule.progressive }

  listener_arn = local.listener_arn
  priority     = each.value.priority

  action {
    type = "forward"

    forward {
      target_group {
        arn    = aws_lb_target_group.this["${each.key}${local.only_suffix}"].arn
        weight = 100
      }

      target_group {
        arn    = aws_lb_target_group.green["${each.key}${local.only_suffix}"].arn
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

  tags = { Name = "${var.name}-${each.key}" }

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
