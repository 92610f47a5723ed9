# Where they are, and how they are reached.

variable "network" {
  description = <<-EOT
    A network that exists; null for a network of the stack's own.

    - `vpc_id`: the VPC.
    - `public_subnet_ids`: the subnets of instances with a public or fixed address and of a public load balancer, in a fixed
      order.
    - `private_subnet_ids`: the subnets of instances with a private address, in a fixed order. They need a way to Systems Manager:
      a NAT gateway, or endpoints.
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
}

variable "cidr_block" {
  description = "The addresses of the stack's own network."
  type        = string
  default     = "10.0.0.0/16"
  nullable    = false

  validation {
    condition = can(regex("/(1[6-9]|2[0-4])$", var.cidr_block)) && (
      try(cidrhost(var.cidr_block, 0), "") == split("/", var.cidr_block)[0]
    )
    error_message = "The addresses are a block like 10.0.0.0/16, of /16 to /24, written with its first address."
  }
}

variable "nat" {
  description = "How private instances get out of the stack's own network: `single` is one NAT gateway, `per-zone` one in each zone. There is none when no instance is private."
  type        = string
  default     = "single"
  nullable    = false

  validation {
    condition     = contains(["single", "per-zone"], var.nat)
    error_message = "nat is single or per-zone. Private instances without a way out cannot be reached by Systems Manager."
  }
}

variable "egress" {
  description = <<-EOT
    What instances may reach. By default the web: packages, and Systems Manager. The network's own name server and clock are
    always reached.

    - `port`: the port, or the first of a range.
    - `to_port`: the last port of the range; null for one port.
    - `protocol`: tcp or udp.
    - `cidrs`: the ranges of addresses.
  EOT
  type = list(object({
    port     = number
    to_port  = optional(number)
    protocol = optional(string, "tcp")
    cidrs    = optional(list(string), ["0.0.0.0/0"])
  }))
  default = [{ port = 443 }, { port = 80 }]

  validation {
    condition     = anytrue([for rule in var.egress : rule.protocol == "tcp" && rule.port <= 443 && coalesce(rule.to_port, rule.port) >= 443])
    error_message = "TCP port 443 has to be among them: without it, no instance reaches Systems Manager."
  }

  validation {
    condition = alltrue([
      for rule in var.egress : contains(["tcp", "udp"], rule.protocol) && length(rule.cidrs) > 0
      && rule.port >= 1 && coalesce(rule.to_port, rule.port) >= rule.port && coalesce(rule.to_port, rule.port) <= 65535
      && alltrue([for cidr in rule.cidrs : can(cidrnetmask(cidr))])
    ])
    error_message = "A rule has a port from 1 to 65535, a to_port that is not below it, protocol tcp or udp, and at least one IPv4 range."
  }
}

variable "load_balancer" {
  description = <<-EOT
    A load balancer in front of the instances; none by default.

    - `kind`: `application` (HTTP, HTTPS) or `network` (TCP, TLS).
    - `public`: whether it is reached from the internet.
    - `cidrs`: who may reach it; by default the network's own addresses, so a public one has to say whom it is for.
    - `listeners`: what it listens on, by name.
    - `listeners.port`: its port.
    - `listeners.protocol`: HTTP, HTTPS, TCP or TLS. An HTTP listener beside an HTTPS one sends browsers there.
    - `listeners.target_port`: the instances' port; the same by default.
    - `listeners.certificate`: the ARN of a certificate of ACM, for HTTPS and TLS.
    - `listeners.health_path`: what has to answer 200 to 399, for HTTP and HTTPS.
  EOT
  type = object({
    kind   = optional(string, "application")
    public = optional(bool, false)
    cidrs  = optional(list(string))
    listeners = map(object({
      port        = number
      protocol    = string
      target_port = optional(number)
      certificate = optional(string)
      health_path = optional(string, "/")
    }))
  })
  default = null

  validation {
    condition     = var.load_balancer == null ? true : contains(["application", "network"], var.load_balancer.kind)
    error_message = "A load balancer's kind is application or network."
  }

  validation {
    condition = var.load_balancer == null ? true : length(var.load_balancer.listeners) > 0 && alltrue([
      for name, listener in var.load_balancer.listeners : can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", name))
      && contains(var.load_balancer.kind == "network" ? ["TCP", "TLS"] : ["HTTP", "HTTPS"], listener.protocol)
    ])
    error_message = "There is at least one listener. Its name has 2 to 20 lower-case letters, digits and hyphens; its protocol is HTTP or HTTPS (application), or TCP or TLS (network)."
  }

  validation {
    condition = var.load_balancer == null ? true : alltrue([
      for listener in values(var.load_balancer.listeners) : alltrue([
        for port in [listener.port, coalesce(listener.target_port, listener.port)] : port >= 1 && port <= 65535 && floor(port) == port
      ]) && startswith(listener.health_path, "/")
    ])
    error_message = "A listener's port and target_port are from 1 to 65535, and its health_path begins with /."
  }

  validation {
    condition = var.load_balancer == null ? true : alltrue([
      for listener in values(var.load_balancer.listeners) :
      contains(["HTTPS", "TLS"], listener.protocol) == can(regex("^arn:[a-z-]+:acm:[a-z0-9-]+:[0-9]{12}:certificate/", listener.certificate))
    ])
    error_message = "A listener has a certificate, the ARN of one in ACM, where its protocol is HTTPS or TLS, and nowhere else."
  }

  validation {
    condition = var.load_balancer == null ? true : (
      var.load_balancer.cidrs == null ? !var.load_balancer.public :
      length(var.load_balancer.cidrs) > 0 && alltrue([for cidr in var.load_balancer.cidrs : can(cidrnetmask(cidr))])
    )
    error_message = "cidrs are IPv4 ranges like 10.0.0.0/8. A public load balancer needs some: [\"0.0.0.0/0\"] allows all."
  }

  validation {
    condition = var.load_balancer == null ? true : (
      length(distinct(values(var.load_balancer.listeners)[*].port)) == length(var.load_balancer.listeners)
    )
    error_message = "Two listeners do not share a port."
  }
}
