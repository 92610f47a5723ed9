output "target_group_arns" {
  description = "By service and set, the target group that a rule sends requests to: who takes it from here waits for the rule."
  value       = { for key, reached in terraform_data.reached : key => reached.output.target_group }
}

output "target_group_arn_suffixes" {
  description = "By service and set, what CloudWatch calls the target group."
  value       = { for key, target_group in aws_lb_target_group.this : key => target_group.arn_suffix }
}

output "progressive_target_arn_suffixes" {
  description = "By service and set, what CloudWatch calls the second target group. After a release, one of the two has all tasks and requests."
  value       = { for key, target_group in aws_lb_target_group.green : key => target_group.arn_suffix }
}

output "progressive_targets" {
  description = "By service and set, the second target group and the rule of both, for the input progressive_target of the module service."
  value = { for key, target in local.progressive : key => {
    target_group_arn  = aws_lb_target_group.green[key].arn
    listener_rule_arn = aws_lb_listener_rule.progressive[target.name].arn
  } }
}

output "security_group_id" {
  description = "The security group that requests to the tasks come from."
  value       = aws_security_group.this.id
}

output "arn_suffix" {
  description = "What CloudWatch calls the load balancer."
  value       = aws_lb.this.arn_suffix
}

output "dns_name" {
  description = "The load balancer's own name, for a DNS record elsewhere."
  value       = aws_lb.this.dns_name
}

output "is_https" {
  description = "Whether there is a certificate."
  value       = local.is_https
}

output "domain_name" {
  description = "The stack's name; null without a zone or a domain_name."
  value       = local.domain_name
}

output "zone_name" {
  description = "The name of the zone; null without one."
  value       = local.zone_name
}

output "base_url" {
  description = "What people open."
  value       = local.is_https ? "https://${local.domain_name}" : "http://${aws_lb.this.dns_name}"
}
