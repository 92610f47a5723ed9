# What services and workers know by their environment variables.

variable "environment" {
  description = "Environment variables of all services and workers: nothing secret."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.environment) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name))])
    error_message = "The name of an environment variable has letters, digits and underscores, and does not start with a digit."
  }
}

variable "environment_names" {
  description = "The application's own names for the blueprint's environment variables: DATABASE_HOST = DB_HOST, for example."
  type        = map(string)
  default     = {}

  validation {
    condition = alltrue([for name in keys(var.environment_names) : contains([
      "STACK", "PUBLIC_URL", "READ_ONLY",
      "DATABASE_ENGINE", "DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME", "DATABASE_USER", "DATABASE_PASSWORD",
      "REDIS_HOST", "REDIS_PORT", "REDIS_TLS", "REDIS_PASSWORD",
      "FILES_BUCKET", "EMAIL_DOMAIN", "EMAIL_CONFIGURATION_SET", "QUEUE_URL",
    ], name) || can(regex("^QUEUE_URL_[A-Z][A-Z0-9_]*$", name))])
    error_message = "The names that can be changed are STACK, PUBLIC_URL, READ_ONLY, DATABASE_ENGINE, DATABASE_HOST, DATABASE_PORT, DATABASE_NAME, DATABASE_USER, DATABASE_PASSWORD, REDIS_HOST, REDIS_PORT, REDIS_TLS, REDIS_PASSWORD, FILES_BUCKET, EMAIL_DOMAIN, EMAIL_CONFIGURATION_SET, QUEUE_URL, and QUEUE_URL_<NAME> of a worker."
  }

  validation {
    condition     = alltrue([for name in values(var.environment_names) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name))]) && length(distinct(values(var.environment_names))) == length(var.environment_names)
    error_message = "Each gets a name of its own, of letters, digits and underscores, which does not start with a digit."
  }
}

variable "secrets" {
  description = "Secrets that exist, by the name of the environment variable that they become: the ARN in Secrets Manager, or `<arn>:<key>::` for one key of it. One that is encrypted with a key of your own needs the key's policy to let the stack's roles `<stack id>-<service>-execution` decrypt."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for arn in values(var.secrets) : can(regex("^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@!-]+(:[^:]*:[^:]*:[^:]*)?$", arn))])
    error_message = "A secret is given by its ARN, arn:aws:secretsmanager:eu-west-1:111122223333:secret:name-AbCdEf, never by its value."
  }

  validation {
    condition     = alltrue([for name in keys(var.secrets) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name))])
    error_message = "The name of an environment variable has letters, digits and underscores, and does not start with a digit."
  }
}

variable "generated_secrets" {
  description = <<-EOT
    Secrets that are generated and kept in Secrets Manager, by the name of the environment variable that they become: a signing
    key, the first password of an administrator.

    - `length`: how many letters and digits it has.
    - `version`: a higher number is a new value, which running tasks get with the next release.
  EOT
  type = map(object({
    length  = optional(number, 40)
    version = optional(number, 1)
  }))
  default = {}

  validation {
    condition     = alltrue([for name in keys(var.generated_secrets) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name))])
    error_message = "The name of an environment variable has letters, digits and underscores, and does not start with a digit."
  }

  validation {
    condition     = alltrue([for secret in values(var.generated_secrets) : secret.length >= 16 && secret.length <= 512 && secret.version >= 1 && floor(secret.version) == secret.version])
    error_message = "A secret has 16 to 512 characters, and its version is a whole number, 1 or more."
  }

  validation {
    condition = length(setintersection(
      concat(keys(var.secrets), keys(var.environment), flatten([for part in concat(values(var.services), values(var.workers)) : keys(part.environment)])),
      keys(var.generated_secrets),
      )) == 0 && length(setintersection(
      concat(keys(var.environment), flatten([for part in concat(values(var.services), values(var.workers)) : keys(part.environment)])),
      keys(var.secrets),
    )) == 0
    error_message = "A name is that of an environment variable, a given secret or a generated one, and only one of them: ECS takes each name once."
  }

  validation {
    condition     = alltrue(flatten([for part in concat(values(var.services), values(var.workers)) : [for name in coalesce(part.secrets, []) : contains(concat(keys(var.secrets), keys(var.generated_secrets)), name)]]))
    error_message = "The `secrets` of a service or worker are names of `secrets` or `generated_secrets`."
  }
}
