# Where it is and how it is looked after, which an environment usually says. What runs is in variables_services.tf, its commands in
# variables_commands.tf, what it keeps in variables_keeps.tf.

variable "network" {
  description = "A network that exists: its public subnets for the load balancer, private ones for everything else, each in two zones. Its private subnets need a way to the internet or endpoints for ECR, S3, CloudWatch Logs, Secrets Manager and whatever the application calls. Null for a network of the stack's own."
  type = object({
    vpc_id             = string
    public_subnet_ids  = optional(list(string), [])
    private_subnet_ids = list(string)
  })
  default = null

  validation {
    condition     = var.network == null ? true : can(regex("^vpc-[0-9a-f]+$", var.network.vpc_id)) && alltrue([for id in concat(var.network.public_subnet_ids, var.network.private_subnet_ids) : can(regex("^subnet-[0-9a-f]+$", id))])
    error_message = "A network is given by ids: vpc-… and subnet-…."
  }

  validation {
    condition     = var.network == null ? true : length(var.network.private_subnet_ids) >= 2 && (var.internal || length(var.network.public_subnet_ids) >= 2)
    error_message = "Give at least two private subnets, and two public ones unless the load balancer is internal."
  }
}

variable "cidr_block" {
  description = "The addresses of the stack's own network."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrhost(var.cidr_block, 0)) && can(regex("/(1[6-9]|2[0-4])$", var.cidr_block))
    error_message = "The addresses are a block like 10.0.0.0/16, of /16 to /24."
  }
}

variable "zones" {
  description = "In how many availability zones the stack's own network is."
  type        = number
  default     = 2

  validation {
    condition     = contains([2, 3], var.zones)
    error_message = "A network is in 2 or 3 zones."
  }
}

variable "nat" {
  description = "How tasks reach the internet in the stack's own network: `single` is a NAT gateway, `per-zone` one in each zone, `none` are public addresses of the tasks themselves, which nothing can connect to: cheap, for stacks with few tasks."
  type        = string
  default     = "single"

  validation {
    condition     = contains(["single", "per-zone", "none"], var.nat)
    error_message = "nat is one of single, per-zone and none."
  }
}

variable "flow_logs" {
  description = "Whether refused connections in the stack's own network are recorded."
  type        = bool
  default     = true
}

variable "zone_id" {
  description = "The Route 53 zone of the stack's names. With it the stack gets a certificate and is reached by HTTPS."
  type        = string
  default     = null

  validation {
    condition     = var.zone_id == null || can(regex("^Z[A-Z0-9]{1,31}$", coalesce(var.zone_id, "-")))
    error_message = "A zone is given by its id, like Z0123456789ABCDEFGHIJ."
  }
}

variable "domain_name" {
  description = "The stack's name, like www.example.com; null for <stack id>.<zone>, or the load balancer's own name where there is no zone."
  type        = string
  default     = null

  validation {
    condition     = var.domain_name == null || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", coalesce(var.domain_name, "-")))
    error_message = "A name is like www.example.com, in lower case."
  }

  # https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html
  validation {
    condition     = var.domain_name == null || var.certificate_arn != null || length(coalesce(var.domain_name, "-")) <= 64
    error_message = "A certificate's first name has at most 64 characters: give a shorter domain_name, or a certificate_arn."
  }

  validation {
    condition     = var.domain_name == null || var.zone_id != null || var.certificate_arn != null
    error_message = "A name needs a zone_id, for its records and its certificate, or a certificate_arn."
  }

  validation {
    condition     = var.domain_name != null || var.zone_id != null || var.certificate_arn == null
    error_message = "A certificate_arn is for a name: give domain_name too."
  }
}

variable "certificate_arn" {
  description = "A certificate in ACM, of this region, that exists; null for one that is made and renewed, where there is a zone."
  type        = string
  default     = null

  validation {
    condition     = var.certificate_arn == null || can(regex("^arn:[a-z-]+:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]+$", coalesce(var.certificate_arn, "-")))
    error_message = "A certificate is given by its ARN in ACM: arn:aws:acm:eu-west-1:111122223333:certificate/…."
  }
}

variable "internal" {
  description = "Whether only the network itself reaches the load balancer. Its health is then not asked after a release."
  type        = bool
  default     = false
}

variable "allowed_cidr_blocks" {
  description = "Who may connect to the load balancer, as IPv4 and IPv6 blocks. If they do not include all addresses, releases do not check the stack's health."
  type        = list(string)
  default     = ["0.0.0.0/0", "::/0"]

  validation {
    condition     = length(var.allowed_cidr_blocks) > 0 && alltrue([for block in var.allowed_cidr_blocks : can(cidrhost(block, 0))])
    error_message = "Name at least one block, like 203.0.113.0/24 or 2001:db8::/32."
  }
}

variable "web_acl_arn" {
  description = "A web ACL of AWS WAF, of this region, in front of the load balancer; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.web_acl_arn == null || can(regex("^arn:[a-z-]+:wafv2:[a-z0-9-]+:[0-9]{12}:regional/webacl/", coalesce(var.web_acl_arn, "-")))
    error_message = "A web ACL is given by its ARN: arn:aws:wafv2:eu-west-1:111122223333:regional/webacl/name/id."
  }
}

variable "access_log_bucket" {
  description = "A bucket for the load balancer's access logs, which lets it write there; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.access_log_bucket == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", coalesce(var.access_log_bucket, "-")))
    error_message = "A bucket is given by its name."
  }
}

variable "image_repositories" {
  description = "The ARNs of the ECR repositories that images come from; null for any in this account. Repositories of another account have to be named, and have to allow it."
  type        = list(string)
  default     = null

  validation {
    condition     = var.image_repositories == null ? true : length(var.image_repositories) > 0 && alltrue([for arn in var.image_repositories : can(regex("^arn:[a-z-]+:ecr:[a-z0-9-]+:[0-9]{12}:repository/", arn))])
    error_message = "A repository is given by its ARN: arn:aws:ecr:eu-west-1:111122223333:repository/team/web."
  }
}

variable "permissions_boundary" {
  description = "The boundary of all roles of the stack: the output permissions_boundary_arn of the module target-account."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/", coalesce(var.permissions_boundary, "-")))
    error_message = "A boundary is given by the ARN of a policy: arn:aws:iam::111122223333:policy/slipway-environment-production."
  }
}

variable "deletion_protection" {
  description = "Whether load balancer and database refuse to be deleted. A protected environment sets it; before a stack goes, it has to be taken away."
  type        = bool
  default     = false
}

variable "enable_execute_command" {
  description = "Whether people with the right in IAM may open a shell in a running task (ECS Exec)."
  type        = bool
  default     = false
}

variable "log_retention_days" {
  description = "For how many days logs are kept, where a service says nothing else (`log_retention`)."
  type        = number
  default     = 30

  validation {
    condition     = alltrue([for days in concat([var.log_retention_days], [for part in concat(values(var.services), values(var.workers)) : part.log_retention if part.log_retention != null]) : contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], days)])
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}

variable "alarms" {
  description = "Who hears of alarms: an e-mail address, which has to confirm it once, and SNS topics that exist."
  type = object({
    email      = optional(string)
    topic_arns = optional(list(string), [])
  })
  default = {}

  validation {
    condition     = var.alarms.email == null || can(regex("^[^@ ]+@[^@ ]+\\.[a-z]{2,}$", coalesce(var.alarms.email, "-")))
    error_message = "An address is like team@example.com."
  }

  validation {
    condition     = alltrue([for arn in var.alarms.topic_arns : can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:", arn))])
    error_message = "A topic is given by its ARN: arn:aws:sns:eu-west-1:111122223333:alarms."
  }
}

variable "idle_timeout" {
  description = "After how many seconds without a byte the load balancer ends a request."
  type        = number
  default     = 60

  validation {
    condition     = var.idle_timeout >= 1 && var.idle_timeout <= 4000 && floor(var.idle_timeout) == var.idle_timeout
    error_message = "idle_timeout is a whole number of seconds from 1 to 4000."
  }
}

variable "service_discovery" {
  description = "Whether services find each other as http://<name>:<port> (ECS Service Connect). Its proxy takes some of each task: give 256 CPU units and 64 MiB more where there is much to do. By default where more than one service listens."
  type        = bool
  default     = null
}

variable "container_insights" {
  description = "Whether CloudWatch records how much each service uses; some 7 dollars a month for a small stack."
  type        = bool
  default     = false
}

variable "guardduty" {
  description = "Whether GuardDuty Runtime Monitoring may start its agent in the tasks. It leaves a security group and an endpoint in the network, which have to be deleted before the stack."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "A KMS key of your own for logs, database, cache, files, queues and secrets; null for AWS's keys. Its policy has to let CloudWatch Logs and the stack's roles use it. A database and a cache keep the key that they were made with."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", coalesce(var.kms_key_arn, "-")))
    error_message = "A key is given by its ARN: arn:aws:kms:eu-west-1:111122223333:key/…, not by an alias."
  }
}
