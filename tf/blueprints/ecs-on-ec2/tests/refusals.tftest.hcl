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
  services        = { web = { port = 8080 } }
  certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f"
  domain_name     = "shop.example.com"
}

run "the_first_bad_value" {
  command = plan

  variables {
    services             = { "Web" = { port = 8080 } }
    environment          = { "1ST" = "x" }
    database             = { engine = "oracle" }
    architecture         = "MIPS"
    min_instances        = -1
    target_capacity      = 0
    ami                  = "ubuntu"
    disk_gib             = 8
    network              = { vpc_id = "10.0.0.0/16", private_subnet_ids = ["subnet-0", "subnet-1"], public_subnet_ids = ["subnet-2", "subnet-3"] }
    cidr_block           = "10.0.0.0/8"
    zones                = 1
    nat                  = "none"
    egress_ports         = [80]
    allowed_cidr_blocks  = ["anywhere"]
    idle_timeout         = 0
    kms_key_arn          = "alias/shop"
    image_repositories   = ["team/web"]
    alarms               = { email = "team" }
    permissions_boundary = "slipway-environment-production"
  }

  expect_failures = [
    var.services, var.environment, var.database, var.architecture, var.min_instances, var.target_capacity, var.ami,
    var.disk_gib, var.network, var.cidr_block, var.zones, var.nat, var.egress_ports, var.allowed_cidr_blocks, var.idle_timeout, var.kms_key_arn,
    var.image_repositories, var.alarms, var.permissions_boundary,
  ]
}

run "the_second_bad_value" {
  command = plan

  variables {
    services = { web = { port = 8080, cpu = 64 } }
    database = { engine_version = "13" }
    network  = { vpc_id = "vpc-0", private_subnet_ids = ["subnet-0"], public_subnet_ids = ["subnet-2", "subnet-3"] }
    alarms   = { topic_arns = ["alarms"] }
  }

  expect_failures = [var.services, var.database, var.network, var.alarms]
}

run "the_third_bad_value" {
  command = plan

  variables {
    services = { web = { port = 70000 } }
    database = { instance_class = "t4g.micro" }
    alarms = {
      email      = "team@example.com"
      topic_arns = [for name in ["a", "b", "c", "d", "e"] : "arn:aws:sns:eu-west-1:111122223333:${name}"]
    }
  }

  expect_failures = [var.services, var.database, var.alarms]
}

run "the_fourth_bad_value" {
  command = plan

  variables {
    services = { web = { port = 8080 }, api = { port = 9090 } }
    database = { allocated_storage = 200 }
  }

  expect_failures = [var.services, var.database]
}

run "the_fifth_bad_value" {
  command = plan

  variables {
    services = { web = { port = 8080, paths = ["/a", "/b", "/c", "/d", "/e", "/f"] } }
    database = { backup_retention_days = 0 }
  }

  expect_failures = [var.services, var.database]
}

run "the_sixth_bad_value" {
  command = plan

  variables {
    services = { web = { port = 8080, health_path = "healthz" } }
    database = { name = "1st" }
  }

  expect_failures = [var.services, var.database]
}

run "the_seventh_bad_value" {
  command = plan

  variables {
    services = { web = { port = 8080, hosts = ["*.example.com"] } }
    database = { username = "admin" }
  }

  expect_failures = [var.services, var.database]
}

run "the_eighth_bad_value" {
  command = plan

  variables { services = { web = { port = 8080, count = 0.5 } } }

  expect_failures = [var.services]
}

run "the_ninth_bad_value" {
  command = plan

  variables { services = { web = { port = 8080, stop_timeout = 0 } } }

  expect_failures = [var.services]
}

run "the_tenth_bad_value" {
  command = plan

  variables { services = { web = { port = 8080, health_status = 500 } } }

  expect_failures = [var.services]
}

run "the_eleventh_bad_value" {
  command = plan

  variables { services = { web = { port = 8080, priority = 0 } } }

  expect_failures = [var.services]
}

run "a_secret_that_is_not_there" {
  command = plan

  variables { services = { web = { port = 8080, secrets = ["TOKEN"] } } }

  expect_failures = [var.secrets]
}

# A validation that refers to another variable does not run if that one is invalid.
run "first_bad_value_of_cross_variable_rules" {
  command = plan

  variables {
    secrets            = { STRIPE = "sk_live_1" }
    migrations         = [{ name = "migrate", service = "missing", command = ["./app"] }]
    tasks              = { load = { service = "missing", command = ["./app"] } }
    schedules          = { nightly = { expression = "every night", command = ["./app"] } }
    instance_type      = "small"
    max_instances      = 0
    domain_name        = "https://shop.example.com/"
    log_retention_days = 31
  }

  expect_failures = [
    var.secrets, var.migrations, var.tasks, var.schedules, var.instance_type, var.max_instances, var.domain_name, var.log_retention_days,
  ]
}

run "second_bad_value_of_cross_variable_rules" {
  command = plan

  variables {
    secrets         = { "1ST" = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:stripe-AbCdEf" }
    migrations      = [{ name = "migrate", command = [] }]
    tasks           = { load = { command = [] } }
    schedules       = { nightly = { service = "missing", command = ["./app"], expression = "rate(1 hour)" } }
    architecture    = "ARM64"
    instance_type   = "m7i.large"
    certificate_arn = null
  }

  expect_failures = [var.secrets, var.migrations, var.tasks, var.schedules, var.instance_type, var.domain_name]
}

run "third_bad_value_of_cross_variable_rules" {
  command = plan

  variables {
    environment = { STRIPE = "x" }
    secrets     = { STRIPE = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:stripe-AbCdEf" }
    migrations  = [{ name = "migrate", command = ["./app"] }, { name = "migrate", command = ["./app"] }]
    tasks       = { "Load" = { command = ["./app"] } }
    schedules   = { nightly = { command = [], expression = "rate(1 hour)" } }
    domain_name = null
  }

  expect_failures = [var.secrets, var.migrations, var.tasks, var.schedules, var.domain_name]
}

run "a_schedule_in_capitals" {
  command = plan

  variables { schedules = { "Nightly" = { command = ["./app"], expression = "rate(1 hour)" } } }

  expect_failures = [var.schedules]
}

run "a_bad_protocol_of_a_service" {
  command = plan

  variables {
    services = { web = { port = 8080, protocol = "tcp" } }
    database = { maintenance_window = "sunday" }
  }

  expect_failures = [var.services, var.database]
}

run "a_bad_http2_of_a_service" {
  command = plan

  variables {
    services        = { web = { port = 8080, protocol = "grpc" } }
    certificate_arn = null
    domain_name     = null
  }

  expect_failures = [var.services]
}

run "a_bad_timeout_of_a_service" {
  command = plan

  variables {
    services = { web = { port = 8080, request_timeout = -1 } }
  }

  expect_failures = [var.services]
}

run "a_bad_singleton_of_a_service" {
  command = plan

  variables {
    services = { web = { port = 8080, singleton = true } }
  }

  expect_failures = [var.services]
}

run "a_bad_tmpfs_of_a_service" {
  command = plan

  variables {
    services = { web = { port = 8080, tmpfs = { tmp = 8 } } }
  }

  expect_failures = [var.services]
}

run "a_bad_sidecar_of_a_service" {
  command = plan

  variables {
    services = { web = { port = 8080, sidecars = { otel = {} } } }
  }

  expect_failures = [var.services]
}

run "a_bad_registry_of_a_service" {
  command = plan

  variables {
    services = { web = { port = 8080, registry_secret = "hub" } }
  }

  expect_failures = [var.services]
}

run "a_zone_by_name_and_a_certificate_by_name" {
  command = plan

  variables {
    zone_id         = "example.com"
    certificate_arn = "www.example.com"
  }

  expect_failures = [var.zone_id, var.certificate_arn]
}

run "a_name_that_no_certificate_takes" {
  command = plan

  variables {
    zone_id         = "Z0123456789ABCDEFGHIJ"
    certificate_arn = null
    domain_name     = "a-name-that-is-longer-than-what-a-certificate-takes.of-the.shop.example.com"
  }

  expect_failures = [var.domain_name]
}

run "a_bad_strategy_of_a_service" {
  command = plan

  variables {
    services = { web = { port = 8080, deployment = { strategy = "instant" } } }
  }

  expect_failures = [var.services]
}

run "a_bad_share_of_a_service" {
  command = plan

  variables {
    services = { web = { port = 8080, deployment = { strategy = "canary", percent = 1 } } }
  }

  expect_failures = [var.services]
}

run "a_deployment_longer_than_a_rollout_may_be" {
  command = plan

  variables {
    services = { web = { port = 8080, deployment = { strategy = "linear", percent = 10, pause_at = ["PRE_PRODUCTION_TRAFFIC_SHIFT"], pause_minutes = 70 } } }
  }

  expect_failures = [var.services]
}

run "a_bad_pause_of_a_service" {
  command = plan

  variables {
    services = { web = { port = 8080, deployment = { strategy = "canary", pause_at = ["PRODUCTION_TRAFFIC_SHIFT"] } } }
  }

  expect_failures = [var.services]
}

run "a_bad_capacity_of_a_database" {
  command = plan

  variables {
    database = { serverless = { max_capacity = 0.5 } }
  }

  expect_failures = [var.database]
}
