# Where it is, and how people reach it.

variable "network" {
  description = <<-EOT
    A network that exists; null for a network of the stack's own.

    - `vpc_id`: the VPC.
    - `public_subnet_ids`: the subnets of the load balancer, in two zones.
    - `private_subnet_ids`: the subnets of everything else, in two zones. They need a way to the internet, or endpoints for ECR,
      S3, CloudWatch Logs, Secrets Manager and whatever the application calls.
  EOT
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
