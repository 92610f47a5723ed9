# Commands that the blueprint brings along. What differs from stack to stack are their arguments: nothing is put into a shell's
# text.

locals {
  dump_bucket = var.dump == null ? null : var.dump.bucket != null ? var.dump.bucket : aws_s3_bucket.files[0].bucket

  dump_policies = var.dump == null ? {} : {
    dump = jsonencode({
      Version = "2012-10-17"
      Statement = [
        {
          Effect   = "Allow"
          Action   = ["s3:GetObject"]
          Resource = ["${local.arn}:s3:::${local.dump_bucket}/${var.dump.key}"]
        },
        {
          # Without this, S3 says of a dump that is missing only that it is forbidden.
          Effect    = "Allow"
          Action    = ["s3:ListBucket"]
          Resource  = ["${local.arn}:s3:::${local.dump_bucket}"]
          Condition = { StringEquals = { "s3:prefix" = var.dump.key } }
        },
      ]
    })
  }

  tasks = merge(var.tasks, var.dump == null ? {} : {
    load-dump = {
      service         = var.dump.service
      timeout_seconds = var.dump.timeout_seconds
      command = concat(
        ["sh", "-c", file("${path.module}/scripts/load_dump.sh"), "load-dump"],
        [local.dump_bucket, var.dump.key, var.database.engine],
        # The names under which the application, and so the script, finds the database.
        [
          for name in ["DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME", "DATABASE_USER", "DATABASE_PASSWORD"] :
          lookup(var.environment_names, name, name)
        ],
      )
    }
  })

  # Before all others, which may need the user, and with every release, which is when a new password takes effect.
  migrations = concat(local.application_user == null ? [] : [{
    name    = "application-user"
    service = local.application_user.owners[0]
    command = concat(
      ["sh", "-c", file("${path.module}/scripts/application_user.sh"), "application-user", var.database.engine],
      [
        for name in ["DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME", "DATABASE_USER", "DATABASE_PASSWORD"] :
        lookup(var.environment_names, name, name)
      ],
      ["APPLICATION_USER", "APPLICATION_PASSWORD"],
    )
    timeout_seconds   = 300
    lock_timeout      = null
    statement_timeout = null
    lock_retries      = null
  }], var.migrations)

  backups = var.files == null ? [] : [{
    name            = "files"
    service         = var.files.backup_service
    timeout_seconds = var.files.backup_seconds
    command = [
      "sh", "-c", file("${path.module}/scripts/copy_files.sh"), "copy-files",
      aws_s3_bucket.files[0].bucket, aws_s3_bucket.backups[0].bucket,
    ]
  }]
}
