# Each validation refuses its bad value. One run holds bad values of many variables, as many runs as a variable has validations.

mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-west-1a", "eu-west-1b", "eu-west-1c"] }
  }

  mock_data "aws_default_tags" {
    defaults = { tags = {} }
  }

  mock_data "aws_vpc" {
    defaults = { cidr_block = "10.20.0.0/16" }
  }
}

variables {
  services        = { web = { port = 8080, route = {} } }
  certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f"
  domain_name     = "shop.example.com"
}

run "one_bad_value_of_each" {
  command = plan

  variables {
    services             = { "Web" = { port = 8080 } }
    database             = { engine = "oracle" }
    architecture         = "MIPS"
    min_instances        = -1
    target_capacity      = 0
    ami                  = "ubuntu"
    disk_gib             = 8
    vpc_id               = "10.0.0.0/16"
    nat                  = "none"
    egress_ports         = [80]
    allowed_cidrs        = ["everybody"]
    domain_name          = "https://shop.example.com/"
    alarm_topic_arns     = ["ada@example.com"]
    log_retention_days   = 31
    permissions_boundary = "slipway-environment-production"
  }

  expect_failures = [
    var.services, var.database, var.architecture, var.min_instances, var.target_capacity, var.ami, var.disk_gib, var.vpc_id, var.nat,
    var.egress_ports, var.allowed_cidrs, var.domain_name, var.alarm_topic_arns, var.log_retention_days, var.permissions_boundary,
  ]
}

# A validation that looks at another variable is not run where that one is wrong itself.
run "one_bad_value_of_what_looks_at_others" {
  command = plan

  variables {
    migrations         = [{ name = "migrate", service = "nobody", command = ["./app"] }]
    tasks              = { load = { service = "web", command = [] } }
    schedules          = { nightly = { service = "nobody", command = ["./app"], expression = "rate(1 hour)" } }
    instance_type      = "small"
    max_instances      = 0
    vpc_id             = "vpc-0123456789abcdef0"
    private_subnet_ids = ["subnet-0123456789abcdef0"]
    public_subnet_ids  = ["a", "b"]
    certificate_arn    = "shop.example.com"
    zone_id            = "example.com"
  }

  expect_failures = [
    var.migrations, var.tasks, var.schedules, var.instance_type, var.max_instances, var.private_subnet_ids, var.public_subnet_ids,
    var.certificate_arn, var.zone_id,
  ]
}

run "half_a_task_and_what_does_not_go_together" {
  command = plan

  variables {
    services      = { web = { port = 8080, desired_count = 0.5 } }
    architecture  = "ARM64"
    instance_type = "m7i.large"
    domain_name   = null
  }

  expect_failures = [var.services, var.instance_type, var.certificate_arn]
}

run "a_time_in_words" {
  command = plan

  variables {
    schedules = { nightly = { service = "web", command = ["./app"], expression = "every night" } }
  }

  expect_failures = [var.schedules]
}

run "a_route_without_a_port" {
  command = plan

  variables {
    services = { web = { route = {} } }
  }

  expect_failures = [var.services]
}

run "no_time_to_end" {
  command = plan

  variables {
    services = { web = { stop_timeout = 0 } }
  }

  expect_failures = [var.services]
}

run "a_secret_by_its_value" {
  command = plan

  variables {
    services = { web = { secrets = { TOKEN = "hunter2" } } }
  }

  expect_failures = [var.services]
}

run "two_services_for_everything_else" {
  command = plan

  variables {
    services = { web = { port = 8080, route = {} }, api = { port = 9090, route = {} } }
  }

  expect_failures = [var.services]
}

run "two_rules_of_one_priority" {
  command = plan

  variables {
    services = {
      web = { port = 8080, route = { priority = 1, paths = ["/"] } }
      api = { port = 9090, route = { priority = 1, paths = ["/api/*"] } }
    }
  }

  expect_failures = [var.services]
}
