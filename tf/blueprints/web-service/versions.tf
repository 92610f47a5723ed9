terraform {
  # Write-only arguments came with Terraform 1.11, and with OpenTofu 1.11: with them, no secret is in a plan or in a state.
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # The write-only `auth_token_wo` of ElastiCache came late in version 6.
      version = "~> 6.69"
    }

    # The ephemeral passwords came with 3.7.
    random = {
      source  = "hashicorp/random"
      version = "~> 3.7"
    }
  }
}
