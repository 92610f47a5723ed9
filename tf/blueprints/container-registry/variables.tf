variable "repositories" {
  description = <<-EOT
    The repositories, by name, such as `web`; images are pushed to `<stack id>/<name>`.

    - `keep_images`: how many images are kept. Older ones expire, beginning with the oldest.
    - `keep_untagged_days`: after how many days an image expires that no tag leads to any more.
    - `keep_tags`: patterns of tags whose images never expire and do not count, such as `v*`: give the tags of releases that stacks run.
      A stack that has not been released for long starts its tasks with an image that may be the oldest.
    - `mutable_tags`: patterns of tags that may be moved to another image, such as `cache*`. All others stay where they were put.
  EOT
  type = map(object({
    keep_images        = optional(number, 100)
    keep_untagged_days = optional(number, 14)
    keep_tags          = optional(list(string), [])
    mutable_tags       = optional(list(string), [])
  }))

  validation {
    condition     = length(var.repositories) > 0 && length(var.repositories) <= 50
    error_message = "Name at least one repository and at most 50."
  }

  validation {
    condition     = alltrue([for name in keys(var.repositories) : can(regex("^[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)*$", name)) && length(name) <= 180])
    error_message = "A repository's name has at most 180 lower-case letters and digits, with single . _ - or / between them."
  }

  validation {
    condition = alltrue([
      for repository in values(var.repositories) : repository.keep_images >= 1 && repository.keep_images <= 10000 && floor(repository.keep_images) == repository.keep_images
      && repository.keep_untagged_days >= 1 && repository.keep_untagged_days <= 3650 && floor(repository.keep_untagged_days) == repository.keep_untagged_days
    ])
    error_message = "keep_images is a whole number from 1 to 10000, keep_untagged_days one from 1 to 3650."
  }

  validation {
    condition = alltrue([
      for repository in values(var.repositories) : length(repository.keep_tags) <= 10 && alltrue([
        for pattern in repository.keep_tags : can(regex("^[A-Za-z0-9._*-]{1,128}$", pattern)) && length(split("*", pattern)) <= 5 && pattern != "*"
      ])
    ])
    error_message = "keep_tags are at most 10 patterns with at most four * each, such as v*; not * itself."
  }

  validation {
    condition = alltrue([
      for repository in values(var.repositories) : length(repository.mutable_tags) <= 5 && alltrue([
        for pattern in repository.mutable_tags : can(regex("^[A-Za-z0-9._*-]{1,128}$", pattern)) && length(split("*", pattern)) <= 3 && pattern != "*"
      ])
    ])
    error_message = "mutable_tags are at most 5 patterns with at most two * each, such as cache*; not * itself."
  }
}

variable "push" {
  description = <<-EOT
    Who may push, and to which repositories: a role for each, by name. None by default.

    - `repositories`: the repositories it may push to; all by default.
    - `principals`: ARNs of roles or users, also of other accounts, that may assume it.
    - `external_id`: what the principals have to know to assume it; null for nothing.
    - `oidc`: in place of principals, callers with a token of an OIDC provider.
    - `oidc.provider_arn`: the provider, which this account has.
    - `oidc.audience`: whom the token is for.
    - `oidc.subjects`: whose token it is; * stands for any characters. For GitHub a subject is `repo:owner/name:ref:refs/tags/*`
      or, of repositories made after July 2026, `repo:owner@123/name@456:ref:refs/tags/*`.
  EOT
  type = map(object({
    repositories = optional(set(string))
    principals   = optional(list(string), [])
    external_id  = optional(string)
    oidc = optional(object({
      provider_arn = string
      audience     = optional(string, "sts.amazonaws.com")
      subjects     = list(string)
    }))
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.push) : can(regex("^[a-z][a-z0-9-]{0,29}$", name))])
    error_message = "A name starts with a lower-case letter, and has at most 30 lower-case letters, digits and hyphens."
  }

  validation {
    condition     = alltrue([for pusher in values(var.push) : (length(pusher.principals) > 0) != (pusher.oidc != null)])
    error_message = "Name principals, or an oidc provider, and not both."
  }

  validation {
    condition = alltrue(flatten([
      for pusher in values(var.push) : [for arn in pusher.principals : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/[^*?]+$", arn))]
    ]))
    error_message = "A principal is one role or user, given by its ARN: arn:aws:iam::111122223333:role/ci. A whole account is none."
  }

  validation {
    condition = alltrue([
      for pusher in values(var.push) : pusher.external_id == null ? true :
      can(regex("^[A-Za-z0-9+=,.@:/_-]{16,256}$", pusher.external_id)) && pusher.oidc == null
    ])
    error_message = "An external id has 16 to 256 letters, digits and the characters + = , . @ : / _ -, and goes with principals."
  }

  validation {
    condition = alltrue([
      for pusher in values(var.push) : pusher.oidc == null ? true :
      can(regex("^arn:[a-z-]+:iam::[0-9]{12}:oidc-provider/[a-z0-9.-]+(/.*)?$", pusher.oidc.provider_arn))
    ])
    error_message = "A provider is given by its ARN: arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com."
  }

  validation {
    condition = alltrue([
      for pusher in values(var.push) : pusher.oidc == null ? true : length(pusher.oidc.subjects) > 0 && alltrue([
        for subject in pusher.oidc.subjects : can(regex("^([^*?]+$|[^*?:]+:[^*?]+/[^*?]+:)", subject))
      ])
    ])
    error_message = "Name at least one subject, and in it the whole repository or project before the first *: repo:owner/name:*, not repo:owner/* and not *."
  }

  validation {
    condition = alltrue(flatten([
      for pusher in values(var.push) : [for name in coalesce(pusher.repositories, toset([])) : contains(keys(var.repositories), name)]
    ])) && alltrue([for pusher in values(var.push) : pusher.repositories == null ? true : length(pusher.repositories) > 0])
    error_message = "A pusher's repositories are names out of repositories, at least one."
  }
}

variable "pull_accounts" {
  description = "The other accounts that may pull, by number. Their own policies say who there."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for account in var.pull_accounts : can(regex("^[0-9]{12}$", account))])
    error_message = "An account is given by its twelve digits."
  }
}

variable "pull_organization" {
  description = "The organization whose accounts may pull."
  type        = string
  default     = null

  validation {
    condition     = var.pull_organization == null || can(regex("^o-[a-z0-9]{10,32}$", var.pull_organization))
    error_message = "An organization is given by its id, like o-a1b2c3d4e5."
  }
}

variable "slipway_bus_arn" {
  description = "Slipway's event bus, the output EventBusArn of its template. It receives every push, so that stacks can subscribe to images. Without it no pushes are sent."
  type        = string
  default     = null

  validation {
    condition     = var.slipway_bus_arn == null || can(regex("^arn:[a-z-]+:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9._-]+$", var.slipway_bus_arn))
    error_message = "Slipway's bus is given by its ARN: arn:aws:events:eu-west-1:111122223333:event-bus/slipway."
  }
}

variable "kms_key_arn" {
  description = "The KMS key that encrypts the images. By default S3's own, which costs nothing. Another key makes the repositories anew, so it is chosen once."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "A key is given by its ARN: arn:aws:kms:eu-west-1:111122223333:key/…, not by an alias."
  }
}

variable "delete_images" {
  description = "Whether destroying the stack, or taking a repository out of it, deletes images. Without it AWS refuses to delete a repository that has any."
  type        = bool
  default     = false
  nullable    = false
}

variable "permissions_boundary" {
  description = "The boundary of the stack's roles, given by the environment."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/", var.permissions_boundary))
    error_message = "A boundary is a policy, given by its ARN: arn:aws:iam::111122223333:policy/slipway-environment-production."
  }
}
