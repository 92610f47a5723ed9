# The application's files, and copies of them from before breaking releases.

locals {
  buckets = var.files == null ? {} : {
    files   = aws_s3_bucket.files[0]
    backups = aws_s3_bucket.backups[0]
  }

  files_policies = var.files == null ? {} : {
    files = jsonencode({
      Version = "2012-10-17"
      Statement = [
        {
          Effect   = "Allow"
          Action   = ["s3:GetBucketLocation", "s3:ListBucket"]
          Resource = [aws_s3_bucket.files[0].arn, aws_s3_bucket.backups[0].arn]
        },
        {
          Effect   = "Allow"
          Action   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:GetObjectTagging", "s3:PutObject", "s3:PutObjectTagging"]
          Resource = ["${aws_s3_bucket.files[0].arn}/*"]
        },
        {
          # A copy is written, and never deleted by an application.
          Effect   = "Allow"
          Action   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject", "s3:PutObjectTagging"]
          Resource = ["${aws_s3_bucket.backups[0].arn}/*"]
        },
      ]
    })
  }
}

resource "aws_s3_bucket" "files" {
  #checkov:skip=CKV_AWS_18: a log of every access costs more than most of these buckets; CloudTrail can keep one
  #checkov:skip=CKV_AWS_21: it is versioned, below
  #checkov:skip=CKV_AWS_144: a copy in a second region is a choice for few stacks
  #checkov:skip=CKV_AWS_145: with the key of the service itself
  #checkov:skip=CKV2_AWS_6: it is closed to the public, below
  #checkov:skip=CKV2_AWS_61: it has a lifecycle, below
  #checkov:skip=CKV2_AWS_62: its events have no consumer
  count = var.files == null ? 0 : 1

  bucket_prefix = "${local.stack}-files-"
  force_destroy = var.files.empty_on_destroy
}

resource "aws_s3_bucket" "backups" {
  #checkov:skip=CKV_AWS_18: a log of every access costs more than most of these buckets; CloudTrail can keep one
  #checkov:skip=CKV_AWS_21: it is versioned, below
  #checkov:skip=CKV_AWS_144: a copy in a second region is a choice for few stacks
  #checkov:skip=CKV_AWS_145: with the key of the service itself
  #checkov:skip=CKV2_AWS_6: it is closed to the public, below
  #checkov:skip=CKV2_AWS_61: it has a lifecycle, below
  #checkov:skip=CKV2_AWS_62: its events have no consumer
  count = var.files == null ? 0 : 1

  bucket_prefix = "${local.stack}-backups-"
  force_destroy = var.files.empty_on_destroy
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.buckets

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.buckets

  bucket = each.value.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.buckets

  bucket = each.value.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.buckets

  bucket = each.value.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.buckets

  bucket = each.value.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyWithTls"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [each.value.arn, "${each.value.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  # Two changes of who may reach a bucket at a time are refused.
  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = local.buckets

  bucket = each.value.id

  rule {
    id     = "versions"
    status = "Enabled"
    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.files.version_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  dynamic "rule" {
    for_each = each.key == "backups" ? [var.files.backup_days] : []

    content {
      id     = "copies"
      status = "Enabled"
      filter {}

      expiration {
        days = rule.value
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_cors_configuration" "files" {
  count = length(try(var.files.cors_origins, [])) > 0 ? 1 : 0

  bucket = aws_s3_bucket.files[0].id

  cors_rule {
    allowed_origins = var.files.cors_origins
    allowed_methods = ["GET", "HEAD", "POST", "PUT"]
    allowed_headers = ["*"]
    expose_headers  = ["ETag"]
    max_age_seconds = 3600
  }
}
