# What has to be true of a stack. The workspace of tests is `default`; a stack's id has eleven characters.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "a_stack_by_default" {
  # It says that it is reached by plain HTTP.
  expect_failures = [check.https]

  assert {
    condition     = keys(output.slipway.services) == ["web"] && output.slipway.services.web.name == "default-web" && output.slipway.services.web.desired_count == 2
    error_message = "There is one service, named after the stack, and a release gives it two tasks."
  }

  assert {
    condition     = output.slipway.database == null && output.slipway.migrations == [] && length(output.slipway.tasks) == 0 && length(output.slipway.schedules) == 0 && output.slipway.backups == []
    error_message = "What was not asked for is not there."
  }

  assert {
    condition     = output.slipway.endpoints.web == "http://default-1.eu-west-1.elb.amazonaws.com" && output.slipway.health.url == "http://default-1.eu-west-1.elb.amazonaws.com/healthz"
    error_message = "Without a zone, the stack is reached by the load balancer's own name."
  }

  assert {
    condition     = output.slipway.network.assign_public_ip == false && output.slipway.network.subnets == module.network[0].private_subnet_ids
    error_message = "Tasks are in private subnets, without public addresses."
  }
}

run "nothing_public_that_should_not_be" {
  variables {
    services = {
      web     = { port = 8080 }
      backend = { port = 9000, paths = ["/api/*"] }
      private = { port = 9100, public = false }
    }
    zone_id  = "Z0123456789ABCDEFGHIJ"
    database = {}
    redis    = {}
    files    = {}
    bastion  = true
  }

  assert {
    condition = alltrue([
      for rule in concat(
        values(aws_vpc_security_group_ingress_rule.tasks_from_load_balancer), values(aws_vpc_security_group_ingress_rule.tasks_from_tasks),
        aws_vpc_security_group_ingress_rule.redis[*],
      ) : rule.cidr_ipv4 == null && rule.cidr_ipv6 == null && rule.referenced_security_group_id != null
    ])
    error_message = "Tasks and cache are reached by security groups of the stack, never by addresses."
  }

  assert {
    condition     = toset(keys(aws_vpc_security_group_ingress_rule.tasks_from_load_balancer)) == toset(["8080", "9000"]) && toset(keys(module.load_balancer.target_group_arns)) == toset(["web", "backend"])
    error_message = "What is not public is not behind the load balancer."
  }

  assert {
    condition     = aws_instance.bastion[0].associate_public_ip_address == false && aws_instance.bastion[0].metadata_options[0].http_tokens == "required" && aws_instance.bastion[0].root_block_device[0].encrypted
    error_message = "The bastion has no public address, and an encrypted disk."
  }

  assert {
    condition = alltrue([
      for block in aws_s3_bucket_public_access_block.this :
      block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets
    ]) && length(aws_s3_bucket_public_access_block.this) == 2
    error_message = "No bucket can be made public."
  }

  assert {
    condition     = aws_elasticache_replication_group.this[0].transit_encryption_enabled && tobool(aws_elasticache_replication_group.this[0].at_rest_encryption_enabled)
    error_message = "The cache is encrypted, on the way too."
  }

  assert {
    condition     = !aws_s3_bucket.files[0].force_destroy
    error_message = "Files prevent a destroy unless their deletion is allowed."
  }

  assert {
    condition     = output.slipway.notes["files"] == aws_s3_bucket.files[0].bucket
    error_message = "The notes say in which bucket the files are."
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
    condition     = output.slipway.endpoints == { web = "https://default.example.com", admin = "https://admin.example.com" }
    error_message = "People open the stack by its names."
  }
}

run "https_by_a_given_certificate" {
  variables {
    domain_name     = "www.example.org"
    certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/0a1b2c3d-0a1b-2c3d-4e5f-ffffffffffff"
  }

  assert {
    condition     = output.slipway.health.url == "https://www.example.org/healthz"
    error_message = "The stack is reached by the given name."
  }
}

run "names_are_the_stack_s_and_short_enough" {
  variables {
    # As long as names may be.
    services          = { "a-service-of-20-lett" = { port = 8080 } }
    workers           = { "a-worker-of-20-lette" = {} }
    schedules         = { "a-schedule-of-thirty-eight-letters-abc" = { expression = "rate(1 day)", service = "a-service-of-20-lett", command = ["tick"] } }
    database          = {}
    redis             = {}
    side_by_side      = { snapshot = "before-2" }
    zone_id           = "Z0123456789ABCDEFGHIJ"
    files             = { backup_service = "a-service-of-20-lett" }
    bastion           = true
    alarms            = { email = "team@example.com" }
    generated_secrets = { APP_KEY = {} }
  }

  assert {
    condition = alltrue([
      for name in concat(
        [aws_ecs_cluster.this.name, aws_scheduler_schedule_group.this[0].name, aws_sqs_queue.missed[0].name, aws_sns_topic.alarms[0].name],
        [aws_elasticache_replication_group.this[0].replication_group_id, aws_elasticache_subnet_group.this[0].name],
        [aws_security_group.tasks.name, aws_security_group.bastion[0].name, aws_security_group.redis[0].name],
        [aws_iam_role.scheduler[0].name, aws_iam_role.bastion[0].name, aws_iam_instance_profile.bastion[0].name],
        [for namespace in aws_service_discovery_http_namespace.this : namespace.name],
        [for service in output.slipway.services : service.name],
        [for schedule in output.slipway.schedules : schedule.name],
        [for alarm in aws_cloudwatch_metric_alarm.load_balancer : alarm.alarm_name],
      ) : startswith(name, "default") && length(name) - length("default") + 11 <= 64
    ])
    error_message = "Everything is named after the stack, and no name is too long for AWS."
  }

  assert {
    condition     = length(aws_elasticache_replication_group.this[0].replication_group_id) - length("default") + 11 <= 40
    error_message = "A cache's name has at most 40 characters."
  }

  assert {
    condition     = alltrue([for prefix in concat(aws_s3_bucket.files[*].bucket_prefix, aws_s3_bucket.backups[*].bucket_prefix) : length(prefix) - length("default") + 11 <= 37])
    error_message = "A bucket's prefix has at most 37 characters."
  }

  assert {
    condition     = alltrue([for name, service in output.slipway.services : can(regex("^[a-z][a-z0-9-]{0,39}$", name))])
    error_message = "A name in the contract has at most 40 characters."
  }
}

run "secrets_are_references" {
  variables {
    services = {
      web    = { port = 8080 }
      public = { port = 8081, paths = ["/public/*"], secrets = [] }
    }
    workers           = { mailer = { secrets = ["APP_KEY"] } }
    database          = {}
    redis             = {}
    secrets           = { STRIPE = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:stripe-AbCdEf:key::" }
    generated_secrets = { APP_KEY = {}, ADMIN_PASSWORD = { length = 24, version = 2 } }
    environment_names = { DATABASE_PASSWORD = "DB_PASSWORD" }
    zone_id           = "Z0123456789ABCDEFGHIJ"
  }

  assert {
    condition = alltrue(flatten([
      for service in output.slipway.services : [
        for container in service.task_definition.containerDefinitions : [
          for secret in container.secrets : startswith(secret.valueFrom, "arn:aws:secretsmanager:")
        ]
      ]
    ]))
    error_message = "A task definition refers to secrets, and holds none."
  }

  assert {
    condition = (
      [for secret in output.slipway.services.web.task_definition.containerDefinitions[0].secrets : secret.name]
      == ["ADMIN_PASSWORD", "APP_KEY", "DB_PASSWORD", "REDIS_PASSWORD", "STRIPE"]
      && [for secret in output.slipway.services.mailer.task_definition.containerDefinitions[0].secrets : secret.name] == ["APP_KEY", "DB_PASSWORD", "REDIS_PASSWORD"]
      && [for secret in output.slipway.services.public.task_definition.containerDefinitions[0].secrets : secret.name] == ["DB_PASSWORD", "REDIS_PASSWORD"]
    )
    error_message = "A service gets all secrets, or those that it names; passwords under the name that the application has for them."
  }

  assert {
    condition = alltrue(flatten([
      for service in output.slipway.services : [
        for variable in service.task_definition.containerDefinitions[0].environment : !strcontains(variable.name, "PASSWORD")
      ]
    ]))
    error_message = "No password is an ordinary environment variable."
  }

  assert {
    condition = alltrue([
      for version in concat(values(aws_secretsmanager_secret_version.generated), aws_secretsmanager_secret_version.redis[*]) :
      nonsensitive(version.secret_string == null) && version.secret_string_wo_version >= 1
    ])
    error_message = "Generated values are written and never kept: they are in no state."
  }

  assert {
    condition     = nonsensitive(aws_elasticache_replication_group.this[0].auth_token == null) && aws_elasticache_replication_group.this[0].auth_token_wo_version == 1
    error_message = "The cache's password is in no state."
  }
}

run "workers_and_schedules_get_what_the_contract_says" {
  variables {
    services = {
      web       = { port = 8080, scaling = { min = 2, max = 6, requests_per_task = 500 } }
      scheduler = { count = 0, log_retention = 3 }
    }
    workers    = { mailer = { command = ["./app", "work"], max = 5, backlog_per_task = 20, quiesce = true }, reports = { min = 1, max = 2 } }
    migrations = [{ name = "migrate", command = ["./app", "migrate"], timeout_seconds = 60 }]
    tasks      = { createsuperuser = { command = ["./app", "createsuperuser"] } }
    schedules  = { nightly = { expression = "cron(0 3 * * ? *)", service = "scheduler", command = ["./app", "nightly"], quiesce = true } }
    database   = {}
    files      = {}
    dump       = { key = "dumps/first.sql.gz" }
    zone_id    = "Z0123456789ABCDEFGHIJ"
  }

  assert {
    condition = (
      output.slipway.services.mailer.scaling == { min = 0, max = 5 } && output.slipway.services.mailer.desired_count == 1
      && output.slipway.services.reports.scaling == { min = 1, max = 2 } && output.slipway.services.web.scaling == { min = 2, max = 6 }
      && !can(output.slipway.services.scheduler.scaling) && output.slipway.services.scheduler.desired_count == 0
    )
    error_message = "Who has an autoscaler says so; the others have the count that was asked for."
  }

  assert {
    condition = anytrue([
      for variable in output.slipway.services.mailer.task_definition.containerDefinitions[0].environment : variable.name == "QUEUE_URL"
      ]) && anytrue([
      for variable in output.slipway.services.web.task_definition.containerDefinitions[0].environment : variable.name == "QUEUE_URL_MAILER"
    ])
    error_message = "A worker knows its queue, and the others know it by the worker's name."
  }

  assert {
    condition     = aws_appautoscaling_target.service["web"].min_capacity == 2 && aws_appautoscaling_policy.requests["web"].target_tracking_scaling_policy_configuration[0].target_value == 500
    error_message = "A web service scales by its processor and its requests."
  }

  assert {
    condition = jsonencode(output.slipway.schedules) == jsonencode({ nightly = {
      name = "default-nightly", group = "default", service = "scheduler", command = ["./app", "nightly"], timeout_seconds = 900, quiesce = true
    } })
    error_message = "A release finds the schedule by name and group."
  }

  assert {
    condition     = output.slipway.services.mailer.quiesce && !can(output.slipway.services.reports.quiesce)
    error_message = "A worker that stops for migrations says so."
  }

  assert {
    condition     = jsonencode([for it in output.slipway.migrations : { name = it.name, service = it.service, command = it.command, timeout_seconds = it.timeout_seconds }]) == jsonencode([{ name = "migrate", service = "web", command = ["./app", "migrate"], timeout_seconds = 60 }])
    error_message = "Migrations are as they were asked for."
  }

  assert {
    condition = (
      tolist(output.slipway.tasks.createsuperuser.command) == tolist(["./app", "createsuperuser"])
      && slice(tolist(output.slipway.tasks.load-dump.command), 0, 2) == tolist(["sh", "-c"])
      && slice(tolist(output.slipway.tasks.load-dump.command), 5, 7) == tolist(["dumps/first.sql.gz", "postgres"])
    )
    error_message = "What differs between stacks are arguments of the script, never its text."
  }

  assert {
    condition     = sum([for task in values(output.slipway.tasks) : length(join("", task.command))]) < 8192 && length(join("", output.slipway.backups[0].command)) < 8192
    error_message = "ECS takes at most 8192 characters of overrides."
  }

  assert {
    condition     = output.slipway.database.kind == "rds-instance" && output.slipway.database.id == "default" && output.slipway.backups[0].name == "files"
    error_message = "A release with a snapshot finds the database, and copies the files."
  }

  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(aws_iam_role_policy.scheduler[0].policy).Statement : [for resource in statement.Resource : resource != "*"]
    ]))
    error_message = "The scheduler's role reaches the tasks of this stack alone."
  }
}

run "two_sets_side_by_side" {
  variables {
    services     = { web = { port = 8080 }, private = { port = 9100, public = false } }
    workers      = { mailer = {} }
    schedules    = { nightly = { expression = "rate(1 day)", command = ["./app", "nightly"] } }
    migrations   = [{ name = "migrate", command = ["./app", "migrate"] }]
    tasks        = { createsuperuser = { command = ["./app", "createsuperuser"] } }
    database     = {}
    zone_id      = "Z0123456789ABCDEFGHIJ"
    read_only    = true
    side_by_side = { snapshot = "before-2", weight = 10 }
  }

  assert {
    condition     = toset(keys(output.slipway.services)) == toset(["web", "private", "mailer", "web-b", "private-b", "mailer-b"])
    error_message = "Each service is there twice."
  }

  assert {
    condition     = toset(keys(module.load_balancer.target_group_arns)) == toset(["web", "web-b"])
    error_message = "The second set gets requests too."
  }

  assert {
    condition     = output.slipway.migrations[0].service == "web-b" && output.slipway.tasks.createsuperuser.service == "web" && keys(output.slipway.schedules) == ["nightly"] && output.slipway.database.id == "default"
    error_message = "Migrations run in the second set; tasks, schedules and snapshots belong to the first one."
  }

  assert {
    condition = (
      one([for variable in output.slipway.services.web.task_definition.containerDefinitions[0].environment : variable.value if variable.name == "READ_ONLY"]) == "true"
      && one([for variable in output.slipway.services.web-b.task_definition.containerDefinitions[0].environment : variable.value if variable.name == "READ_ONLY"]) == "false"
    )
    error_message = "The first set reads while the second one is changed."
  }

  assert {
    condition     = module.database["a"].id == "default" && module.database["b"].id == "default-b" && length(aws_service_discovery_http_namespace.this) == 2
    error_message = "Each set has a database, and finds its own services."
  }
}

run "the_second_set_alone" {
  variables {
    services    = { web = { port = 8080 } }
    schedules   = { nightly = { expression = "rate(1 day)", command = ["./app", "nightly"] } }
    migrations  = [{ name = "migrate", command = ["./app", "migrate"] }]
    database    = {}
    zone_id     = "Z0123456789ABCDEFGHIJ"
    primary_set = "b"
  }

  assert {
    condition     = keys(output.slipway.services) == ["web-b"] && output.slipway.migrations[0].service == "web-b" && output.slipway.schedules["nightly-b"].name == "default-nightly-b" && output.slipway.database.id == "default-b"
    error_message = "The set that stayed is all there is."
  }
}

run "a_given_network_and_few_who_may_connect" {
  # A stack stays in its network: this is another one.
  state_key = "given-network"

  variables {
    network = {
      vpc_id             = "vpc-0123456789abcdef0"
      private_subnet_ids = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
    }
    internal            = true
    allowed_cidr_blocks = ["10.0.0.0/8"]
    domain_name         = "intranet.example.com"
    certificate_arn     = "arn:aws:acm:eu-west-1:111122223333:certificate/0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f"
    deletion_protection = true
  }

  assert {
    condition     = length(module.network) == 0
    error_message = "No network is made."
  }

  assert {
    condition     = output.slipway.health == null
    error_message = "Slipway does not ask for the health of what it cannot reach."
  }
}

run "mail_from_a_domain_that_ses_knows" {
  variables {
    email   = { domain = "example.org", create_identity = false }
    zone_id = "Z0123456789ABCDEFGHIJ"
  }

  assert {
    condition     = length(aws_sesv2_email_identity.this) == 0 && length(aws_route53_record.dkim) == 0 && local.email_arn == "arn:aws:ses:eu-west-1:111122223333:identity/example.org"
    error_message = "An identity that is there already is not made again."
  }

  assert {
    condition     = jsondecode(local.email_policies.email).Statement[0].Condition.StringLike["ses:FromAddress"] == "*@example.org"
    error_message = "The application sends from the addresses of one domain."
  }
}

run "mail_from_a_domain_of_another_zone" {
  variables {
    email   = { domain = "example.org" }
    zone_id = "Z0123456789ABCDEFGHIJ"
  }

  assert {
    condition     = length(aws_route53_record.dkim) == 0 && strcontains(output.slipway.notes["email-records"], "one._domainkey.example.org CNAME one.dkim.amazonses.com")
    error_message = "The notes list the records to create."
  }
}

run "mail_from_the_stack_s_own_domain" {
  variables {
    email   = {}
    zone_id = "Z0123456789ABCDEFGHIJ"
  }

  assert {
    condition     = aws_sesv2_email_identity.this[0].email_identity == "default.example.com" && length(aws_route53_record.dkim) == 3 && toset(keys(aws_route53_record.email)) == toset(["bounce", "spf", "dmarc"])
    error_message = "The domain is signed, and its records are made."
  }
}

run "a_canary_shifts_requests_between_two_target_groups" {
  command = plan

  variables {
    services = {
      web = {
        port       = 3000
        deployment = { strategy = "canary", percent = 5, roll_back_on_alarm = true, pause_at = ["POST_SCALE_UP"] }
        scaling    = { min = 2, max = 6, requests_per_task = 500 }
      }
      api = { port = 8000, paths = ["/api/*"], scaling = { min = 2, max = 6, requests_per_task = 500 } }
    }
    zone_id = "Z0123456789ABCDEFGHIJ"
  }

  assert {
    condition     = keys(module.load_balancer.progressive_targets) == ["web"]
    error_message = "The rule of a canary is ECS's to change, the others are Terraform's."
  }

  assert {
    condition     = output.slipway.services.web.strategy.kind == "canary" && output.slipway.services.web.strategy.percent == 5 && !can(output.slipway.services.api.strategy)
    error_message = "A release knows how its requests go over."
  }

  assert {
    condition = { for key, policy in aws_appautoscaling_policy.requests : key => length(policy.target_tracking_scaling_policy_configuration[0].predefined_metric_specification) } == { api = 1, web = 0 } && length(
      aws_appautoscaling_policy.requests["web"].target_tracking_scaling_policy_configuration[0].customized_metric_specification
    ) == 1
    error_message = "The requests of both target groups count where a release moves the tasks from one to the other."
  }

  assert {
    condition     = toset([for key in keys(aws_cloudwatch_metric_alarm.load_balancer) : key if strcontains(key, "unhealthy")]) == toset(["green-unhealthy-web", "unhealthy-api", "unhealthy-web"])
    error_message = "Each target group that has tasks has an alarm."
  }
}

run "an_application_that_cannot_change_the_schema" {
  variables {
    services = {
      web    = { port = 8080 }
      schema = { count = 0 }
    }
    workers           = { mailer = {} }
    migrations        = [{ name = "migrate", service = "schema", command = ["./app", "migrate"] }]
    database          = { application_user = { owners = ["schema"] } }
    environment_names = { DATABASE_USER = "DB_USERNAME", DATABASE_PASSWORD = "DB_PASSWORD" }
    zone_id           = "Z0123456789ABCDEFGHIJ"
  }

  assert {
    condition = { for key, service in output.slipway.services : key => one([
      for variable in service.task_definition.containerDefinitions[0].environment : variable.value if variable.name == "DB_USERNAME"
    ]) } == { web = "application", mailer = "application", schema = "app" }
    error_message = "Only the owner connects as the owner."
  }

  assert {
    condition = { for key, service in output.slipway.services : key => sort([
      for secret in service.task_definition.containerDefinitions[0].secrets : secret.name
    ]) } == { web = tolist(["DB_PASSWORD"]), mailer = tolist(["DB_PASSWORD"]), schema = tolist(["APPLICATION_PASSWORD", "DB_PASSWORD"]) }
    error_message = "Only the owner, who makes the other user, knows both passwords."
  }

  assert {
    condition = (
      [for migration in output.slipway.migrations : "${migration.name} ${migration.service}"] == ["application-user schema", "migrate schema"]
      && slice(tolist(output.slipway.migrations[0].command), 4, 12) == tolist(["postgres", "DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME", "DB_USERNAME", "DB_PASSWORD", "APPLICATION_USER", "APPLICATION_PASSWORD"])
      && length(join("", output.slipway.migrations[0].command)) < 8192
    )
    error_message = "The user is there before the first migration that may name it."
  }

  assert {
    condition     = nonsensitive(aws_secretsmanager_secret_version.application_user["a"].secret_string == null) && aws_secretsmanager_secret_version.application_user["a"].secret_string_wo_version == 1
    error_message = "Its password is in no state."
  }
}

run "a_database_that_pauses" {
  command   = plan
  state_key = "serverless"

  variables {
    database = { serverless = {} }
    zone_id  = "Z0123456789ABCDEFGHIJ"
  }

  assert {
    condition     = output.slipway.database.kind == "rds-cluster"
    error_message = "Releases take snapshots of the cluster."
  }
}

run "spot_keeps_its_first_tasks_on_demand" {
  command = plan

  variables {
    services = {
      web     = { port = 8080, spot = true }
      reports = { spot = true, spot_base = 0 }
    }
    zone_id = "Z0123456789ABCDEFGHIJ"
  }

  assert {
    condition     = { for name, capacity in local.capacity.web : name => "${capacity.base} ${capacity.weight}" } == { FARGATE = "1 0", FARGATE_SPOT = "0 1" }
    error_message = "AWS may take all Spot tasks at once."
  }

  assert {
    condition     = join(" ", keys(local.capacity.reports)) == "FARGATE_SPOT"
    error_message = "A service without a base is on Spot alone."
  }

  assert {
    condition     = length(aws_service_discovery_http_namespace.this) == 0
    error_message = "One service that listens has no other to find: its tasks have no proxy."
  }
}

run "an_application_of_laravel_finds_its_queue" {
  command = plan

  variables {
    services          = { web = { port = 8080 } }
    workers           = { mail-out = {} }
    environment_names = { QUEUE_URL_MAIL_OUT = "SQS_QUEUE" }
    zone_id           = "Z0123456789ABCDEFGHIJ"
  }

  assert {
    condition     = contains(keys(local.environment["a"]), "SQS_QUEUE") && !contains(keys(local.environment["a"]), "QUEUE_URL_MAIL_OUT")
    error_message = "The queue of a worker has the application's own name."
  }
}

run "rotated_password_is_answered_by_a_release" {
  command = plan

  variables {
    database        = {}
    slipway_bus_arn = "arn:aws:events:eu-west-1:000011112222:event-bus/slipway"
    zone_id         = "Z0123456789ABCDEFGHIJ"
  }

  assert {
    condition     = length(module.rotation_release) == 1
    error_message = "Tasks read their secrets when they start."
  }
}
