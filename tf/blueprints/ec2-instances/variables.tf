variable "instances" {
  description = <<-EOT
    The instances, by name. Names, not numbers, decide which is which: adding, changing or removing one leaves the others alone.

    - `os`: `amazon-linux-2023`, `ubuntu-22.04`, `ubuntu-24.04`, `debian-12`, `debian-13`, `windows-2022` or `windows-2025`.
    - `size`: an instance type. A Graviton type, like `t4g.small`, gets the ARM image of the system; Windows has none.
    - `ami`: an image of your own of that system, in place of its newest.
    - `image`: any text, such as a date. Another text makes the instance anew from the newest image.
    - `disk_gib`: the encrypted disk of the system; 50 for Windows and 16 for others by default.
    - `user_data`: what runs at the first start, at most 15,000 bytes: a script that begins with `#!`, a `#cloud-config`, or for
      Windows a `<powershell>` or `<script>` block. Everyone with read access to the instance can read it: put no secrets in it.
      Another text makes the instance anew.
    - `address`: `private`; `public`, an address that changes at each stop; or `fixed`, an Elastic IP that stays.
    - `subnet`: the position of its subnet, from 0. By default one is derived from the name.
    - `ingress`: what may be reached from outside, and by whom. Nothing by default.
    - `listeners`: the listeners of the load balancer that send requests to it.
  EOT
  type = map(object({
    os        = optional(string, "amazon-linux-2023")
    size      = optional(string, "t4g.micro")
    ami       = optional(string)
    image     = optional(string, "")
    disk_gib  = optional(number)
    user_data = optional(string)
    address   = optional(string, "private")
    subnet    = optional(number)
    listeners = optional(set(string), [])
    ingress = optional(list(object({
      port     = number
      to_port  = optional(number)
      protocol = optional(string, "tcp")
      cidrs    = list(string)
    })), [])
  }))

  validation {
    condition     = length(var.instances) > 0 && length(var.instances) <= 100
    error_message = "Name at least one instance and at most 100."
  }

  validation {
    condition     = alltrue([for name in keys(var.instances) : can(regex("^[a-z][a-z0-9-]{0,29}$", name))])
    error_message = "An instance's name starts with a lower-case letter, and has at most 30 lower-case letters, digits and hyphens."
  }

  validation {
    condition = alltrue([
      for instance in values(var.instances) : contains(
        ["amazon-linux-2023", "ubuntu-22.04", "ubuntu-24.04", "debian-12", "debian-13", "windows-2022", "windows-2025"], instance.os
      )
    ])
    error_message = "An os is one of amazon-linux-2023, ubuntu-22.04, ubuntu-24.04, debian-12, debian-13, windows-2022, windows-2025."
  }

  validation {
    condition = alltrue([
      for instance in values(var.instances) : can(regex("^[a-z][a-z0-9-]*[0-9][a-z0-9-]*\\.[a-z0-9-]+$", instance.size))
      && !can(regex("^(t1|t2|m[123]|c[13]|cc2|cr1|g2|hs1|i2|r3)\\.", instance.size))
    ])
    error_message = "A size is an instance type, like t4g.small, of a generation that is still made: not t2, m3, c3, r3, i2, g2 or older."
  }

  validation {
    condition = alltrue([
      for instance in values(var.instances) :
      !startswith(instance.os, "windows-") || !can(regex("^(a1|[a-z]+[0-9]+g[a-z]*)\\.", instance.size))
    ])
    error_message = "Windows does not run on Graviton: give a Windows instance a size like t3.medium."
  }

  validation {
    condition     = alltrue([for instance in values(var.instances) : instance.ami == null || can(regex("^ami-[0-9a-f]{8,17}$", instance.ami))])
    error_message = "An ami is the id of an image, like ami-0123456789abcdef0."
  }

  validation {
    condition = alltrue([
      for instance in values(var.instances) : instance.disk_gib == null ? true :
      floor(instance.disk_gib) == instance.disk_gib && instance.disk_gib <= 16384
      && instance.disk_gib >= (startswith(instance.os, "windows-") ? 30 : 8)
    ])
    error_message = "disk_gib is a whole number from 8 (30 for Windows) to 16384."
  }

  validation {
    condition = alltrue([
      for instance in values(var.instances) : instance.user_data == null ? true :
      can(regex(startswith(instance.os, "windows-") ? "^<(powershell|script)>" : "^#(!|cloud-config)", instance.user_data))
      && length(base64encode(instance.user_data)) <= 20000
    ])
    error_message = "user_data begins with #! or #cloud-config, or for Windows with <powershell> or <script>, and has at most 15,000 bytes."
  }

  validation {
    condition     = alltrue([for instance in values(var.instances) : contains(["private", "public", "fixed"], instance.address)])
    error_message = "An address is private, public or fixed."
  }

  validation {
    condition = alltrue([
      for instance in values(var.instances) : instance.subnet == null ? true : floor(instance.subnet) == instance.subnet && instance.subnet >= 0
    ])
    error_message = "A subnet is a position among the subnets, from 0."
  }

  validation {
    condition = alltrue(flatten([
      for instance in values(var.instances) : [
        for rule in instance.ingress : contains(["tcp", "udp"], rule.protocol) && length(rule.cidrs) > 0
        && rule.port >= 1 && coalesce(rule.to_port, rule.port) >= rule.port && coalesce(rule.to_port, rule.port) <= 65535
        && alltrue([for cidr in rule.cidrs : can(cidrnetmask(cidr))])
      ]
    ]))
    error_message = "An ingress rule has a port from 1 to 65535, a to_port that is not below it, protocol tcp or udp, and at least one IPv4 range like 10.0.0.0/8."
  }

  validation {
    condition = alltrue(flatten([
      for instance in values(var.instances) : [
        for rule in instance.ingress : alltrue([
          for port in [22, 3389] : !anytrue([for cidr in rule.cidrs : endswith(cidr, "/0")]) || port < rule.port || port > coalesce(rule.to_port, rule.port)
        ])
      ]
    ]))
    error_message = "Ports 22 and 3389 are not opened to the whole internet. Sessions and port forwarding go through Systems Manager: see the output notes."
  }

  validation {
    condition = alltrue(flatten([
      for instance in values(var.instances) : [for name in instance.listeners : contains(try(keys(var.load_balancer.listeners), []), name)]
    ]))
    error_message = "An instance's listeners are names of the load balancer's listeners."
  }
}

variable "load_balancer" {
  description = <<-EOT
    A load balancer in front of the instances; none by default.

    - `kind`: `application` (HTTP, HTTPS) or `network` (TCP, TLS).
    - `public`: whether it is reached from the internet.
    - `cidrs`: who may reach it; by default the network's own addresses, so a public one has to say whom it is for.
    - `listeners`, by name: `port`, `protocol`, the instances' `target_port` (the same by default), `certificate` (the ARN of one of
      ACM's, for HTTPS and TLS) and, for HTTP and HTTPS, the `health_path` that has to answer 200 to 399. An HTTP listener beside an
      HTTPS one sends browsers there.
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

variable "network" {
  description = "A network that exists: its private subnets for instances with a private address, its public ones for instances with a public or fixed address and for a public load balancer, each list in a fixed order. Private subnets need a way to Systems Manager: a NAT gateway, or endpoints. Null for a network of the stack's own."
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

variable "log_retention_days" {
  description = "For how many days refused connections in the stack's own network are kept."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}

variable "egress" {
  description = "What instances may reach, by protocol and port, with the ranges. By default the web: packages, and Systems Manager. The network's own name server and clock are always reached."
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

variable "policy_arns" {
  description = "Policies that the role of the instances gets beside access by Systems Manager, such as one that reads a bucket."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.policy_arns : can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/", arn))]) && length(var.policy_arns) <= 10
    error_message = "At most 10 policies, each by its ARN: arn:aws:iam::111122223333:policy/name."
  }
}

variable "kms_key_arn" {
  description = "The KMS key of the disks. By default that of EBS, which costs nothing."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "A key is given by its ARN: arn:aws:kms:eu-west-1:111122223333:key/…, not by an alias."
  }
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the instances and the load balancer. Take it away with one update before the stack, or an instance, is destroyed or made anew."
  type        = bool
  default     = false
  nullable    = false
}

variable "permissions_boundary" {
  description = "The boundary of the role of the instances, given by the environment."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/", var.permissions_boundary))
    error_message = "A boundary is a policy, given by its ARN: arn:aws:iam::111122223333:policy/slipway-environment-production."
  }
}
