# ---------------------------------------------------------------------------------------------- what runs

variable "services" {
  description = <<-EOT
    The services, by name.

    - `cpu`, `memory`: what a task takes of an instance: CPU units (1024 are one core), and MiB, beyond which it is ended.
    - `command`: the program and its arguments; by default what the image says.
    - `port`: where it listens. One that listens nowhere has none.
    - `desired_count`: how many tasks a release gives it.
    - `environment`: environment variables, nothing secret. With a database there are `DATABASE_ENGINE`, `_HOST`, `_PORT`, `_NAME`,
      `_USER` and `_PASSWORD` besides.
    - `secrets`: environment variables that are read from Secrets Manager when a task starts, by ARN.
    - `health_command`: a command in the container that ends with 0 while it is healthy.
    - `stop_timeout`: how many seconds a task has to end by itself.
    - `readonly_root_filesystem`: whether it can write to nothing but /tmp.
    - `policies`: what the application may do in AWS: policy documents in JSON, by name.
    - `route`: what the load balancer sends to it, by `paths` (`/api/*`) and `hosts` (`api.example.com`), the rule with the lowest
      `priority` first. One service may have a route with neither, `{}`: it gets everything else. `health_path` has to answer 200
      to 399, and for that one 200.
  EOT
  type = map(object({
    cpu                      = optional(number, 256)
    memory                   = optional(number, 512)
    command                  = optional(list(string))
    port                     = optional(number)
    desired_count            = optional(number, 1)
    environment              = optional(map(string), {})
    secrets                  = optional(map(string), {})
    health_command           = optional(list(string))
    stop_timeout             = optional(number, 30)
    readonly_root_filesystem = optional(bool, false)
    policies                 = optional(map(string), {})
    route = optional(object({
      priority    = optional(number)
      paths       = optional(list(string), [])
      hosts       = optional(list(string), [])
      health_path = optional(string, "/")
    }))
  }))

  validation {
    condition = length(var.services) >= 1 && length(var.services) <= 20 && alltrue([
      for key in keys(var.services) : can(regex("^[a-z]([a-z0-9-]{0,22}[a-z0-9])?$", key))
    ])
    error_message = "There are 1 to 20 services. A service's name starts with a lower-case letter, has at most 24 lower-case letters, digits and hyphens, and does not end with a hyphen."
  }

  validation {
    condition = alltrue([
      for service in values(var.services) : service.cpu >= 128 && floor(service.cpu) == service.cpu
      && service.memory >= 6 && floor(service.memory) == service.memory
      && service.desired_count >= 0 && floor(service.desired_count) == service.desired_count
    ])
    error_message = "cpu is a whole number, 128 or more; memory one of 6 or more; desired_count one of 0 or more."
  }

  validation {
    condition = alltrue([
      for service in values(var.services) : service.port == null ? service.route == null : service.port >= 1 && service.port <= 65535 && floor(service.port) == service.port
    ])
    error_message = "A port is a whole number from 1 to 65535, and a service that has a route has a port."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.stop_timeout >= 2 && service.stop_timeout <= 120])
    error_message = "A task has 2 to 120 seconds to end by itself."
  }

  validation {
    condition = alltrue(flatten([
      for service in values(var.services) : [for arn in values(service.secrets) : can(regex("^arn:[a-z-]+:secretsmanager:", arn))]
    ]))
    error_message = "A secret is given by its ARN in Secrets Manager, never by its value."
  }

  validation {
    condition = length([
      for service in values(var.services) : service if service.route == null ? false : length(service.route.paths) + length(service.route.hosts) == 0
    ]) <= 1
    error_message = "Only one service gets everything else: give the routes of the others paths or hosts."
  }

  validation {
    condition = alltrue([
      for service in values(var.services) : service.route == null ? true : (
        length(service.route.paths) + length(service.route.hosts) > 0 ?
        service.route.priority == null ? false : service.route.priority >= 1 && service.route.priority <= 50000 : service.route.priority == null
      ) && startswith(service.route.health_path, "/") && length(service.route.paths) + length(service.route.hosts) <= 5
      && alltrue([for path in service.route.paths : startswith(path, "/")])
      ]) && length(distinct([for service in values(var.services) : service.route.priority if try(service.route.priority, null) != null])) == (
      length([for service in values(var.services) : service if try(service.route.priority, null) != null])
    )
    error_message = "A route with paths or hosts, at most five together, has a priority from 1 to 50000 that no other has; the one without them has none. Paths and health_path begin with /."
  }
}

variable "migrations" {
  description = "What a release runs before any service gets it, in this order, with its own image: each with its name, the service whose shape and environment its task has, and the command."
  type = list(object({
    name            = string
    service         = string
    command         = list(string)
    timeout_seconds = optional(number, 900)
  }))
  default = []

  validation {
    condition = length(var.migrations) <= 20 && alltrue([
      for migration in var.migrations : contains(keys(var.services), migration.service) && length(migration.command) > 0 && migration.timeout_seconds >= 1
    ])
    error_message = "There are at most 20 migrations, each with the name of one of the services, a command and a timeout of a second or more."
  }
}

variable "tasks" {
  description = "Commands that people may run with the image of the current release, by name."
  type = map(object({
    service         = string
    command         = list(string)
    timeout_seconds = optional(number, 900)
  }))
  default = {}

  validation {
    condition = alltrue([
      for task in values(var.tasks) : contains(keys(var.services), task.service) && length(task.command) > 0 && task.timeout_seconds >= 1
    ])
    error_message = "A task has the name of one of the services, a command and a timeout of a second or more."
  }
}

variable "schedules" {
  description = "Commands that run at their times, by name, with the image of the current release. `expression` is rate(5 minutes), cron(0 3 * * ? *) or at(2026-12-31T23:59:00), in `timezone`."
  type = map(object({
    service         = string
    command         = list(string)
    expression      = string
    timezone        = optional(string, "UTC")
    timeout_seconds = optional(number, 900)
  }))
  default = {}

  validation {
    condition = alltrue([
      for key, schedule in var.schedules : can(regex("^[a-z]([a-z0-9-]{0,22}[a-z0-9])?$", key)) && contains(keys(var.services), schedule.service)
      && length(schedule.command) > 0 && schedule.timeout_seconds >= 1
    ])
    error_message = "A schedule's name has at most 24 lower-case letters, digits and hyphens and starts with a letter; it has the name of one of the services, a command and a timeout of a second or more."
  }

  validation {
    condition     = alltrue([for schedule in values(var.schedules) : can(regex("^(rate|cron|at)\\(.+\\)$", schedule.expression))])
    error_message = "An expression is rate(5 minutes), cron(0 3 * * ? *) or at(2026-12-31T23:59:00)."
  }
}

variable "database" {
  description = "A database of the stack's own, `postgres` or `mysql`; none by default. `snapshot` is the one that it is made from; with `final_snapshot`, a last one outlives the stack."
  type = object({
    engine                = string
    engine_version        = optional(string)
    instance_class        = optional(string, "db.t4g.micro")
    allocated_storage     = optional(number, 20)
    max_allocated_storage = optional(number, 100)
    multi_az              = optional(bool, false)
    backup_retention_days = optional(number, 7)
    final_snapshot        = optional(bool, true)
    snapshot              = optional(string)
  })
  default = null

  validation {
    condition     = var.database == null ? true : contains(["postgres", "mysql"], var.database.engine)
    error_message = "engine is postgres or mysql."
  }
}

variable "service_discovery" {
  description = "Whether services find each other as http://<name>:<port> (ECS Service Connect). A proxy in each task does it: give tasks 256 CPU units and 64 MiB more."
  type        = bool
  default     = false
}

variable "enable_execute_command" {
  description = "Whether people with the right may open a shell in a running task (ECS Exec)."
  type        = bool
  default     = false
}

variable "image_repository_arns" {
  description = "The ECR repositories of the images, which may be in other accounts; null for any in this account."
  type        = list(string)
  default     = null
}

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

variable "vpc_id" {
  description = "A VPC that is there already. Without one the stack makes its own."
  type        = string
  default     = null

  validation {
    condition     = var.vpc_id == null || can(regex("^vpc-[0-9a-f]{8,17}$", coalesce(var.vpc_id, "-")))
    error_message = "A VPC is given by its id, like vpc-0123456789abcdef0."
  }
}

variable "private_subnet_ids" {
  description = "Of a given VPC: the subnets of instances and tasks, in at least two zones, with a NAT gateway or endpoints."
  type        = list(string)
  default     = []

  validation {
    condition = var.vpc_id == null ? length(var.private_subnet_ids) == 0 : length(var.private_subnet_ids) >= 2 && alltrue([
      for id in var.private_subnet_ids : can(regex("^subnet-[0-9a-f]{8,17}$", id))
    ])
    error_message = "A given VPC, and only that, comes with at least two private subnets, by their ids like subnet-0123456789abcdef0."
  }
}

variable "public_subnet_ids" {
  description = "Of a given VPC: the subnets of a public load balancer, in at least two zones."
  type        = list(string)
  default     = []

  validation {
    condition = var.vpc_id == null ? length(var.public_subnet_ids) == 0 : alltrue([
      for id in var.public_subnet_ids : can(regex("^subnet-[0-9a-f]{8,17}$", id))
    ]) && length(var.public_subnet_ids) >= (var.public ? 2 : 0)
    error_message = "A given VPC, and only that, comes with public subnets, by their ids; at least two where the load balancer is public."
  }
}

variable "nat" {
  description = "The NAT gateways of a network of the stack's own: `single`, or `per-zone`, which survives the loss of a zone and costs twice as much."
  type        = string
  default     = "single"

  validation {
    condition     = contains(["single", "per-zone"], var.nat)
    error_message = "nat is single or per-zone: without one, no instance can register."
  }
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

variable "public" {
  description = "Whether the load balancer is reached from the internet."
  type        = bool
  default     = true
}

variable "allowed_cidrs" {
  description = "Who may reach the load balancer; by default everybody where it is public, and else the network's own addresses."
  type        = list(string)
  default     = null

  validation {
    condition     = var.allowed_cidrs == null ? true : length(var.allowed_cidrs) > 0 && alltrue([for cidr in var.allowed_cidrs : can(cidrnetmask(cidr))])
    error_message = "Name at least one IPv4 range, like 203.0.113.0/24."
  }
}

variable "certificate_arn" {
  description = "The certificate of domain_name in ACM. Without one the stack answers on plain HTTP, with a warning."
  type        = string
  default     = null

  validation {
    condition     = var.certificate_arn == null || can(regex("^arn:[a-z-]+:acm:[a-z0-9-]+:[0-9]{12}:certificate/", coalesce(var.certificate_arn, "-")))
    error_message = "A certificate is given by its ARN in ACM."
  }

  validation {
    condition     = var.certificate_arn == null || var.domain_name != null
    error_message = "A certificate is for a name: give domain_name as well."
  }
}

variable "domain_name" {
  description = "The name at which people open the stack; by default the load balancer's own."
  type        = string
  default     = null

  validation {
    condition     = var.domain_name == null || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", coalesce(var.domain_name, "-")))
    error_message = "A domain name is like shop.example.com."
  }
}

variable "zone_id" {
  description = "The Route 53 zone in which domain_name gets its record; null where that is made elsewhere."
  type        = string
  default     = null

  validation {
    condition     = var.zone_id == null || (can(regex("^Z[A-Z0-9]+$", coalesce(var.zone_id, "-"))) && var.domain_name != null)
    error_message = "A zone is given by its id, like Z0123456789ABCDEFGHIJ, and together with domain_name."
  }
}

# ---------------------------------------------------------------------------------------------- how it is looked after

variable "container_insights" {
  description = "Whether CloudWatch records how much each service uses; some 7 dollars a month for a small stack."
  type        = bool
  default     = false
}

variable "alarm_topic_arns" {
  description = "The SNS topics that hear of alarms."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.alarm_topic_arns : can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:", arn))]) && length(var.alarm_topic_arns) <= 5
    error_message = "At most five topics, each by its ARN in SNS."
  }
}

variable "log_retention_days" {
  description = "For how many days logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the load balancer and the database. Take it away with an update before the stack is destroyed."
  type        = bool
  default     = false
}

variable "permissions_boundary" {
  description = "The boundary of the stack's roles, which the environment gives."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/", coalesce(var.permissions_boundary, "-")))
    error_message = "A boundary is a policy, given by its ARN: arn:aws:iam::111122223333:policy/slipway-environment-production."
  }
}
