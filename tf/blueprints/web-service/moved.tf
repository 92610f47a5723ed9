# Where the resources of stacks were that an earlier version of this blueprint made.

moved {
  from = aws_lb.this
  to   = module.load_balancer.aws_lb.this
}

moved {
  from = aws_wafv2_web_acl_association.this
  to   = module.load_balancer.aws_wafv2_web_acl_association.this
}

moved {
  from = aws_security_group.load_balancer
  to   = module.load_balancer.aws_security_group.this
}

moved {
  from = aws_vpc_security_group_ingress_rule.load_balancer
  to   = module.load_balancer.aws_vpc_security_group_ingress_rule.requests
}

moved {
  from = aws_vpc_security_group_egress_rule.load_balancer
  to   = module.load_balancer.aws_vpc_security_group_egress_rule.tasks
}

moved {
  from = aws_lb_listener.http
  to   = module.load_balancer.aws_lb_listener.http
}

moved {
  from = aws_lb_listener.https
  to   = module.load_balancer.aws_lb_listener.https
}

moved {
  from = aws_lb_listener_rule.this
  to   = module.load_balancer.aws_lb_listener_rule.this
}

moved {
  from = aws_lb_listener_rule.progressive
  to   = module.load_balancer.aws_lb_listener_rule.progressive
}

moved {
  from = aws_lb_target_group.this
  to   = module.load_balancer.aws_lb_target_group.this
}

moved {
  from = aws_lb_target_group.green
  to   = module.load_balancer.aws_lb_target_group.green
}

moved {
  from = terraform_data.reached
  to   = module.load_balancer.terraform_data.reached
}

moved {
  from = terraform_data.progressive
  to   = module.load_balancer.terraform_data.progressive
}

moved {
  from = aws_acm_certificate.this
  to   = module.load_balancer.aws_acm_certificate.this
}

moved {
  from = aws_acm_certificate_validation.this
  to   = module.load_balancer.aws_acm_certificate_validation.this
}

moved {
  from = aws_route53_record.validation
  to   = module.load_balancer.aws_route53_record.validation
}

moved {
  from = aws_route53_record.host
  to   = module.load_balancer.aws_route53_record.host
}
