# What is built, and who gets it.

variable "repository" {
  description = <<-EOT
    The Git repository that is built, when a tag is pushed to it that `tag_pattern` matches. Either this or `archive`.

    - `provider`: `github`, `github-enterprise`, `gitlab`, `gitlab-self-managed` or `bitbucket`.
    - `url`: its address for cloning, like `https://github.com/shop/web.git`.
    - `connection_arn`: the connection to the provider, created once in the console of CodeConnections, where a person has to authorize it.
  EOT
  type = object({
    provider       = string
    url            = string
    connection_arn = string
  })
  default = null

  validation {
    condition = var.repository == null ? true : contains(
      ["github", "github-enterprise", "gitlab", "gitlab-self-managed", "bitbucket"], var.repository.provider
    )
    error_message = "A repository's provider is github, github-enterprise, gitlab, gitlab-self-managed or bitbucket."
  }

  validation {
    condition     = var.repository == null ? true : can(regex("^https://[A-Za-z0-9.-]+(:[0-9]+)?/[A-Za-z0-9._~/-]+$", var.repository.url))
    error_message = "A repository's url is the address for cloning over HTTPS, without a user, like https://github.com/shop/web.git."
  }

  validation {
    condition     = var.repository == null ? true : can(regex("^arn:[a-z-]+:(codeconnections|codestar-connections):[a-z0-9-]+:[0-9]{12}:connection/[a-f0-9-]+$", var.repository.connection_arn))
    error_message = "A connection is given by its ARN: arn:aws:codeconnections:eu-west-1:111122223333:connection/…"
  }

  validation {
    condition     = (var.repository == null) != (var.archive == null)
    error_message = "Give a repository, or an archive, and not both."
  }
}

variable "archive" {
  description = <<-EOT
    Instead of a repository: a bucket of the stack, to which the sources of a release are uploaded as `releases/<tag>.zip`.

    - `uploaders`: ARNs of the roles or users, also of other accounts, that may.
    - `keep_days`: for how many days sources are kept.
  EOT
  type = object({
    uploaders = optional(list(string), [])
    keep_days = optional(number, 90)
  })
  default = null

  validation {
    condition = var.archive == null ? true : alltrue([
      for arn in var.archive.uploaders : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/[^*?]+$", arn))
    ])
    error_message = "An uploader is one role or user, given by its ARN: arn:aws:iam::111122223333:role/ci. A whole account is none."
  }

  validation {
    condition     = var.archive == null ? true : var.archive.keep_days >= 1 && var.archive.keep_days <= 3650 && floor(var.archive.keep_days) == var.archive.keep_days
    error_message = "keep_days is a whole number from 1 to 3650."
  }
}

variable "tag_pattern" {
  description = "Which tags are releases: a regular expression for the whole tag. Nothing else is ever built."
  type        = string
  default     = "v[0-9]+\\.[0-9]+\\.[0-9]+"
  nullable    = false

  validation {
    condition = (
      can(regex("^([A-Za-z0-9_.(|)?*+{},-]|\\[\\^?[A-Za-z0-9_.-]+\\]|\\\\\\.)+$", var.tag_pattern))
      && can(regexall(var.tag_pattern, "")) # by itself: no bracket that closes the group around it
      && try(length(regexall("^(${var.tag_pattern})$", "")), 1) == 0
    )
    error_message = "A tag pattern has letters, digits, sets like [0-9], groups, and the signs . ? * + { } | - _; a dot itself is \\. and it matches no empty text."
  }
}

variable "image_repository_arn" {
  description = "The ECR repository that the image is pushed to, in this account, such as one of the blueprint container-registry. Its tags should be immutable."
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:ecr:[a-z0-9-]+:[0-9]{12}:repository/[a-z0-9][a-z0-9._/-]*$", var.image_repository_arn))
    error_message = "A repository is given by its ARN: arn:aws:ecr:eu-west-1:111122223333:repository/shop/web."
  }
}

variable "dockerfile" {
  description = "Where the Dockerfile is in the sources."
  type        = string
  default     = "Dockerfile"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9._][A-Za-z0-9._/-]*$", var.dockerfile)) && !contains(split("/", var.dockerfile), "..")
    error_message = "The Dockerfile is a path in the sources, like docker/web.Dockerfile."
  }
}

variable "context" {
  description = "The folder of the sources that the image is built from."
  type        = string
  default     = "."
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9._][A-Za-z0-9._/-]*$", var.context)) && !contains(split("/", var.context), "..")
    error_message = "The context is a folder in the sources, like . or services/web."
  }
}

variable "test" {
  description = <<-EOT
    How the image is tested before it is pushed.

    - `target`: a stage of the Dockerfile that is built first, and fails where a test fails; null for none.
    - `command`: what is run in the finished image, word by word and without a shell, and has to end with 0.
  EOT
  type = object({
    target  = optional(string)
    command = optional(list(string), [])
  })

  validation {
    condition     = var.test.target != null || length(var.test.command) > 0
    error_message = "Untested images are not released: give test a target or a command."
  }

  validation {
    condition     = var.test.target == null || can(regex("^[a-z0-9][a-z0-9._-]*$", var.test.target))
    error_message = "A target is the name of a stage of the Dockerfile, like test."
  }
}

variable "cache_tag" {
  description = "A tag of the image's repository that keeps the layers of the build before, which the repository has to let move (`mutable_tags` of the blueprint container-registry). Without it, layers are kept for a short while on the machine that built last."
  type        = string
  default     = null

  validation {
    condition     = var.cache_tag == null || can(regex("^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$", var.cache_tag))
    error_message = "A tag has at most 128 letters, digits and the signs . _ -, like cache."
  }
}

variable "releases" {
  description = "The stacks that get the image, by id (`lusab-babad`) or by environment and name (`staging/shop`), and which of their services. Each is asked for a release, by an event; it has to be a stack that this account asked for by event itself. Without any, images are pushed, and stacks that subscribe to the repository release them."
  type        = map(list(string))
  default     = {}
  nullable    = false

  validation {
    condition     = length(var.releases) <= 10 && alltrue([for stack in keys(var.releases) : can(regex("^([a-z]{5}-[a-z]{5}|[a-z]([a-z0-9-]{0,38}[a-z0-9])?/[a-z]([a-z0-9-]{0,38}[a-z0-9])?)$", stack))])
    error_message = "There are at most 10 stacks, each given by its id, like lusab-babad, or its environment and name, like staging/shop."
  }

  validation {
    condition = alltrue([
      for services in values(var.releases) : length(services) > 0 && alltrue([for name in services : can(regex("^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$", name))])
    ])
    error_message = "Name at least one service of each stack, like web."
  }

  validation {
    condition     = length(var.releases) == 0 || var.slipway_bus_arn != null
    error_message = "Releases are asked for on Slipway's bus: give slipway_bus_arn."
  }
}

variable "slipway_bus_arn" {
  description = "Slipway's event bus, the output EventBusArn of its template. This account has to be registered with Slipway as a source that may ask for releases."
  type        = string
  default     = null

  validation {
    condition     = var.slipway_bus_arn == null || can(regex("^arn:[a-z-]+:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9._-]+$", var.slipway_bus_arn))
    error_message = "Slipway's bus is given by its ARN: arn:aws:events:eu-west-1:111122223333:event-bus/slipway."
  }
}

variable "architecture" {
  description = "What the image is built for, and on: the architecture of the services that run it."
  type        = string
  default     = "X86_64"
  nullable    = false

  validation {
    condition     = contains(["X86_64", "ARM64"], var.architecture)
    error_message = "architecture is X86_64 or ARM64."
  }
}

variable "size" {
  description = "The machine that builds: `small` (2 cores, 4 GB), `medium` (4 and 8), `large` (8 and 16)."
  type        = string
  default     = "small"
  nullable    = false

  validation {
    condition     = contains(["small", "medium", "large"], var.size)
    error_message = "size is small, medium or large."
  }
}

variable "timeout_minutes" {
  description = "After how many minutes a build is stopped."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.timeout_minutes >= 5 && var.timeout_minutes <= 480 && floor(var.timeout_minutes) == var.timeout_minutes
    error_message = "timeout_minutes is a whole number from 5 to 480."
  }
}

variable "concurrent_builds" {
  description = "How many builds may run at once. A tag that is pushed while so many run is not built, and said so at the provider; of an archive it is tried again for a day."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.concurrent_builds >= 1 && var.concurrent_builds <= 20 && floor(var.concurrent_builds) == var.concurrent_builds
    error_message = "concurrent_builds is a whole number from 1 to 20."
  }
}
