terraform {
  # `terraform_data` alone: this blueprint needs no provider, and so no network.
  required_version = ">= 1.10"
}
