# ---------------------------------------------------------------------------------------------- what runs

variable "services" {
  description = <<-EOT
    The services by name, as those of `web-service`. Each needs an image in a release.

    - `cpu`, `memory`: what a task takes of an instance: CPU units (1024 are one core), and MiB, beyond which it is ended.
    - `port`, `public`: one that listens on a port and is public gets the requests whose path is one of `paths` and whose host is one
      of `hosts` (what begins with it for a path that ends with *); one with neither gets all others. One that is not public is reached
      by the others, with `service_discovery`, as http://<name>:<port>.
    - `priority`: of the load balancer's rule, the lowest first; by default the more particular rule comes first.
    - `health_path`, `health_status`: what the load balancer asks, and the answer that is right.
    - `health_command`: a command in the container that ends with 0 while it is healthy.
    - `count`: how many tasks a release gives it. One without a port and of count 0 is a shape for tasks and schedules.
    - `environment`: environment variables of this service alone, nothing secret. With a database there are `DATABASE_ENGINE`, `_HOST`,
      `_PORT`, `_NAME`, `_USER` and `_PASSWORD` besides.
    - `secrets`: the names of those of the variable `secrets` that it gets; by default all.
    - `policies`: what the application may do in AWS: policy documents in JSON, by name.
    - `readonly_disk`: whether it can write to nothing but /tmp.
  EOT
  type = map(object({
    cpu             = optional(number, 256)
    memory          = optional(number, 512)
    command         = optional(list(string))
    port            = optional(number)
    public          = optional(bool, true)
    paths           = optional(list(string), [])
    hosts           = optional(list(string), [])
    priority        = optional(number)
    health_path     = optional(string, "/healthz")
    health_status   = optional(number, 200)
    health_command  = optional(list(string))
    count           = optional(number, 2)
    environment     = optional(map(string), {})
    secrets         = optional(list(string))
    policies        = optional(map(string), {})
    stop_timeout    = optional(number, 30)
    readonly_disk   = optional(bool, false)
    log_retention   = optional(number)
    grace_period    = optional(number, 60)
    drain_seconds   = optional(number, 30)
    sticky_sessions = optional(bool, false)
  }))
  default = { web = { port = 8080 } }

  validation {
    condition     = length(var.services) > 0 && length(var.services) <= 20 && alltrue([for name in keys(var.services) : can(regex("^[a-z][a-z0-9-]{0,19}$", name)) && !endswith(name, "-")])
    error_message = "There are 1 to 20 services. A service's name starts with a lower-case letter, has at most 20 lower-case letters, digits and hyphens, and does not end with -."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.cpu >= 128 && floor(service.cpu) == service.cpu && service.memory >= 6 && floor(service.memory) == service.memory])
    error_message = "cpu is a whole number, 128 or more; memory one of 6 or more."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.port == null ? true : service.port >= 1 && service.port <= 65535 && floor(service.port) == service.port])
    error_message = "A port is a whole number from 1 to 65535."
  }

  validation {
    condition     = length([for service in values(var.services) : service if service.port != null && service.public && length(service.paths) + length(service.hosts) == 0]) <= 1
    error_message = "Only one public service can get the requests that are for no other: give the others paths or hosts."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : length(service.paths) + length(service.hosts) <= 5])
    error_message = "A service has at most 5 paths and hosts together: that is the limit of a load balancer's rule."
  }

  validation {
    condition     = alltrue(flatten([for service in values(var.services) : [for path in concat(service.paths, [service.health_path]) : can(regex("^/[A-Za-z0-9_.$/~\"'@:+&*?-]{0,127}$", path))]]))
    error_message = "A path starts with / and has at most 128 characters; * stands for any text in it."
  }

  validation {
    condition     = alltrue(flatten([for service in values(var.services) : [for host in service.hosts : can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", host))]]))
    error_message = "A host is a whole name like api.example.com, in lower case."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.count >= 0 && service.count <= 1000 && floor(service.count) == service.count])
    error_message = "A count is a whole number from 0 to 1000."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.stop_timeout >= 2 && service.stop_timeout <= 120 && service.drain_seconds >= 0 && service.drain_seconds <= 3600 && service.grace_period >= 0])
    error_message = "stop_timeout is 2 to 120 seconds, drain_seconds 0 to 3600, and grace_period not less than 0."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.health_status >= 200 && service.health_status <= 499])
    error_message = "health_status is an HTTP status from 200 to 499."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.priority == null ? true : service.priority >= 1 && service.priority <= 50000 && floor(service.priority) == service.priority])
    error_message = "A priority is a whole number from 1 to 50000; the lowest comes first."
  }
}

variable "environment" {
  description = "Environment variables of all services: nothing secret."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.environment) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name))])
    error_message = "The name of an environment variable has letters, digits and underscores, and does not start with a digit."
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

  validation {
    condition     = length(setintersection(concat(keys(var.environment), flatten([for service in values(var.services) : keys(service.environment)])), keys(var.secrets))) == 0
    error_message = "A name is that of an environment variable or of a secret, and only one of them: ECS takes each name once."
  }

  validation {
    condition     = alltrue(flatten([for service in values(var.services) : [for name in coalesce(service.secrets, []) : contains(keys(var.secrets), name)]]))
    error_message = "The `secrets` of a service are names of `secrets`."
  }
}

variable "migrations" {
  description = "What runs with a release's own image before any service gets it, in this order."
  type = list(object({
    name            = string
    service         = optional(string, "web")
    command         = list(string)
    timeout_seconds = optional(number, 900)
  }))
  default = []

  validation {
    condition     = alltrue([for migration in var.migrations : contains(keys(var.services), migration.service)])
    error_message = "A migration runs with the image of a service that there is: name it in `service`."
  }

  validation {
    condition     = alltrue([for migration in var.migrations : length(migration.command) > 0 && migration.timeout_seconds >= 1 && migration.timeout_seconds <= 86400])
    error_message = "A migration has a command, and 1 to 86400 seconds."
  }

  validation {
    condition     = length(var.migrations) <= 20 && length(distinct(var.migrations[*].name)) == length(var.migrations) && alltrue([for migration in var.migrations : can(regex("^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$", migration.name))])
    error_message = "There are at most 20 migrations. Each has a name of its own, of at most 40 lower-case letters, digits and hyphens, not ending with a hyphen."
  }
}

variable "tasks" {
  description = "Commands that people may run with the current images, by name: `createsuperuser`, for example."
  type = map(object({
    service         = optional(string, "web")
    command         = list(string)
    timeout_seconds = optional(number, 900)
  }))
  default = {}

  validation {
    condition     = alltrue([for task in values(var.tasks) : contains(keys(var.services), task.service)])
    error_message = "A task runs with the image of a service that there is: name it in `service`."
  }

  validation {
    condition     = alltrue([for task in values(var.tasks) : length(task.command) > 0 && task.timeout_seconds >= 1 && task.timeout_seconds <= 86400])
    error_message = "A task has a command, and 1 to 86400 seconds."
  }

  validation {
    condition     = alltrue([for name in keys(var.tasks) : can(regex("^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$", name))])
    error_message = "A task's name has at most 40 lower-case letters, digits and hyphens, and does not end with a hyphen."
  }
}

variable "schedules" {
  description = "Commands that run by the clock, by name: one task for each tick, with the image of `service`, from the first release on. An expression is rate(5 minutes), cron(0 3 * * ? *) or at(2026-12-31T23:59:00)."
  type = map(object({
    expression      = string
    timezone        = optional(string, "UTC")
    service         = optional(string, "web")
    command         = list(string)
    timeout_seconds = optional(number, 900)
  }))
  default = {}

  validation {
    condition     = alltrue([for schedule in values(var.schedules) : can(regex("^(rate\\([1-9][0-9]* (minute|minutes|hour|hours|day|days)\\)|cron\\([^ ()]+( [^ ()]+){5}\\)|at\\([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\))$", schedule.expression))])
    error_message = "A schedule is rate(5 minutes), cron(0 3 * * ? *) with its six fields, or at(2026-12-31T23:59:00)."
  }

  validation {
    condition     = alltrue([for schedule in values(var.schedules) : contains(keys(var.services), schedule.service)])
    error_message = "A schedule runs with the image of a service that there is: name it in `service`."
  }

  validation {
    condition     = alltrue([for schedule in values(var.schedules) : length(schedule.command) > 0 && schedule.timeout_seconds >= 1 && schedule.timeout_seconds <= 86400])
    error_message = "A schedule has a command, and 1 to 86400 seconds."
  }

  validation {
    condition     = alltrue([for name in keys(var.schedules) : can(regex("^[a-z]([a-z0-9-]{0,36}[a-z0-9])?$", name))])
    error_message = "A schedule's name has at most 38 lower-case letters, digits and hyphens, and does not end with a hyphen."
  }
}

variable "database" {
  description = "A PostgreSQL (`postgres`) or MySQL (`mysql`) database; null for none. It is private, encrypted, backed up, and leaves a last snapshot when it is deleted. `snapshot` is the one that it is made from."
  type = object({
    engine                = optional(string, "postgres")
    engine_version        = optional(string)
    instance_class        = optional(string, "db.t4g.micro")
    allocated_storage     = optional(number, 20)
    max_allocated_storage = optional(number, 100)
    multi_az              = optional(bool, false)
    backup_retention_days = optional(number, 7)
    final_snapshot        = optional(bool, true)
    apply_immediately     = optional(bool, false)
    performance_insights  = optional(bool, false)
    name                  = optional(string, "app")
    username              = optional(string, "app")
    snapshot              = optional(string)
  })
  default = null

  validation {
    condition     = var.database == null ? true : contains(["postgres", "mysql"], var.database.engine)
    error_message = "The engine of a database is postgres or mysql."
  }

  validation {
    condition     = var.database == null ? true : var.database.engine_version == null ? true : contains(var.database.engine == "mysql" ? ["8.0", "8.4"] : ["14", "15", "16", "17", "18"], var.database.engine_version)
    error_message = "PostgreSQL is of version 14, 15, 16, 17 or 18; MySQL of 8.0 or 8.4. RDS keeps the minor version up to date."
  }

  validation {
    condition     = var.database == null ? true : can(regex("^db\\.[a-z0-9-]+\\.[a-z0-9]+$", var.database.instance_class))
    error_message = "An instance class is like db.t4g.micro."
  }

  validation {
    condition     = var.database == null ? true : var.database.allocated_storage >= 20 && var.database.max_allocated_storage <= 65536 && var.database.max_allocated_storage >= var.database.allocated_storage
    error_message = "A database has 20 to 65536 GiB of storage, and max_allocated_storage is allocated_storage or more: storage does not shrink."
  }

  validation {
    condition     = var.database == null ? true : var.database.backup_retention_days >= 1 && var.database.backup_retention_days <= 35
    error_message = "Backups are kept for 1 to 35 days: a database without them cannot be put back."
  }

  validation {
    condition     = var.database == null ? true : can(regex("^[a-zA-Z][a-zA-Z0-9_]{0,62}$", var.database.name))
    error_message = "A database's name starts with a letter, and has at most 63 letters, digits and underscores."
  }

  validation {
    condition     = var.database == null ? true : can(regex("^[a-zA-Z][a-zA-Z0-9_]{0,15}$", var.database.username)) && !contains(["admin", "postgres", "rdsadmin", "rdsrepladmin", "root", "user"], lower(var.database.username))
    error_message = "A user's name starts with a letter, has at most 16 letters, digits and underscores, and is none of admin, postgres, rdsadmin, root and user."
  }
}

variable "service_discovery" {
  description = "Whether services find each other as http://<name>:<port> (ECS Service Connect). A proxy in each task does it: give tasks 256 CPU units and 64 MiB more."
  type        = bool
  default     = false
}

variable "enable_execute_command" {
  description = "Whether people with the right in IAM may open a shell in a running task (ECS Exec)."
  type        = bool
  default     = false
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
  description = "Who may connect to the load balancer, as IPv4 and IPv6 blocks. With fewer than everybody, the stack's health is not asked after a release."
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
    error_message = "An alarm tells at most five: topics, and the address as one."
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
