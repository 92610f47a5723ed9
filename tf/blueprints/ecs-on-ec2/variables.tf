# Where it runs and how it is looked after. The services and their database are in variables_services.tf.

# ---------------------------------------------------------------------------------------------- what it runs on

variable "architecture" {
  description = "What the images are built for, and so the instances: X86_64 or ARM64."
  type        = string
  default     = "X86_64"

  validation {
    condition     = contains(["X86_64", "ARM64"], var.architecture)
    error_message = "architecture is X86_64 or ARM64."
  }
}

variable "instance_type" {
  description = "The type of the instances; t3.small, or t4g.small for ARM64, by default. Each task has a network interface of its own, of which a type has few: two tasks fit on a t3.small. The README says more."
  type        = string
  default     = null

  validation {
    condition     = var.instance_type == null || can(regex("^[a-z][a-z0-9-]*[0-9][a-z0-9-]*\\.[a-z0-9-]+$", coalesce(var.instance_type, "-")))
    error_message = "An instance type is like t3.small."
  }

  validation {
    condition     = var.instance_type == null || can(regex("^(a1|[a-z]+[0-9]+g[a-z]*)\\.", coalesce(var.instance_type, "-"))) == (var.architecture == "ARM64")
    error_message = "A Graviton type, like t4g.small or m7g.large, goes with ARM64; any other with X86_64."
  }
}

variable "min_instances" {
  description = "How many instances there are at least. With 0 the first task waits some three minutes for the first one."
  type        = number
  default     = 0

  validation {
    condition     = var.min_instances >= 0 && floor(var.min_instances) == var.min_instances
    error_message = "min_instances is a whole number, 0 or more."
  }
}

variable "max_instances" {
  description = "How many instances there are at most. A rollout needs room for the old and the new tasks at a time."
  type        = number
  default     = 4

  validation {
    condition     = var.max_instances >= max(1, var.min_instances) && var.max_instances <= 1000 && floor(var.max_instances) == var.max_instances
    error_message = "max_instances is a whole number from min_instances, and from 1, to 1000."
  }
}

variable "target_capacity" {
  description = "How full ECS keeps the instances, in percent. Below 100 there is room for tasks to start without waiting."
  type        = number
  default     = 100

  validation {
    condition     = var.target_capacity >= 1 && var.target_capacity <= 100
    error_message = "target_capacity is from 1 to 100."
  }
}

variable "ami" {
  description = "The image of the instances. By default the newest of Amazon Linux 2023 for ECS whenever the stack is updated: another one replaces the instances, one after the other."
  type        = string
  default     = null

  validation {
    condition     = var.ami == null || can(regex("^ami-[0-9a-f]{8,17}$", coalesce(var.ami, "-")))
    error_message = "An image is given by its id, like ami-0123456789abcdef0."
  }
}

variable "disk_gib" {
  description = "The encrypted disk of each instance, for images and what containers write."
  type        = number
  default     = 30

  validation {
    condition     = var.disk_gib >= 30 && var.disk_gib <= 16384 && floor(var.disk_gib) == var.disk_gib
    error_message = "disk_gib is a whole number from 30 to 16384."
  }
}

# ---------------------------------------------------------------------------------------------- where it is, and who reaches it

variable "network" {
  description = "A network that exists: its public subnets for the load balancer, private ones for instances, tasks and everything else, each in two zones. Its private subnets need a way to the internet or endpoints for ECR, S3, CloudWatch Logs, Secrets Manager and whatever the application calls. Null for a network of the stack's own."
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
  description = "How instances and tasks reach the internet in the stack's own network: `single` is a NAT gateway, `per-zone` one in each zone, which survives the loss of a zone."
  type        = string
  default     = "single"

  validation {
    condition     = contains(["single", "per-zone"], var.nat)
    error_message = "nat is single or per-zone: without one, no instance can register."
  }
}

variable "flow_logs" {
  description = "Whether refused connections in the stack's own network are recorded."
  type        = bool
  default     = true
}

variable "egress_ports" {
  description = "The TCP ports on which tasks reach the internet. Within the network they reach every port that lets them in."
  type        = set(number)
  default     = [443]

  validation {
    condition     = contains(var.egress_ports, 443) && alltrue([for port in var.egress_ports : port >= 1 && port <= 65535])
    error_message = "Ports are from 1 to 65535, and 443 is among them: AWS's own services are reached by it."
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

# ---------------------------------------------------------------------------------------------- how it is looked after

variable "container_insights" {
  description = "Whether CloudWatch records how much each service uses; some 7 dollars a month for a small stack."
  type        = bool
  default     = false
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

  validation {
    condition     = length(var.alarms.topic_arns) + (var.alarms.email == null ? 0 : 1) <= 5
    error_message = "An alarm has at most five actions: the topics, and the address as one."
  }
}

variable "log_retention_days" {
  description = "For how many days logs are kept, where a service says nothing else (`log_retention`)."
  type        = number
  default     = 30

  validation {
    condition     = alltrue([for days in concat([var.log_retention_days], [for part in values(var.services) : part.log_retention if part.log_retention != null]) : contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], days)])
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}

variable "deletion_protection" {
  description = "Whether load balancer and database refuse to be deleted. A protected environment sets it; before a stack goes, it has to be taken away."
  type        = bool
  default     = false
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

variable "idle_timeout" {
  description = "After how many seconds without a byte the load balancer ends a request."
  type        = number
  default     = 60

  validation {
    condition     = var.idle_timeout >= 1 && var.idle_timeout <= 4000 && floor(var.idle_timeout) == var.idle_timeout
    error_message = "idle_timeout is a whole number of seconds from 1 to 4000."
  }
}

variable "kms_key_arn" {
  description = "A KMS key of your own for logs and database; null for AWS's keys. Its policy has to let CloudWatch Logs and the stack's roles use it. A database keeps the key that it was made with."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", coalesce(var.kms_key_arn, "-")))
    error_message = "A key is given by its ARN: arn:aws:kms:eu-west-1:111122223333:key/…, not by an alias."
  }
}
