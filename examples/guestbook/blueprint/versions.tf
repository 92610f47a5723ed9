terraform {
  # The S3 backend's own lock (`use_lockfile`) came with Terraform 1.11 and OpenTofu 1.10.
  required_version = ">= 1.10"
}
