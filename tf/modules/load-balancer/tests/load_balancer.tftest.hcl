mock_provider "aws" {
  mock_data "aws_route53_zone" {
    defaults = { name = "example.com" }
  }

  mock_resource "aws_lb" {
    defaults = {
      arn      = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/lusab-babad/0123456789abcdef"
      dns_name = "lusab-babad-1.eu-west-1.elb.amazonaws.com"
    }
  }

  mock_resource "aws_lb_listener" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener/app/lusab-babad/0123456789abcdef/0123456789abcdef" }
  }

  mock_resource "aws_lb_listener_rule" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener-rule/app/lusab-babad/0123456789abcdef/0123456789abcdef/0123456789abcdef" }
  }

  mock_resource "aws_lb_target_group" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/lusab-babad-web/0123456789abcdef" }
  }

  mock_resource "aws_acm_certificate" {
    defaults = { arn = "arn:aws:acm:eu-west-1:111122223333:certificate/0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f" }
  }

  mock_resource "aws_acm_certificate_validation" {
    defaults = { certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f" }
  }
}

variables {
  name                    = "lusab-babad"
  vpc_id                  = "vpc-0123456789abcdef0"
  public_subnet_ids       = ["subnet-0123456789abcdef2", "subnet-0123456789abcdef3"]
  private_subnet_ids      = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
  tasks_security_group_id = "sg-0123456789abcdef0"
  services = {
    web = { port = 8080 }
    api = { port = 9000, paths = ["/api/*"] }
  }
}

run "http_alone" {
  assert {
    condition     = aws_lb_listener.http.default_action[0].type == "fixed-response" && aws_lb_listener.http.default_action[0].fixed_response[0].status_code == "404" && length(aws_lb_listener.https) == 0
    error_message = "What no service is for is answered with 404."
  }

  assert {
    condition     = output.base_url == "http://lusab-babad-1.eu-west-1.elb.amazonaws.com" && !output.is_https && output.domain_name == null
    error_message = "Without a zone, the stack is reached by the load balancer's own name."
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.requests : rule.from_port]) == toset([80])
    error_message = "Nothing listens on the port of HTTPS."
  }

  assert {
    condition     = !aws_lb.this.internal && toset(aws_lb.this.subnets) == toset(var.public_subnet_ids) && aws_lb.this.ip_address_type == "dualstack"
    error_message = "The network of the stack's own has IPv6."
  }
}

run "https_by_a_certificate_of_the_stack" {
  variables {
    services = {
      web   = { port = 8080 }
      admin = { port = 8080, hosts = ["admin.example.com"] }
    }
    zone_id = "Z0123456789ABCDEFGHIJ"
  }

  assert {
    condition = (
      aws_lb_listener.http.default_action[0].type == "redirect" && aws_lb_listener.http.default_action[0].redirect[0].protocol == "HTTPS"
      && aws_lb_listener.http.default_action[0].redirect[0].port == "443" && aws_lb_listener.http.default_action[0].redirect[0].status_code == "HTTP_301"
    )
    error_message = "HTTP is sent on to HTTPS."
  }

  assert {
    condition     = aws_lb_listener.https[0].protocol == "HTTPS" && strcontains(aws_lb_listener.https[0].ssl_policy, "TLS13") && alltrue([for rule in aws_lb_listener_rule.this : rule.listener_arn == aws_lb_listener.https[0].arn])
    error_message = "Services are reached by HTTPS only."
  }

  assert {
    condition     = aws_acm_certificate.this[0].domain_name == "lusab-babad.example.com" && aws_acm_certificate.this[0].subject_alternative_names == toset(["admin.example.com"]) && aws_acm_certificate.this[0].validation_method == "DNS"
    error_message = "The certificate is for the stack's name in the zone, and for the hosts of its services."
  }

  assert {
    condition = toset(keys(aws_route53_record.host)) == toset([
      "lusab-babad.example.com A", "lusab-babad.example.com AAAA", "admin.example.com A", "admin.example.com AAAA",
    ])
    error_message = "Each name has its records."
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.requests : rule.from_port]) == toset([80, 443])
    error_message = "It is open on the ports of HTTP and HTTPS, and on no other."
  }
}

run "https_by_a_given_certificate" {
  variables {
    domain_name     = "www.example.org"
    certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/0a1b2c3d-0a1b-2c3d-4e5f-ffffffffffff"
  }

  assert {
    condition     = length(aws_acm_certificate.this) == 0 && aws_lb_listener.https[0].certificate_arn == var.certificate_arn && length(aws_route53_record.host) == 0
    error_message = "A given certificate is taken, and nothing is made in a zone."
  }

  assert {
    condition     = output.base_url == "https://www.example.org"
    error_message = "The stack is reached by the given name."
  }
}

run "a_name_outside_the_zone_is_refused" {
  command = plan

  variables {
    zone_id     = "Z0123456789ABCDEFGHIJ"
    domain_name = "www.example.org"
  }

  expect_failures = [aws_acm_certificate.this]
}

run "a_name_that_no_certificate_takes_is_refused" {
  command = plan

  variables {
    zone_id     = "Z0123456789ABCDEFGHIJ"
    domain_name = "a-name-that-is-longer-than-what-a-certificate-takes.of-the.example.com"
  }

  expect_failures = [aws_acm_certificate.this]
}

run "the_more_particular_rule_comes_first" {
  variables {
    services = {
      web        = { port = 8080 }
      api        = { port = 9000, paths = ["/api/*"] }
      api-admin  = { port = 9001, paths = ["/api/admin/*"] }
      admin      = { port = 9002, hosts = ["admin.example.com"] }
      admin-help = { port = 9003, hosts = ["admin.example.com"], paths = ["/help/*"] }
    }
  }

  assert {
    condition = (
      aws_lb_listener_rule.this["admin-help"].priority < aws_lb_listener_rule.this["admin"].priority
      && aws_lb_listener_rule.this["admin"].priority < aws_lb_listener_rule.this["api-admin"].priority
      && aws_lb_listener_rule.this["api-admin"].priority < aws_lb_listener_rule.this["api"].priority
      && aws_lb_listener_rule.this["api"].priority < aws_lb_listener_rule.this["web"].priority
      && aws_lb_listener_rule.this["web"].priority <= 50000
    )
    error_message = "Of two rules that fit, the more particular one gets the request."
  }
}

run "two_rules_of_one_priority_are_refused" {
  command = plan

  variables {
    services = {
      web = { port = 8080 }
      api = { port = 9000, paths = ["/api/*"], priority = 7 }
      doc = { port = 9001, paths = ["/doc/*"], priority = 7 }
    }
  }

  expect_failures = [aws_lb_listener_rule.this]
}

run "two_progressive_rules_of_one_priority_are_refused" {
  command = plan

  variables {
    services = {
      api = { port = 9000, paths = ["/api/*"], priority = 7, progressive = true }
      doc = { port = 9001, paths = ["/doc/*"], priority = 7, progressive = true }
    }
  }

  expect_failures = [aws_lb_listener_rule.progressive]
}

run "two_sets_share_the_requests" {
  variables {
    # As long as names may be.
    services = { "a-service-of-20-lett" = { port = 8080 } }
    sets     = { a = { suffix = "", weight = 90 }, b = { suffix = "-b", weight = 10 } }
  }

  assert {
    condition     = toset([for group in aws_lb_listener_rule.this["a-service-of-20-lett"].action[0].forward[0].target_group : group.weight]) == toset([90, 10])
    error_message = "Each set gets its share."
  }

  assert {
    condition = alltrue([
      for name in concat([aws_lb.this.name], [for group in aws_lb_target_group.this : group.name]) :
      startswith(name, "lusab-babad") && length(name) <= 32 && !endswith(name, "-")
    ]) && length(distinct([for group in aws_lb_target_group.this : group.name])) == 2
    error_message = "A load balancer and its target groups have names of at most 32 characters, and two sets have two."
  }

  assert {
    condition     = toset(keys(output.target_group_arns)) == toset(["a-service-of-20-lett", "a-service-of-20-lett-b"])
    error_message = "A target group for each service and set."
  }
}

run "two_sets_of_a_progressive_service_are_refused" {
  command = plan

  variables {
    services = { web = { port = 8080, progressive = true } }
    sets     = { a = { suffix = "", weight = 90 }, b = { suffix = "-b", weight = 10 } }
  }

  expect_failures = [var.sets]
}

run "a_given_network_and_few_who_may_connect" {
  variables {
    given_vpc_id        = "vpc-0123456789abcdef0"
    internal            = true
    allowed_cidr_blocks = ["10.0.0.0/8"]
    zone_id             = "Z0123456789ABCDEFGHIJ"
    deletion_protection = true
    idle_timeout        = 300
    access_log_bucket   = "logs"
    web_acl_arn         = "arn:aws:wafv2:eu-west-1:111122223333:regional/webacl/x/1"
  }

  assert {
    condition     = aws_lb.this.internal && toset(aws_lb.this.subnets) == toset(var.private_subnet_ids) && aws_lb.this.enable_deletion_protection && aws_lb.this.idle_timeout == 300
    error_message = "An internal load balancer is in the private subnets."
  }

  assert {
    condition     = aws_lb.this.access_logs[0].bucket == "logs" && aws_lb.this.access_logs[0].prefix == "lusab-babad" && aws_wafv2_web_acl_association.this[0].web_acl_arn == var.web_acl_arn
    error_message = "Requests are logged and filtered where that was asked for."
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.requests : rule.cidr_ipv4]) == toset(["10.0.0.0/8"])
    error_message = "Only the given addresses reach it."
  }

  assert {
    condition = toset([for rule in aws_vpc_security_group_egress_rule.tasks : rule.from_port]) == toset([8080, 9000]) && alltrue([
      for rule in aws_vpc_security_group_egress_rule.tasks : rule.cidr_ipv4 == null && rule.referenced_security_group_id == var.tasks_security_group_id
    ])
    error_message = "It reaches the tasks on their ports, and nothing else."
  }

  assert {
    condition     = aws_lb.this.ip_address_type == "ipv4" && keys(aws_route53_record.host) == ["lusab-babad.example.com A"]
    error_message = "A given network may have no IPv6."
  }
}

run "a_canary_shifts_requests_between_two_target_groups" {
  state_key = "progressive"

  variables {
    services = {
      web = { port = 3000, progressive = true }
      api = { port = 9000, paths = ["/api/*"] }
    }
  }

  assert {
    condition     = keys(aws_lb_listener_rule.progressive) == ["web"] && keys(aws_lb_listener_rule.this) == ["api"] && keys(aws_lb_target_group.green) == ["web"] && keys(output.progressive_targets) == ["web"]
    error_message = "The rule of a canary is ECS's to change, the others are Terraform's."
  }

  assert {
    condition     = toset([for group in aws_lb_listener_rule.progressive["web"].action[0].forward[0].target_group : group.weight]) == toset([100, 0])
    error_message = "All requests go to the tasks that there are."
  }

  assert {
    condition     = length(aws_lb_target_group.green["web"].name) <= 32 && aws_lb_target_group.green["web"].name != aws_lb_target_group.this["web"].name
    error_message = "Both target groups have names that AWS takes."
  }
}

run "another_port_of_a_canary_is_refused" {
  command   = plan
  state_key = "progressive"

  variables {
    services = {
      web = { port = 3001, progressive = true }
      api = { port = 9000, paths = ["/api/*"] }
    }
  }

  expect_failures = [terraform_data.progressive]
}
