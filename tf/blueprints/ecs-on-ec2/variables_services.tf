# The services that run, and what they know by their environment variables.

variable "services" {
  description = <<-EOT
    The services by name, as those of `web-service`. Each needs an image in a release.

    - `cpu`: the CPU units that a task takes of an instance: 1024 are one core.
    - `memory`: the memory in MiB that a task takes of an instance, and beyond which it is ended.
    - `command`: the program and its arguments; by default what the image says.
    - `port`: the port on which it listens, on 0.0.0.0, and which it finds as PORT; null for one that listens on none.
    - `public`: whether the load balancer sends it requests. One that is not public is reached by the others as
      http://<name>:<port>, with `service_discovery`.
    - `paths`: the paths whose requests it gets, and with a * at the end what begins with it. A service with neither paths nor
      hosts gets all other requests.
    - `hosts`: the hosts whose requests it gets.
    - `priority`: of the load balancer's rule, the lowest first; by default the more particular rule comes first.
    - `protocol`: http, http2, grpc or tcp. A public one of http2 or grpc needs HTTPS; one of tcp is not public.
    - `request_timeout`: after how many seconds without a complete answer Service Connect ends a request; 0 for never.
    - `idle_timeout`: after how many seconds without a byte it closes a connection; by default five minutes, an hour for tcp.
    - `health_path`: what the load balancer asks.
    - `health_status`: the answer that is right.
    - `health_command`: a command in the container that ends with 0 while it is healthy.
    - `grace_period`: for how many seconds a new task may fail the load balancer's check.
    - `drain_seconds`: for how many seconds a task that goes may finish its requests.
    - `sticky_sessions`: whether a cookie binds people to a task.
    - `deployment`: how a release replaces tasks.
    - `deployment.strategy`: rolling; blue_green: all requests go over at once; linear: `percent` of them every `step_minutes`; or
      canary: `percent` of them, and the others after `step_minutes`.
    - `deployment.bake_minutes`: for how many minutes the old tasks stay after the last step. Old and new tasks need instances meanwhile.
    - `deployment.percent`: the share of the requests in a step.
    - `deployment.step_minutes`: how many minutes a step takes.
    - `deployment.pause_at`: the stages at which the release waits for `slipway release continue`, such as POST_SCALE_UP or
      POST_PRODUCTION_TRAFFIC_SHIFT.
    - `deployment.pause_minutes`: after how many minutes of waiting it rolls back.
    - `deployment.roll_back_on_alarm`: whether the stack's alarms of errors roll the release back.
    - `count`: how many tasks a release gives it. One without a port and of count 0 is a shape for tasks and schedules.
    - `singleton`: never two tasks at a time: a rollout stops the old one first.
    - `environment`: environment variables of this service alone, nothing secret. With a database there are `DATABASE_ENGINE`,
      `_HOST`, `_PORT`, `_NAME`, `_USER` and `_PASSWORD` besides.
    - `secrets`: the names of those of the variable `secrets` that it gets; by default all.
    - `policies`: what the application may do in AWS: policy documents in JSON by name.
    - `policy_arns`: the same by managed policies.
    - `stop_timeout`: how many seconds a task has to end by itself.
    - `readonly_disk`: whether it can write to nothing but /tmp.
    - `tmpfs`: folders in memory, with their MiB by path.
    - `registry_secret`: the ARN of a secret with the keys username and password, for an image in a private registry.
    - `sidecars`: further containers by name.
    - `sidecars.preset`: adot, AWS's collector of OpenTelemetry on localhost:4317, or firelens, which takes the service's log;
      null for an `image`.
    - `sidecars.image`: its image, in place of the preset's.
    - `sidecars.command`: the program and its arguments; by default what the image says.
    - `sidecars.cpu`: the CPU units that are reserved for it.
    - `sidecars.memory`: the memory in MiB that is reserved for it.
    - `sidecars.essential`: whether the task ends when it ends.
    - `sidecars.environment`: its environment variables, nothing secret.
    - `sidecars.secrets`: its environment variables that are secrets, by ARN.
    - `sidecars.options`: where firelens sends the log, as the output of Fluent Bit has it.
    - `log_retention`: for how many days its log is kept; null for log_retention_days.
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
    protocol        = optional(string, "http")
    request_timeout = optional(number, 0)
    idle_timeout    = optional(number)
    singleton       = optional(bool, false)
    tmpfs           = optional(map(number), {})
    registry_secret = optional(string)
    policy_arns     = optional(list(string), [])
    deployment = optional(object({
      strategy           = optional(string, "rolling")
      bake_minutes       = optional(number, 5)
      percent            = optional(number, 10)
      step_minutes       = optional(number, 5)
      pause_at           = optional(list(string), [])
      pause_minutes      = optional(number, 60)
      roll_back_on_alarm = optional(bool, false)
    }), {})
    sidecars = optional(map(object({
      preset      = optional(string)
      image       = optional(string)
      command     = optional(list(string))
      cpu         = optional(number)
      memory      = optional(number)
      essential   = optional(bool, false)
      environment = optional(map(string), {})
      secrets     = optional(map(string), {})
      options     = optional(map(string), {})
    })), {})
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

  validation {
    condition     = alltrue([for service in values(var.services) : service.deployment.strategy == "rolling" ? true : contains(["blue_green", "linear", "canary"], service.deployment.strategy) && service.public && service.port != null && !service.singleton])
    error_message = "A strategy is rolling, blue_green, linear or canary; all but rolling are for public services with a port, and not for a singleton."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.deployment.percent >= 3 && service.deployment.percent <= 100 && service.deployment.step_minutes >= 0 && service.deployment.step_minutes <= 1440 && service.deployment.bake_minutes >= 0 && service.deployment.bake_minutes <= 1440 && service.deployment.pause_minutes >= 1 && service.deployment.pause_minutes <= 690])
    error_message = "percent is 3 to 100, step_minutes and bake_minutes 0 to 1440, pause_minutes 1 to 690."
  }

  # What the contract allows a rollout, less the half hour for the tasks themselves.
  validation {
    condition = alltrue([
      for rollout in [
        for deployment in values(var.services)[*].deployment : {
          deployment = deployment
          steps      = { linear = ceil(100 / max(deployment.percent, 3)), canary = 2, blue_green = 1 }[deployment.strategy]
        } if contains(["linear", "canary", "blue_green"], deployment.strategy)
        ] : 690 >= sum([
          rollout.deployment.bake_minutes,
          rollout.deployment.step_minutes * (rollout.steps - 1),
          rollout.deployment.pause_minutes * length(rollout.deployment.pause_at),
          contains(rollout.deployment.pause_at, "PRE_PRODUCTION_TRAFFIC_SHIFT") ? rollout.deployment.pause_minutes * (rollout.steps - 1) : 0,
      ])
    ])
    error_message = "The steps, the bake time and the pauses of a deployment take at most 690 minutes together; PRE_PRODUCTION_TRAFFIC_SHIFT pauses before every step."
  }

  validation {
    condition = alltrue(flatten([for service in values(var.services) : [for stage in service.deployment.pause_at : service.deployment.strategy != "rolling" && contains([
      "RECONCILE_SERVICE", "PRE_SCALE_UP", "POST_SCALE_UP", "POST_TEST_TRAFFIC_SHIFT", "PRE_PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT",
    ], stage)]]))
    error_message = "A release pauses at stages of ECS, such as POST_SCALE_UP, PRE_PRODUCTION_TRAFFIC_SHIFT and POST_PRODUCTION_TRAFFIC_SHIFT, and with a strategy that is not rolling."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : contains(["http", "http2", "grpc", "tcp"], service.protocol) && !(service.protocol == "tcp" && service.public && service.port != null)])
    error_message = "A protocol is http, http2, grpc or tcp; a service of tcp is not public, as the load balancer speaks HTTP."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : contains(["http2", "grpc"], service.protocol) && service.public && service.port != null ? var.zone_id != null || var.certificate_arn != null : true])
    error_message = "A public service of http2 or grpc needs HTTPS: give a zone_id, or a domain_name with a certificate_arn."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.request_timeout >= 0 && (service.idle_timeout == null ? true : service.idle_timeout >= 0) && (service.singleton ? service.count <= 1 : true)])
    error_message = "request_timeout and idle_timeout are seconds, 0 for never; a singleton has one task at most (count = 1)."
  }

  validation {
    condition     = alltrue(flatten([for service in values(var.services) : [for path, size in service.tmpfs : startswith(path, "/") && size >= 1 && floor(size) == size]]))
    error_message = "A tmpfs has an absolute path and a whole number of MiB."
  }

  validation {
    condition     = alltrue(flatten([for service in values(var.services) : [for name, sidecar in service.sidecars : can(regex("^[a-z][a-z0-9-]{0,23}$", name)) && (sidecar.preset == null ? sidecar.image != null : contains(["adot", "firelens"], sidecar.preset))]]))
    error_message = "A sidecar's name has at most 24 lower-case letters, digits and hyphens; it has an image, or the preset adot or firelens."
  }

  validation {
    condition     = alltrue([for service in values(var.services) : service.registry_secret == null ? true : can(regex("^arn:[a-z-]+:secretsmanager:", service.registry_secret))]) && alltrue(flatten([for service in values(var.services) : [for arn in service.policy_arns : can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/", arn))]]))
    error_message = "registry_secret is the ARN of a secret, and policy_arns are ARNs of managed policies."
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
