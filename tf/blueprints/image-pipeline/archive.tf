# The bucket of an archive: what is put there as releases/<tag>.zip starts a build of exactly that version of the object.

locals {
  archive      = var.archive == null ? {} : { this = var.archive }
  archive_name = "${local.stack}-source-${data.aws_caller_identity.this.account_id}"
}

resource "aws_s3_bucket" "archive" {
  for_each = local.archive

  bucket        = local.archive_name
  force_destroy = var.delete_archives

  #checkov:skip=CKV_AWS_18: a build names the version of the object that it was made from; a log of reads says no more
  #checkov:skip=CKV_AWS_144: sources are somewhere else, this is where they are handed over
  #checkov:skip=CKV_AWS_145: encrypted by S3; a key of one's own costs a dollar a month
}

resource "aws_s3_bucket_public_access_block" "archive" {
  for_each = aws_s3_bucket.archive

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "archive" {
  for_each = aws_s3_bucket.archive

  bucket = each.value.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_versioning" "archive" {
  for_each = aws_s3_bucket.archive

  bucket = each.value.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "archive" {
  for_each = aws_s3_bucket.archive

  bucket = each.value.id

  rule {
    id     = "sources"
    status = "Enabled"

    filter {}

    expiration {
      days = local.archive[each.key].keep_days
    }

    noncurrent_version_expiration {
      noncurrent_days = local.archive[each.key].keep_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
  }

  depends_on = [aws_s3_bucket_versioning.archive]
}

data "aws_iam_policy_document" "archive" {
  for_each = aws_s3_bucket.archive

  statement {
    sid       = "NothingWithoutTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [each.value.arn, "${each.value.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  # The accounts are the principals and the roles a condition: the permission outlives a role that is made anew.
  dynamic "statement" {
    for_each = length(local.archive[each.key].uploaders) == 0 ? [] : [local.archive[each.key].uploaders]

    content {
      sid       = "Upload"
      actions   = ["s3:PutObject"]
      resources = ["${each.value.arn}/releases/*.zip"]

      principals {
        type        = "AWS"
        identifiers = distinct([for arn in statement.value : "arn:${split(":", arn)[1]}:iam::${split(":", arn)[4]}:root"])
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:PrincipalArn"
        values   = statement.value
      }
    }
  }
}

resource "aws_s3_bucket_policy" "archive" {
  for_each = aws_s3_bucket.archive

  bucket = each.value.id
  policy = data.aws_iam_policy_document.archive[each.key].json

  depends_on = [aws_s3_bucket_public_access_block.archive]
}

# ---------------------------------------------------------------------------------------------- an object starts a build

resource "aws_s3_bucket_notification" "archive" {
  for_each = aws_s3_bucket.archive

  bucket      = each.value.id
  eventbridge = true
}

resource "aws_cloudwatch_event_rule" "uploaded" {
  for_each = local.archive

  name        = "${local.stack}-uploaded"
  description = "Sources of a release that were put into the bucket of the stack ${local.stack}."

  event_pattern = jsonencode({
    source      = ["aws.s3"]
    detail-type = ["Object Created"]
    detail = {
      bucket = { name = [local.archive_name] }
      object = { key = [{ wildcard = "releases/*.zip" }] }
    }
  })
}

resource "aws_cloudwatch_event_target" "uploaded" {
  for_each = local.archive

  rule      = aws_cloudwatch_event_rule.uploaded[each.key].name
  target_id = "build"
  arn       = aws_codebuild_project.this.arn
  role_arn  = aws_iam_role.events[each.key].arn

  # release.sh checks the tag before it builds anything.
  input_transformer {
    input_paths = {
      key     = "$.detail.object.key"
      version = "$.detail.object.version-id"
    }

    input_template = <<-EOT
      {
        "sourceLocationOverride": "${local.archive_name}/<key>",
        "sourceVersion": <version>,
        "environmentVariablesOverride": [{ "name": "RELEASE_KEY", "type": "PLAINTEXT", "value": <key> }]
      }
    EOT
  }

  # EventBridge tries for a day, also while too many builds run, and then keeps the event here.
  dead_letter_config {
    arn = aws_sqs_queue.undelivered[each.key].arn
  }
}

data "aws_iam_policy_document" "events_trust" {
  for_each = local.archive

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.this.account_id]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.uploaded[each.key].arn]
    }
  }
}

resource "aws_iam_role" "events" {
  for_each = local.archive

  name                 = "${local.stack}-events"
  path                 = "/slipway/"
  description          = "Starts builds of the stack ${local.stack}."
  assume_role_policy   = data.aws_iam_policy_document.events_trust[each.key].json
  permissions_boundary = var.permissions_boundary
}

data "aws_iam_policy_document" "events" {
  for_each = local.archive

  statement {
    actions   = ["codebuild:StartBuild"]
    resources = [aws_codebuild_project.this.arn]
  }
}

resource "aws_iam_role_policy" "events" {
  for_each = local.archive

  name   = "start-build"
  role   = aws_iam_role.events[each.key].id
  policy = data.aws_iam_policy_document.events[each.key].json
}

resource "aws_sqs_queue" "undelivered" {
  for_each = local.archive

  name                      = "${local.stack}-undelivered"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

data "aws_iam_policy_document" "undelivered" {
  for_each = local.archive

  statement {
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.undelivered[each.key].arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.uploaded[each.key].arn]
    }
  }
}

resource "aws_sqs_queue_policy" "undelivered" {
  for_each = local.archive

  queue_url = aws_sqs_queue.undelivered[each.key].id
  policy    = data.aws_iam_policy_document.undelivered[each.key].json
}
