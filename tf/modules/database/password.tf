# The password comes from Secrets Manager's generator, goes to Secrets Manager and from there to RDS. All of that is write-only
# or ephemeral: it is in no plan and in no state.

ephemeral "aws_secretsmanager_random_password" "this" {
  # RDS takes no / @ " and spaces; letters and digits need no escaping in an address either.
  password_length     = 40
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret" "this" {
  # With a suffix of its own: a deleted secret keeps its name for a week.
  name_prefix             = "slipway/${var.stack}/${var.name}-database-"
  description             = "The password of the first user of the database ${var.name}."
  recovery_window_in_days = 7
}

resource "aws_secretsmanager_secret_version" "this" {
  secret_id                = aws_secretsmanager_secret.this.id
  secret_string_wo         = ephemeral.aws_secretsmanager_random_password.this.random_password
  secret_string_wo_version = var.password_version
}

# What was kept, not what was just generated: after an apply that ended half-way these are not the same.
ephemeral "aws_secretsmanager_secret_version" "this" {
  secret_id = aws_secretsmanager_secret_version.this.secret_id
}
