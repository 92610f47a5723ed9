# Repositories for images: what was pushed stays what it is, is looked through for known holes, and expires.

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

data "aws_region" "this" {}

locals {
  stack = terraform.workspace
}

resource "aws_ecr_repository" "this" {
  for_each = var.repositories

  name         = "${local.stack}/${each.key}"
  force_delete = var.delete_images

  # A tag that a release was asked for by has to mean the same image for good.
  image_tag_mutability = length(each.value.mutable_tags) == 0 ? "IMMUTABLE" : "IMMUTABLE_WITH_EXCLUSION"

  dynamic "image_tag_mutability_exclusion_filter" {
    for_each = each.value.mutable_tags

    content {
      filter      = image_tag_mutability_exclusion_filter.value
      filter_type = "WILDCARD"
    }
  }

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = var.kms_key_arn == null ? "AES256" : "KMS"
    kms_key         = var.kms_key_arn
  }

  #checkov:skip=CKV_AWS_51: no tag moves but those that the request names by pattern, such as cache*
  #checkov:skip=CKV_AWS_136: encrypted by S3; the variable kms_key_arn takes a key of one's own, which costs a dollar a month
}

resource "aws_ecr_lifecycle_policy" "this" {
  for_each = var.repositories

  repository = aws_ecr_repository.this[each.key].name

  policy = jsonencode({
    rules = [
      {
        rulePriority = 1
        description  = "What no tag leads to any more."
        selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = each.value.keep_untagged_days }
        action       = { type = "expire" }
      },
      {
        rulePriority = 2
        description  = "The oldest beyond the number that is kept."
        selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = each.value.keep_images }
        action       = { type = "expire" }
      },
    ]
  })
}
