# What it keeps besides, and sends.

variable "redis" {
  description = <<-EOT
    A cache that speaks the protocol of Redis, for both sets. Null for none.

    - `engine`: valkey, or redis, which costs a quarter more.
    - `node_type`: the machine it runs on.
    - `replicas`: further nodes, one of which takes over when the first fails.
    - `snapshot_days`: for how many days daily snapshots are kept; 0 for none.
    - `password_version`: a higher number is another password; the one before stays good.
  EOT
  type = object({
    engine           = optional(string, "valkey")
    node_type        = optional(string, "cache.t4g.micro")
    replicas         = optional(number, 0)
    snapshot_days    = optional(number, 0)
    password_version = optional(number, 1)
  })
  default = null

  validation {
    condition     = var.redis == null ? true : contains(["valkey", "redis"], var.redis.engine)
    error_message = "The engine of the cache is valkey or redis."
  }

  validation {
    condition     = var.redis == null ? true : can(regex("^cache\\.[a-z0-9-]+\\.[a-z0-9]+$", var.redis.node_type))
    error_message = "A node type is like cache.t4g.micro."
  }

  validation {
    condition     = var.redis == null ? true : var.redis.replicas >= 0 && var.redis.replicas <= 5 && var.redis.snapshot_days >= 0 && var.redis.snapshot_days <= 35
    error_message = "A cache has 0 to 5 replicas, and its snapshots are kept for 0 to 35 days."
  }

  validation {
    condition     = var.redis == null ? true : var.redis.password_version >= 1 && floor(var.redis.password_version) == var.redis.password_version
    error_message = "password_version is a whole number, 1 or more."
  }
}

variable "files" {
  description = <<-EOT
    A private, versioned bucket for the application's files; null for none.

    - `version_days`: for how many days deleted and replaced files are kept.
    - `backup_days`: for how many days copies from before breaking releases are kept.
    - `backup_service`: the service or worker whose image copies them; it needs the AWS CLI.
    - `backup_seconds`: how many seconds a copy may take.
    - `empty_on_destroy`: whether a destroy deletes all files. Without it, a bucket that is not empty keeps the stack from being
      destroyed.
    - `cors_origins`: the sites whose pages may read and upload files.
  EOT
  type = object({
    version_days     = optional(number, 30)
    backup_days      = optional(number, 90)
    backup_service   = optional(string, "web")
    backup_seconds   = optional(number, 3600)
    empty_on_destroy = optional(bool, false)
    cors_origins     = optional(list(string), [])
  })
  default = null

  validation {
    condition     = var.files == null ? true : var.files.version_days >= 1 && var.files.backup_days >= 1
    error_message = "Versions and copies are kept for 1 day or more."
  }

  validation {
    condition     = var.files == null ? true : contains(concat(keys(var.services), keys(var.workers)), var.files.backup_service)
    error_message = "The copy is made with the image of a service or worker that there is: name it in `backup_service`."
  }

  validation {
    condition     = var.files == null ? true : var.files.backup_seconds >= 1 && var.files.backup_seconds <= 86400
    error_message = "A copy may take 1 to 86400 seconds (backup_seconds)."
  }

  validation {
    condition     = var.files == null ? true : alltrue([for origin in var.files.cors_origins : can(regex("^https?://[A-Za-z0-9.:-]+$", origin))])
    error_message = "An origin is like https://www.example.com, without a path."
  }
}

variable "email" {
  description = <<-EOT
    The right to send mail from the addresses of a domain through SES. Null for none.

    - `domain`: the domain; null for the stack's own.
    - `create_identity`: whether the domain is made known to SES; false where SES knows it already.
  EOT
  type = object({
    domain          = optional(string)
    create_identity = optional(bool, true)
  })
  default = null

  validation {
    condition     = try(var.email.domain, null) == null ? true : can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.email.domain))
    error_message = "A domain is like example.com, in lower case."
  }

  validation {
    condition     = var.email == null ? true : var.email.domain != null || var.domain_name != null || var.zone_id != null
    error_message = "The stack has no domain of its own: name the one to send from, in `domain`."
  }
}
