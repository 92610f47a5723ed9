# The instances.

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
    - `ingress.port`: the port, or the first of a range.
    - `ingress.to_port`: the last port of the range; null for one port.
    - `ingress.protocol`: tcp or udp.
    - `ingress.cidrs`: who may reach it, as ranges of addresses.
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
