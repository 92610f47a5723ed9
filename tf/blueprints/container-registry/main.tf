# Repositories for images: what was pushed stays what it is, is looked through for known holes, and expires.

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

data "aws_region" "this" {}

locals {
  stack = terraform.workspace
}

# With another key a repository is made anew, and AWS deletes none that has images.
resource "terraform_data" "key" {
  input = { arn = var.kms_key_arn }

  lifecycle {
    ignore_changes = [input]

    postcondition {
      condition     = self.output.arn == var.kms_key_arn
      error_message = "Repositories keep the key that they were made with (${self.output.arn == null ? "that of S3" : self.output.arn}): take the change of kms_key_arn back, or make a new stack and push the images there."
    }
  }
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
    rules = concat([
      {
        rulePriority = 1
        description  = "What no tag leads to any more."
        selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = each.value.keep_untagged_days }
        action       = { type = "expire" }
      },
      ], [
      # Images of these tags are this rule's alone: a rule of higher number never expires what matches one of lower number.
      # https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
      for index, pattern in each.value.keep_tags : {
        rulePriority = 10 + index
        description  = "Images of these tags are kept."
        selection    = { tagStatus = "tagged", tagPatternList = [pattern], countType = "imageCountMoreThan", countNumber = 10000 }
        action       = { type = "expire" }
      }
      ], [
      {
        rulePriority = 20
        description  = "The oldest beyond the number that is kept."
        selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = each.value.keep_images }
        action       = { type = "expire" }
      },
    ])
  })
}
