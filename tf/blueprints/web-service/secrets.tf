# Secrets that are generated and kept in Secrets Manager. They are in no plan, in no state and in no task definition, which has
# references alone; ECS reads the values when a task starts.

ephemeral "random_password" "generated" {
  for_each = var.generated_secrets

  length  = each.value.length
  special = false
}

resource "aws_secretsmanager_secret" "generated" {
  #checkov:skip=CKV2_AWS_57: by version: tasks read it when they start
  for_each = var.generated_secrets

  # With a suffix of its own: a deleted secret keeps its name for a week.
  name_prefix             = "slipway/${local.stack}/${each.key}-"
  kms_key_id              = var.kms_key_arn
  description             = "${each.key} of the stack ${local.stack}."
  recovery_window_in_days = 7
}

resource "aws_secretsmanager_secret_version" "generated" {
  for_each = var.generated_secrets

  secret_id                = aws_secretsmanager_secret.generated[each.key].id
  secret_string_wo         = ephemeral.random_password.generated[each.key].result
  secret_string_wo_version = each.value.version
}
