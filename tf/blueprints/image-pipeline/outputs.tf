output "slipway" {
  description = "What Slipway knows of the stack."
  value = {
    notes = {
      release = (
        var.repository != null ? "git push origin TAG, a tag like ${var.tag_pattern}" :
        "aws s3 cp sources.zip s3://${aws_s3_bucket.archive["this"].id}/releases/TAG.zip, a tag like ${var.tag_pattern}"
      )
      again = (
        var.repository != null ?
        "aws codebuild start-build --region ${data.aws_region.this.region} --project-name ${aws_codebuild_project.this.name} --source-version refs/tags/TAG" :
        "put the archive there once more"
      )
      logs = "aws logs tail --region ${data.aws_region.this.region} --follow ${aws_cloudwatch_log_group.build.name}"
    }
  }
}

output "stack_id" {
  description = "The stack's id, with which all names begin."
  value       = local.stack
}

output "project_name" {
  description = "The build project."
  value       = aws_codebuild_project.this.name
}

output "image_repository_url" {
  description = "Where images are pushed to."
  value       = local.image_repository_url
}

output "archive_bucket" {
  description = "The bucket that takes the sources of releases; null with a repository."
  value       = one([for bucket in aws_s3_bucket.archive : bucket.id])
}

output "undelivered_queue_url" {
  description = "Where uploads are that started no build; null with a repository."
  value       = one([for queue in aws_sqs_queue.undelivered : queue.id])
}
