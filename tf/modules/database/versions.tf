terraform {
  # Write-only arguments came with Terraform 1.11: the password is in no plan and in no state.
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}
