# Where the resources of stacks were that an earlier version of this blueprint made.

moved {
  from = aws_lb.this[0]
  to   = module.load_balancer[0].aws_lb.this
}

moved {
  from = aws_security_group.load_balancer[0]
  to   = module.load_balancer[0].aws_security_group.this
}

moved {
  from = aws_vpc_security_group_ingress_rule.load_balancer
  to   = module.load_balancer[0].aws_vpc_security_group_ingress_rule.requests
}

moved {
  from = aws_vpc_security_group_egress_rule.load_balancer
  to   = module.load_balancer[0].aws_vpc_security_group_egress_rule.tasks
}

moved {
  from = aws_lb_listener.http[0]
  to   = module.load_balancer[0].aws_lb_listener.http
}

moved {
  from = aws_lb_listener.https
  to   = module.load_balancer[0].aws_lb_listener.https
}

moved {
  from = aws_lb_listener_rule.this
  to   = module.load_balancer[0].aws_lb_listener_rule.this
}

moved {
  from = aws_lb_target_group.this
  to   = module.load_balancer[0].aws_lb_target_group.this
}

moved {
  from = aws_acm_certificate.this
  to   = module.load_balancer[0].aws_acm_certificate.this
}

moved {
  from = aws_acm_certificate_validation.this
  to   = module.load_balancer[0].aws_acm_certificate_validation.this
}

moved {
  from = aws_route53_record.validation
  to   = module.load_balancer[0].aws_route53_record.validation
}

moved {
  from = aws_route53_record.host
  to   = module.load_balancer[0].aws_route53_record.host
}
