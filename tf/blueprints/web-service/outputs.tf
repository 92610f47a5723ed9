locals {
  # Commands belong to the set that stays; migrations to the one that is released to, which is the second while there is one.
  commands_suffix   = module.sets.suffix[var.primary_set]
  migrations_suffix = module.sets.suffix[coalesce(module.sets.next, var.primary_set)]

  # The service that answers what is for no other: the stack's health is its health.
  front = one([for service in values(var.services) : service if service.port != null && service.public && length(service.paths) + length(service.hosts) == 0])

  # Slipway asks from outside.
  is_open = !var.internal && contains(var.allowed_cidr_blocks, "0.0.0.0/0")

  endpoints = {
    for name, service in var.services : name => join("", [
      length(service.hosts) > 0 && module.load_balancer.is_https ? "https://${service.hosts[0]}" : module.load_balancer.base_url,
      length(service.paths) > 0 ? trimsuffix(service.paths[0], "*") : "",
    ]) if service.port != null && service.public
  }
}

output "slipway" {
  description = "What the workflow needs to know to release to the stack."
  value = {
    endpoints = local.endpoints
    cluster   = aws_ecs_cluster.this.arn

    network = {
      subnets          = local.task_subnet_ids
      security_groups  = [aws_security_group.tasks.id]
      assign_public_ip = local.tasks_are_public
    }

    database = var.database == null ? null : module.database[var.primary_set].contract

    services = { for key, part in local.parts : key => part.contract }

    migrations = [for migration in local.migrations : merge(migration, {
      service = "${migration.service}${local.migrations_suffix}"
    })]

    compatible_with_previous = var.compatible_with_previous

    backups = [for backup in local.backups : merge(backup, { service = "${backup.service}${local.commands_suffix}" })]

    tasks = { for name, task in local.tasks : name => merge(task, { service = "${task.service}${local.commands_suffix}" }) }

    # The first set's while there are two; see schedules.tf.
    schedules = {
      for key, schedule in local.schedules : key => {
        name            = module.schedule[key].name
        group           = aws_scheduler_schedule_group.this[0].name
        service         = local.schedule_service[key]
        command         = schedule.command
        timeout_seconds = schedule.timeout_seconds
        quiesce         = schedule.quiesce
      } if schedule.set == var.primary_set
    }

    health = local.front == null || !local.is_open ? null : {
      url    = "${module.load_balancer.base_url}${local.front.health_path}"
      expect = local.front.health_status
    }

    notes = merge(
      { for set, command in local.bastion_commands : "bastion${module.sets.suffix[set]}" => command },
      {
        for set, database in module.database : "database-password${module.sets.suffix[set]}" =>
        "aws secretsmanager get-secret-value --region ${local.region} --secret-id ${database.secret_arn} --query SecretString --output text"
        if var.bastion
      },
      # Where people upload a dump, and find the application's files.
      { for bucket in aws_s3_bucket.files : "files" => bucket.bucket },
      { for worker, queue in module.queue : "put-aside-${worker}" => queue.dead_queue_url },
      # In a zone outside of the stack, people have to create them.
      {
        for dkim in aws_ses_domain_dkim.this : "email-records" => join("; ", [
          for token in dkim.dkim_tokens : "${token}._domainkey.${local.email_domain} CNAME ${token}.dkim.amazonses.com"
        ]) if !local.email_in_zone
      },
    )
  }
}
