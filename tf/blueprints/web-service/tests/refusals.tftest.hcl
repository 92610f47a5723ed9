# Each validation refuses its bad value. A run holds bad values of many variables, so there are as many runs as the variable with the most
# validations has; a validation that refers to another variable does not run if that one is invalid, hence the groups.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  zone_id = "Z0123456789ABCDEFGHIJ"
}

run "the_first_bad_value" {
  command = plan

  variables {
    services             = { Web = { port = 8080 } }
    architecture         = "MIPS"
    environment          = { "1ST" = "x" }
    environment_names    = { DATABASE = "DB" }
    secrets              = { STRIPE = "sk_live_1" }
    primary_set          = "c"
    database             = { engine = "oracle" }
    redis                = { engine = "memcached" }
    network              = { vpc_id = "10.0.0.0/16", private_subnet_ids = ["subnet-0", "subnet-1"], public_subnet_ids = ["subnet-2", "subnet-3"] }
    cidr_block           = "10.0.0.0/8"
    zones                = 1
    nat                  = "double"
    idle_timeout         = 0
    kms_key_arn          = "alias/shop"
    allowed_cidr_blocks  = ["anywhere"]
    web_acl_arn          = "acl"
    access_log_bucket    = "Logs"
    image_repositories   = ["team/web"]
    permissions_boundary = "slipway-environment-production"
    alarms               = { email = "team" }
  }

  expect_failures = [var.services, var.architecture, var.environment, var.environment_names, var.secrets, var.primary_set, var.database, var.redis, var.network, var.cidr_block, var.zones, var.nat, var.idle_timeout, var.kms_key_arn, var.allowed_cidr_blocks, var.web_acl_arn, var.access_log_bucket, var.image_repositories, var.permissions_boundary, var.alarms]
}

run "the_second_bad_value" {
  command = plan

  variables {
    services          = { web = { port = 8080, cpu = 256, memory = 4096 } }
    environment_names = { DATABASE_HOST = "DB", REDIS_HOST = "DB" }
    secrets           = { "1ST" = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:stripe-AbCdEf" }
    database          = { engine_version = "13" }
    redis             = { node_type = "t4g.micro" }
    network           = { vpc_id = "vpc-0", private_subnet_ids = ["subnet-0"], public_subnet_ids = ["subnet-2", "subnet-3"] }
    alarms            = { topic_arns = ["alarms"] }
  }

  expect_failures = [var.services, var.environment_names, var.secrets, var.database, var.redis, var.network, var.alarms]
}

run "the_third_bad_value" {
  command = plan

  variables {
    services = { web = { port = 70000 } }
    database = { instance_class = "t4g.micro" }
    redis    = { replicas = 6 }
  }

  expect_failures = [var.services, var.database, var.redis]
}

run "the_fourth_bad_value" {
  command = plan

  variables {
    services = { web = { port = 8080 }, other = { port = 8081 } }
    database = { allocated_storage = 10 }
    redis    = { password_version = 0 }
  }

  expect_failures = [var.services, var.database, var.redis]
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
    database = { name = "1db" }
  }

  expect_failures = [var.services, var.database]
}

run "the_seventh_bad_value" {
  command = plan

  variables {
    services = { web = { port = 8080, hosts = ["https://www.example.com"] } }
    database = { username = "admin" }
  }

  expect_failures = [var.services, var.database]
}

run "the_eighth_bad_value" {
  command = plan

  variables {
    services = { web = { port = 8080, count = 1.5 } }
  }

  expect_failures = [var.services]
}

run "the_ninth_bad_value" {
  command = plan

  variables {
    services = { web = { port = 8080, scaling = { min = 0, max = 2 } } }
  }

  expect_failures = [var.services]
}

run "the_tenth_bad_value" {
  command = plan

  variables {
    services = { web = { port = 8080 }, inner = { port = 8081, public = false, scaling = { min = 1, max = 2, requests_per_task = 100 } } }
  }

  expect_failures = [var.services]
}

run "the_eleventh_bad_value" {
  command = plan

  variables {
    services = { web = { port = 8080, stop_timeout = 300 } }
  }

  expect_failures = [var.services]
}

run "the_twelfth_bad_value" {
  command = plan

  variables {
    services = { web = { port = 8080, health_status = 500 } }
  }

  expect_failures = [var.services]
}

run "the_thirteenth_bad_value" {
  command = plan

  variables {
    services = { web = { port = 8080, priority = 0 } }
  }

  expect_failures = [var.services]
}

run "first_bad_value_of_cross_variable_rules" {
  command = plan

  variables {
    workers      = { web = {} }
    domain_name  = "https://www.example.com/"
    side_by_side = { weight = 101 }
    bastion      = true
  }

  expect_failures = [var.workers, var.domain_name, var.side_by_side, var.bastion]
}

run "second_bad_value_of_cross_variable_rules" {
  command = plan

  variables {
    workers      = { w0 = {}, w1 = {}, w2 = {}, w3 = {}, w4 = {}, w5 = {}, w6 = {}, w7 = {}, w8 = {}, w9 = {} }
    side_by_side = { snapshot = "before-2" }
  }

  expect_failures = [var.workers, var.side_by_side]
}

run "third_bad_value_of_cross_variable_rules" {
  command = plan

  variables {
    workers = { mailer = { cpu = 512, memory = 512 } }
  }

  expect_failures = [var.workers]
}

run "fourth_bad_value_of_cross_variable_rules" {
  command = plan

  variables {
    workers = { mailer = { min = 3, max = 2 } }
  }

  expect_failures = [var.workers]
}

run "fifth_bad_value_of_cross_variable_rules" {
  command = plan

  variables {
    workers = { mailer = { max_receives = 0 } }
  }

  expect_failures = [var.workers]
}

run "sixth_bad_value_of_cross_variable_rules" {
  command = plan

  variables {
    workers = { mailer = { stop_timeout = 1 } }
  }

  expect_failures = [var.workers]
}

run "the_first_bad_value_of_commands_and_secrets" {
  command = plan

  variables {
    generated_secrets  = { "1ST" = {} }
    migrations         = [{ name = "migrate", service = "missing", command = ["x"] }]
    tasks              = { admin = { service = "missing", command = ["x"] } }
    schedules          = { nightly = { expression = "every day", command = ["x"] } }
    log_retention_days = 31
    files              = { version_days = 0 }
    email              = { domain = "Example.com/" }
  }

  expect_failures = [var.generated_secrets, var.migrations, var.tasks, var.schedules, var.log_retention_days, var.files, var.email]
}

run "the_second_bad_value_of_commands_and_secrets" {
  command = plan

  variables {
    generated_secrets = { KEY = { length = 8 } }
    migrations        = [{ name = "migrate", command = [] }]
    tasks             = { admin = { command = ["x"], timeout_seconds = 0 } }
    schedules         = { nightly = { expression = "rate(1 day)", service = "missing", command = ["x"] } }
    files             = { backup_service = "missing" }
  }

  expect_failures = [var.generated_secrets, var.migrations, var.tasks, var.schedules, var.files]
}

run "the_third_bad_value_of_commands_and_secrets" {
  command = plan

  variables {
    environment       = { LEVEL = "info" }
    generated_secrets = { LEVEL = {} }
    migrations        = [{ name = "migrate", command = ["x"] }, { name = "migrate", command = ["y"] }]
    tasks             = { "load-dump" = { command = ["x"] } }
    schedules         = { nightly = { expression = "rate(1 day)", command = [] } }
    files             = { backup_seconds = 0 }
  }

  expect_failures = [var.generated_secrets, var.migrations, var.tasks, var.schedules, var.files]
}

run "the_fourth_bad_value_of_commands_and_secrets" {
  command = plan

  variables {
    schedules = { "nightly-b" = { expression = "rate(1 day)", command = ["x"] } }
    files     = { cors_origins = ["www.example.com/page"] }
  }

  expect_failures = [var.schedules, var.files]
}

run "a_name_without_zone_and_a_dump_of_no_known_kind" {
  command = plan

  variables {
    domain_name = "www.example.com"
    zone_id     = null
    database    = {}
    dump        = { key = "first.tar", bucket = "dumps" }
  }

  expect_failures = [var.domain_name, var.dump, check.https]
}

run "a_certificate_without_a_name_and_a_dump_without_a_database" {
  command = plan

  variables {
    certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/0a1b2c3d"
    zone_id         = null
    dump            = { key = "first.sql", bucket = "dumps" }
  }

  expect_failures = [var.domain_name, var.dump]
}

run "mail_without_a_domain_and_a_dump_without_a_bucket" {
  command = plan

  variables {
    email    = {}
    zone_id  = null
    database = {}
    dump     = { key = "first.sql" }
  }

  expect_failures = [var.email, var.dump, check.https]
}

run "unknown_secret_and_dump_for_unknown_service" {
  command = plan

  variables {
    services = { web = { port = 8080, secrets = ["MISSING"] } }
    database = {}
    dump     = { key = "first.sql", bucket = "dumps", service = "missing" }
  }

  expect_failures = [var.generated_secrets, var.dump]
}

run "a_dump_of_another_engine" {
  command = plan

  variables {
    dump     = { key = "first.dump", bucket = "dumps" }
    database = { engine = "mysql" }
  }

  expect_failures = [var.dump]
}

run "a_dump_without_time" {
  command = plan

  variables {
    dump     = { key = "first.sql", bucket = "dumps", timeout_seconds = 0 }
    database = {}
  }

  expect_failures = [var.dump]
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
    services = { web = { port = 8080, protocol = "grpc" } }
    zone_id  = null
  }

  expect_failures = [var.services, check.https]
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

run "a_bad_spot_of_a_service" {
  command = plan

  variables {
    services = { web = { port = 8080, spot_base = 0.5 } }
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

run "a_bad_policy_of_a_service" {
  command = plan

  variables {
    services = { web = { port = 8080, policies = { files = "read" } } }
  }

  expect_failures = [var.services]
}

run "a_bad_scaling_of_a_service" {
  command = plan

  variables {
    services = { web = { port = 8080, scaling = { min = 1, max = 2, memory_percent = 95 } } }
  }

  expect_failures = [var.services]
}

run "a_bad_policy_of_a_worker" {
  command = plan

  variables {
    workers = { mailer = { policies = { send = "mail" } } }
  }

  expect_failures = [var.workers]
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
    domain_name = "a-name-that-is-longer-than-what-a-certificate-takes.of-the.shop.example.com"
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

run "two_sets_of_a_canary" {
  command = plan

  variables {
    services     = { web = { port = 8080, deployment = { strategy = "canary" } } }
    side_by_side = { weight = 10 }
  }

  expect_failures = [var.side_by_side]
}

run "a_bus_without_an_account" {
  command = plan

  variables {
    slipway_bus_arn = "slipway"
  }

  expect_failures = [var.slipway_bus_arn]
}

run "a_bad_capacity_of_a_database" {
  command = plan

  variables {
    database = { serverless = { max_capacity = 0.5 } }
  }

  expect_failures = [var.database]
}

run "a_bad_user_of_the_application" {
  command = plan

  variables {
    database = { application_user = { name = "root", owners = ["web"] } }
  }

  expect_failures = [var.database]
}

run "a_migration_that_may_not_change_the_schema" {
  command = plan

  variables {
    services   = { web = { port = 8080 }, schema = { count = 0 } }
    migrations = [{ name = "migrate", service = "web", command = ["./app", "migrate"] }]
    database   = { application_user = { owners = ["schema"] } }
    zone_id    = "Z0123456789ABCDEFGHIJ"
  }

  expect_failures = [aws_secretsmanager_secret.application_user]
}

run "an_owner_that_is_not_there" {
  command = plan

  variables {
    database = { application_user = { owners = ["schema"] } }
    zone_id  = "Z0123456789ABCDEFGHIJ"
  }

  expect_failures = [aws_secretsmanager_secret.application_user]
}

run "a_dump_that_may_not_change_the_schema" {
  command = plan

  variables {
    services = { web = { port = 8080 }, schema = { count = 0 } }
    database = { application_user = { owners = ["schema"] } }
    files    = {}
    dump     = { key = "first.sql" }
  }

  expect_failures = [var.dump]
}
