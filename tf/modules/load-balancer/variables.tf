variable "name" {
  description = "The stack's id."
  type        = string
}

# ---------------------------------------------------------------------------------------------- where it is

variable "vpc_id" {
  description = "The network it is in."
  type        = string
}

variable "given_vpc_id" {
  description = "The same, if the network was given to the stack; null for a network of the stack's own, which has IPv6. It is part of the target groups' names, so it has to be known at the plan."
  type        = string
  default     = null
}

variable "public_subnet_ids" {
  description = "The subnets of a load balancer that the internet reaches, in at least two zones."
  type        = list(string)
}

variable "private_subnet_ids" {
  description = "The subnets of an internal one, in at least two zones."
  type        = list(string)
}

variable "internal" {
  description = "Whether it is reached from within the network only."
  type        = bool
  default     = false
}

variable "allowed_cidr_blocks" {
  description = "Who may connect, as blocks of addresses."
  type        = list(string)
  default     = ["0.0.0.0/0", "::/0"]
}

variable "tasks_security_group_id" {
  description = "The security group of the tasks that it sends requests to."
  type        = string
}

# ---------------------------------------------------------------------------------------------- its names

variable "zone_id" {
  description = "The Route 53 zone of the names and of their certificate; null for none."
  type        = string
  default     = null
}

variable "domain_name" {
  description = "The stack's name; null for its id in the zone."
  type        = string
  default     = null
}

variable "certificate_arn" {
  description = "A certificate for all names in place of one of the stack's own."
  type        = string
  default     = null
}

# ---------------------------------------------------------------------------------------------- who answers

variable "services" {
  description = <<-EOT
    The public services by name. One without hosts and paths gets what is for no other.

    - `port`: the port on which its tasks listen.
    - `protocol`: what they speak: http, http2 or grpc.
    - `hosts`: the hosts whose requests it gets, which become names of the certificate.
    - `paths`: the paths whose requests it gets.
    - `priority`: of its rule, the lowest first; by default the more particular rule comes first.
    - `health_path`: what the load balancer asks.
    - `health_status`: the answer that is right.
    - `drain_seconds`: for how many seconds a task that goes may finish its requests.
    - `sticky_sessions`: whether a cookie binds people to a task.
    - `progressive`: whether ECS shifts its requests from one target group to another, as it does for blue_green, linear and canary.
  EOT
  type = map(object({
    port            = number
    protocol        = optional(string, "http")
    hosts           = optional(list(string), [])
    paths           = optional(list(string), [])
    priority        = optional(number)
    health_path     = optional(string, "/healthz")
    health_status   = optional(number, 200)
    drain_seconds   = optional(number, 30)
    sticky_sessions = optional(bool, false)
    progressive     = optional(bool, false)
  }))
}

variable "sets" {
  description = <<-EOT
    The sets of the services: one, or two while a breaking change goes over.

    - `suffix`: what the names of a set's parts end with.
    - `weight`: how many percent of the requests it gets.
  EOT
  type        = map(object({ suffix = string, weight = number }))
  default     = { a = { suffix = "", weight = 100 } }

  validation {
    condition     = length(var.sets) == 1 || (length(var.sets) > 1 && !anytrue([for service in values(var.services) : service.progressive]))
    error_message = "There is at least one set, and only one where a service is progressive: ECS and the sets would both set the weights of its rule."
  }
}

# ---------------------------------------------------------------------------------------------- how it works

variable "idle_timeout" {
  description = "After how many seconds without a byte it closes a connection."
  type        = number
  default     = 60
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete it."
  type        = bool
  default     = false
}

variable "access_log_bucket" {
  description = "The bucket that gets a log of all requests; null for none."
  type        = string
  default     = null
}

variable "web_acl_arn" {
  description = "The web ACL of AWS WAF that filters requests; null for none."
  type        = string
  default     = null
}
