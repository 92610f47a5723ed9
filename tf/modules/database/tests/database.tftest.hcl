mock_provider "aws" {
  mock_resource "aws_rds_cluster" {
    defaults = {
      engine_version_actual = "17.4"
      endpoint              = "lusab-babad.cluster-c0123456789a.eu-west-1.rds.amazonaws.com"
      master_user_secret    = [{ secret_arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:rds!cluster-0a1b2c3d-AbCdEf" }]
    }
  }

  mock_resource "aws_db_instance" {
    defaults = {
      engine_version_actual = "17.4"
      address               = "lusab-babad.c0123456789a.eu-west-1.rds.amazonaws.com"
      master_user_secret    = [{ secret_arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:rds!db-0a1b2c3d-AbCdEf" }]
    }
  }
}

variables {
  name       = "lusab-babad"
  engine     = "postgres"
  vpc_id     = "vpc-0123456789abcdef0"
  subnet_ids = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
  clients    = { tasks = "sg-0123456789abcdef0" }
}

# Plans of new databases; what follows is one that lives.
run "mysql_from_a_snapshot" {
  command = plan

  variables {
    engine                = "mysql"
    snapshot              = "before-2"
    max_allocated_storage = 20
    final_snapshot        = false
  }

  assert {
    condition     = aws_db_instance.this[0].snapshot_identifier == "before-2" && aws_db_instance.this[0].max_allocated_storage == null && aws_db_instance.this[0].final_snapshot_identifier == null
    error_message = "It begins with what was in the snapshot, and keeps its size."
  }

  assert {
    condition     = aws_db_parameter_group.this[0].family == "mysql8.4" && aws_db_parameter_group.this[0].name == "lusab-babad-mysql8-4" && output.port == 3306
    error_message = "Engine and version go together."
  }
}

run "the_default_names_of_rds_are_accepted" {
  command = plan

  variables {
    username = "postgres"
  }

  assert {
    condition     = aws_db_instance.this[0].username == "postgres"
    error_message = "It is what RDS calls the first user of PostgreSQL."
  }
}

run "admin_is_the_first_user_of_mysql" {
  command = plan

  variables {
    engine   = "mysql"
    username = "admin"
  }

  assert {
    condition     = aws_db_instance.this[0].username == "admin"
    error_message = "It is what RDS calls the first user of MySQL."
  }
}

run "an_old_version_with_extended_support" {
  command = plan

  variables {
    engine           = "mysql"
    engine_version   = "8.0"
    extended_support = true
  }

  assert {
    condition     = aws_db_instance.this[0].engine_lifecycle_support == "open-source-rds-extended-support" && aws_db_instance.this[0].engine_version == "8.0"
    error_message = "What was asked for with its price is made."
  }
}

run "an_old_version_names_its_price" {
  command = plan

  variables {
    engine         = "mysql"
    engine_version = "8.0"
  }

  expect_failures = [var.engine_version]
}

run "only_the_tasks_reach_it" {
  assert {
    condition     = !aws_db_instance.this[0].publicly_accessible && toset(aws_db_subnet_group.this.subnet_ids) == toset(var.subnet_ids)
    error_message = "It has no public address."
  }

  assert {
    condition = alltrue([
      for rule in aws_vpc_security_group_ingress_rule.clients :
      rule.cidr_ipv4 == null && rule.cidr_ipv6 == null && rule.referenced_security_group_id == var.clients.tasks && rule.from_port == 5432 && rule.to_port == 5432
    ]) && length(aws_vpc_security_group_ingress_rule.clients) == 1
    error_message = "It is reached from the security groups of its clients, on its own port."
  }

  assert {
    condition     = one([for parameter in aws_db_parameter_group.this[0].parameter : parameter.value if parameter.name == "rds.force_ssl"]) == "1"
    error_message = "Connections without TLS are refused."
  }
}

run "nothing_of_it_is_lost" {
  variables {
    deletion_protection = true
  }

  assert {
    condition     = aws_db_instance.this[0].storage_encrypted && aws_db_instance.this[0].backup_retention_period == 7 && aws_db_instance.this[0].deletion_protection
    error_message = "It is encrypted, backed up, and protected where that was asked for."
  }

  assert {
    condition     = !aws_db_instance.this[0].skip_final_snapshot && can(regex("^lusab-babad-final-[0-9]{14}$", aws_db_instance.this[0].final_snapshot_identifier))
    error_message = "A last snapshot is taken, of a name that no other has."
  }
}

run "its_password_is_a_reference" {
  assert {
    condition     = aws_db_instance.this[0].manage_master_user_password && nonsensitive(aws_db_instance.this[0].password == null)
    error_message = "RDS makes the password, and no state has it."
  }

  assert {
    condition     = output.password_arn == "arn:aws:secretsmanager:eu-west-1:111122223333:secret:rds!db-0a1b2c3d-AbCdEf:password::"
    error_message = "A task definition refers to the key of the secret."
  }

  assert {
    condition     = aws_secretsmanager_secret_rotation.this.rotation_rules[0].automatically_after_days == 1000 && !aws_secretsmanager_secret_rotation.this.rotate_immediately
    error_message = "It does not change under running tasks."
  }
}

run "bad_values" {
  command = plan

  variables {
    name                  = "lusab--babad"
    engine                = "oracle"
    instance_class        = "t4g.micro"
    allocated_storage     = 10
    backup_retention_days = 0
    database_name         = "1db"
    maintenance_window    = "sunday"
    backup_window         = "at night"
    parameters            = { "rds.force_ssl" = "0" }
    subnet_ids            = ["subnet-0123456789abcdef0"]
  }

  expect_failures = [
    var.name, var.engine, var.instance_class, var.allocated_storage, var.backup_retention_days, var.database_name,
    var.subnet_ids, var.maintenance_window, var.backup_window, var.parameters,
  ]
}

run "bad_values_next_to_good_ones" {
  command = plan

  variables {
    engine_version        = "8.4"
    max_allocated_storage = 10
  }

  expect_failures = [var.engine_version, var.max_allocated_storage]
}

run "reserved_names_are_refused_before_rds_refuses_them" {
  command = plan

  variables {
    username              = "admin"
    allocated_storage     = 95
    max_allocated_storage = 100
  }

  expect_failures = [var.username, var.max_allocated_storage]
}

run "no_charge_for_extended_support_without_asking" {
  command = plan

  assert {
    condition     = aws_db_instance.this[0].engine_lifecycle_support == "open-source-rds-extended-support-disabled"
    error_message = "RDS would enrol the database by itself, and charge for it."
  }
}

run "a_live_database" {
  assert {
    condition     = terraform_data.made_with.output.engine == "postgres"
    error_message = "What it was made with is remembered."
  }
}

run "another_engine_would_be_an_empty_database" {
  command = plan

  variables {
    engine = "mysql"
  }

  expect_failures = [terraform_data.made_with]
}

run "another_name_would_be_an_empty_database" {
  command = plan

  variables {
    database_name = "shop"
  }

  expect_failures = [terraform_data.made_with]
}

run "another_user_would_be_an_empty_database" {
  command = plan

  variables {
    username = "shop"
  }

  expect_failures = [terraform_data.made_with]
}

run "a_major_version_does_not_wait_for_the_window" {
  command = plan

  variables {
    engine_version = "18"
  }

  expect_failures = [aws_db_instance.this]
}

run "a_major_version_at_once" {
  command = plan

  variables {
    engine_version    = "18"
    apply_immediately = true
  }

  assert {
    condition     = aws_db_instance.this[0].engine_version == "18"
    error_message = "The old parameter group goes when the database has left it."
  }
}

run "logs_are_kept_for_as_long_as_the_stack_says" {
  command = plan

  variables {
    log_exports        = true
    log_retention_days = 7
    parameters         = { log_min_duration_statement = "500" }
  }

  assert {
    condition     = aws_cloudwatch_log_group.this["postgresql"].retention_in_days == 7 && aws_db_instance.this[0].enabled_cloudwatch_logs_exports == toset(["postgresql", "upgrade"])
    error_message = "RDS would make a group that is kept for ever."
  }

  assert {
    condition     = toset([for parameter in aws_db_parameter_group.this[0].parameter : parameter.name]) == toset(["rds.force_ssl", "log_min_duration_statement"])
    error_message = "A parameter more takes none away."
  }
}

run "windows_and_another_version" {
  command = plan

  variables {
    maintenance_window = "sun:04:00-sun:05:00"
    backup_window      = "02:00-03:00"
    apply_immediately  = true
    extended_support   = true
    engine_version     = "18"
  }

  assert {
    condition     = aws_db_instance.this[0].maintenance_window == "sun:04:00-sun:05:00" && aws_db_instance.this[0].backup_window == "02:00-03:00"
    error_message = "RDS restarts and backs up the database in its windows."
  }

  assert {
    condition     = aws_db_instance.this[0].apply_immediately && aws_db_instance.this[0].engine_version == "18"
    error_message = "Another major version does not wait for the window."
  }
}

run "a_serverless_database_would_be_an_empty_one" {
  command = plan

  variables {
    serverless = {}
  }

  expect_failures = [terraform_data.made_with]
}

run "a_serverless_database_pauses_at_zero" {
  state_key = "serverless"

  variables {
    serverless  = {}
    multi_az    = true
    log_exports = true
  }

  assert {
    condition = (
      aws_rds_cluster.this[0].serverlessv2_scaling_configuration[0].min_capacity == 0 && aws_rds_cluster.this[0].serverlessv2_scaling_configuration[0].max_capacity == 4
      && aws_rds_cluster.this[0].serverlessv2_scaling_configuration[0].seconds_until_auto_pause == 300
    )
    error_message = "Without connections it costs its storage alone."
  }

  assert {
    condition = (
      aws_rds_cluster.this[0].engine == "aurora-postgresql" && aws_rds_cluster_parameter_group.this[0].family == "aurora-postgresql17"
      && one([for parameter in aws_rds_cluster_parameter_group.this[0].parameter : parameter.value if parameter.name == "rds.force_ssl"]) == "1"
    )
    error_message = "Connections without TLS are refused."
  }

  assert {
    condition = (
      aws_rds_cluster.this[0].storage_encrypted && aws_rds_cluster.this[0].backup_retention_period == 7 && !aws_rds_cluster.this[0].skip_final_snapshot
      && aws_rds_cluster.this[0].manage_master_user_password && aws_rds_cluster.this[0].engine_lifecycle_support == "open-source-rds-extended-support-disabled"
    )
    error_message = "It is encrypted, backed up, and keeps its password to itself, as an instance does."
  }

  assert {
    condition     = length(aws_rds_cluster_instance.this) == 2 && alltrue([for instance in aws_rds_cluster_instance.this : instance.instance_class == "db.serverless" && !instance.publicly_accessible])
    error_message = "A reader in another zone takes over."
  }

  assert {
    condition     = output.contract == { kind = "rds-cluster", id = "lusab-babad" } && output.host == "lusab-babad.cluster-c0123456789a.eu-west-1.rds.amazonaws.com" && strcontains(output.password_arn, "rds!cluster-")
    error_message = "Releases take snapshots of the cluster, and tasks find it."
  }

  assert {
    condition     = length(aws_db_instance.this) == 0 && keys(aws_cloudwatch_metric_alarm.this) == ["capacity"] && aws_cloudwatch_log_group.this["postgresql"].name == "/aws/rds/cluster/lusab-babad/postgresql"
    error_message = "There is no instance besides, and its alarm and logs are those of a cluster."
  }
}

run "an_instance_would_be_an_empty_database" {
  command   = plan
  state_key = "serverless"

  expect_failures = [terraform_data.made_with]
}

run "a_major_version_of_a_cluster_does_not_wait_for_the_window" {
  command   = plan
  state_key = "serverless"

  variables {
    serverless     = {}
    engine_version = "16"
  }

  expect_failures = [aws_rds_cluster.this]
}

run "a_bad_capacity" {
  command = plan

  variables {
    serverless = { min_capacity = 0.3 }
  }

  expect_failures = [var.serverless]
}

run "what_a_serverless_database_does_not_have" {
  command = plan

  variables {
    serverless           = { min_capacity = 1 }
    performance_insights = true
  }

  expect_failures = [var.serverless]
}

run "a_version_that_aurora_does_not_have" {
  command   = plan
  state_key = "serverless"

  variables {
    serverless     = {}
    engine_version = "18"
  }

  expect_failures = [var.engine_version]
}
