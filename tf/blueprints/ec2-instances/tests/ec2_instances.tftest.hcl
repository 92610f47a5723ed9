mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-west-1" }
  }

  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-west-1a", "eu-west-1b", "eu-west-1c"] }
  }

  mock_resource "aws_vpc" {
    defaults = { ipv6_cidr_block = "2001:db8::/56" }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:network" }
  }

  mock_data "aws_vpc" {
    defaults = { cidr_block = "10.20.0.0/16" }
  }

  mock_data "aws_ssm_parameter" {
    defaults = { insecure_value = "ami-0123456789abcdef0" }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }

  mock_resource "aws_lb" {
    defaults = {
      arn      = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/stack/0123456789abcdef"
      dns_name = "stack.eu-west-1.elb.amazonaws.com"
    }
  }

  mock_resource "aws_lb_target_group" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/stack/0123456789abcdef" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/slipway/stack-instances" }
  }
}

variables {
  network = {
    vpc_id             = "vpc-0123456789abcdef0"
    private_subnet_ids = ["subnet-0000000000000000a", "subnet-0000000000000000b"]
    public_subnet_ids  = ["subnet-0000000000000000c", "subnet-0000000000000000d"]
  }
  permissions_boundary = "arn:aws:iam::111122223333:policy/slipway-environment-production"

  instances = {
    amazon  = {}
    debian  = { os = "debian-13", size = "t3.small", user_data = "#cloud-config\npackages: [nginx]\n" }
    ubuntu  = { os = "ubuntu-24.04", user_data = "#!/bin/sh\necho hello\n", address = "fixed" }
    windows = { os = "windows-2025", size = "t3.medium", user_data = "<powershell>\nInstall-WindowsFeature Web-Server\n</powershell>\n" }
  }
}

run "four_systems_from_one_map" {
  assert {
    condition = toset([for image in data.aws_ssm_parameter.image : image.name]) == toset([
      "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64",
      "/aws/service/ami-windows-latest/Windows_Server-2025-English-Full-Base",
      "/aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id",
      "/aws/service/debian/release/13/latest/amd64",
    ])
    error_message = "Every system comes from its maker, for the architecture of its size."
  }

  assert {
    condition     = { for name, instance in aws_instance.this : name => instance.root_block_device[0].volume_size } == { amazon = 16, debian = 16, ubuntu = 16, windows = 50 }
    error_message = "A disk is large enough for its system."
  }

  assert {
    condition     = strcontains(aws_instance.this["debian"].user_data, "amazon-ssm-agent") && strcontains(aws_instance.this["debian"].user_data, "Content-Type: text/cloud-config; charset=\"utf-8\"\n\n#cloud-config\npackages: [nginx]\n")
    error_message = "Debian gets the agent of Systems Manager, and what was asked for after it."
  }

  assert {
    condition     = aws_instance.this["ubuntu"].user_data == "#!/bin/sh\necho hello\n"
    error_message = "What was asked for stays as it is where the agent is in the image."
  }
}

run "nothing_is_open" {
  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.instance) == 0 && length(aws_vpc_security_group_ingress_rule.from_load_balancer) == 0
    error_message = "By default no instance is reachable from outside."
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_egress_rule.instance : "${rule.ip_protocol}:${rule.from_port}-${rule.to_port}"]) == toset(["tcp:443-443", "tcp:80-80"])
    error_message = "Instances reach the web, and nothing else."
  }

  assert {
    condition     = alltrue([for name, instance in aws_instance.this : !instance.associate_public_ip_address])
    error_message = "An instance has no public address of its own unless that was asked for."
  }

  assert {
    condition = alltrue([
      for name, instance in aws_instance.this : contains(name == "ubuntu" ? var.network.public_subnet_ids : var.network.private_subnet_ids, instance.subnet_id)
    ])
    error_message = "Private instances are in private subnets."
  }

  assert {
    condition     = keys(aws_eip.fixed) == ["ubuntu"] && aws_eip_association.fixed["ubuntu"].instance_id == aws_instance.this["ubuntu"].id
    error_message = "A fixed address is an Elastic IP, for the instance that asked."
  }

  assert {
    condition     = alltrue([for instance in aws_instance.this : instance.metadata_options[0].http_tokens == "required" && instance.metadata_options[0].http_put_response_hop_limit == 1])
    error_message = "The metadata service wants a token."
  }

  assert {
    condition     = alltrue([for instance in aws_instance.this : instance.root_block_device[0].encrypted])
    error_message = "Disks are encrypted."
  }
}

run "the_role_reaches_systems_manager_alone" {
  assert {
    condition     = aws_iam_role.this.path == "/slipway/" && aws_iam_role.this.permissions_boundary == var.permissions_boundary && aws_iam_instance_profile.this.path == "/slipway/"
    error_message = "The role is where the environment lets roles be, within its boundary."
  }

  assert {
    condition = alltrue([
      for action in flatten(data.aws_iam_policy_document.session.statement[*].actions) :
      can(regex("^(ssm:(UpdateInstanceInformation|ListInstanceAssociations)|ssmmessages:(Create|Open)(Control|Data)Channel|ec2messages:[A-Za-z]+)$", action))
    ])
    error_message = "The role is for the agent; it reads no parameters."
  }

  assert {
    condition     = length(aws_iam_role_policy_attachment.more) == 0
    error_message = "Nothing more unless that was asked for."
  }
}

run "names_begin_with_the_stack" {
  assert {
    condition = alltrue([
      for name in concat([for group in aws_security_group.instance : group.name], [aws_iam_role.this.name, aws_iam_instance_profile.this.name]) :
      startswith(name, "${terraform.workspace}-")
    ])
    error_message = "Names begin with the stack's id."
  }
}

run "the_outputs_say_how_to_get_in" {
  assert {
    condition     = output.slipway.notes["amazon"] == "aws ssm start-session --region eu-west-1 --target ${output.instance_ids["amazon"]}"
    error_message = "A session needs the region and the instance."
  }

  assert {
    condition = toset(keys(output.slipway.notes)) == toset(concat(
      keys(var.instances), [for name in keys(var.instances) : "${name}.id"], [for name in keys(var.instances) : "${name}.private-ip"],
      ["ubuntu.public-ip", "windows.desktop"],
    )) && length(output.slipway.endpoints) == 0
    error_message = "Every instance has its id and addresses, and Windows a desktop besides."
  }

  assert {
    condition     = output.stack_id == terraform.workspace && toset(keys(output.private_ips)) == toset(keys(var.instances)) && toset(keys(output.public_ips)) == toset(["ubuntu"])
    error_message = "The stack says its id and the addresses of its instances."
  }
}

run "another_instance_moves_no_existing_one" {
  variables {
    instances = {
      aaa     = {}
      amazon  = {}
      debian  = { os = "debian-13", size = "t3.small", user_data = "#cloud-config\npackages: [nginx]\n" }
      ubuntu  = { os = "ubuntu-24.04", user_data = "#!/bin/sh\necho hello\n", address = "fixed" }
      windows = { os = "windows-2025", size = "t3.medium", user_data = "<powershell>\nInstall-WindowsFeature Web-Server\n</powershell>\n" }
    }
  }

  assert {
    condition     = alltrue([for name, id in run.the_outputs_say_how_to_get_in.instance_ids : output.instance_ids[name] == id]) && length(output.instance_ids) == 5
    error_message = "The instances that were there stay."
  }
}

run "newer_image_replaces_no_instance" {
  override_data {
    target = data.aws_ssm_parameter.image
    values = { insecure_value = "ami-0fedcba9876543210" }
  }

  assert {
    condition     = output.instance_ids == run.the_outputs_say_how_to_get_in.instance_ids && alltrue([for id in output.image_ids : id == "ami-0fedcba9876543210"])
    error_message = "What its maker publishes is no reason to make an instance anew; the outputs say what there is."
  }
}

run "an_other_image_makes_one_instance_anew" {
  variables {
    instances = {
      amazon  = { image = "2026-11" }
      debian  = { os = "debian-13", size = "t3.small", user_data = "#cloud-config\npackages: [nginx]\n" }
      ubuntu  = { os = "ubuntu-24.04", user_data = "#!/bin/sh\necho hello\n", address = "fixed" }
      windows = { os = "windows-2025", size = "t3.medium", user_data = "<powershell>\nInstall-WindowsFeature Web-Server\n</powershell>\n" }
    }
  }

  assert {
    condition = (
      output.instance_ids["amazon"] != run.the_outputs_say_how_to_get_in.instance_ids["amazon"]
      && alltrue([for name in ["debian", "ubuntu", "windows"] : output.instance_ids[name] == run.the_outputs_say_how_to_get_in.instance_ids[name]])
    )
    error_message = "A new image makes that instance anew, and no other."
  }
}

run "an_other_script_makes_one_instance_anew" {
  variables {
    instances = {
      amazon  = { image = "2026-11" }
      debian  = { os = "debian-13", size = "t3.small", user_data = "#cloud-config\npackages: [nginx, redis]\n" }
      ubuntu  = { os = "ubuntu-24.04", user_data = "#!/bin/sh\necho hello\n", address = "fixed" }
      windows = { os = "windows-2025", size = "t3.medium", user_data = "<powershell>\nInstall-WindowsFeature Web-Server\n</powershell>\n" }
    }
  }

  assert {
    condition = (
      output.instance_ids["debian"] != run.an_other_image_makes_one_instance_anew.instance_ids["debian"]
      && alltrue([for name in ["amazon", "ubuntu", "windows"] : output.instance_ids[name] == run.an_other_image_makes_one_instance_anew.instance_ids[name]])
    )
    error_message = "Another script makes its instance anew, and no other."
  }
}

run "load_balancer_targets_chosen_instances" {
  variables {
    instances = {
      one = { listeners = ["web"] }
      two = { listeners = ["web"] }
      not = {}
    }
    load_balancer = {
      public = true
      cidrs  = ["0.0.0.0/0"]
      listeners = {
        web   = { port = 443, protocol = "HTTPS", target_port = 8080, certificate = "arn:aws:acm:eu-west-1:111122223333:certificate/x" }
        plain = { port = 80, protocol = "HTTP" }
      }
    }
    deletion_protection = true
  }

  assert {
    condition     = keys(aws_lb_target_group_attachment.this) == ["web/one", "web/two"]
    error_message = "Only instances that ask for it get requests."
  }

  assert {
    condition     = aws_lb_listener.this["plain"].default_action[0].type == "redirect" && aws_lb_listener.this["plain"].default_action[0].redirect[0].protocol == "HTTPS"
    error_message = "HTTP sends to HTTPS."
  }

  assert {
    condition     = startswith(aws_lb_listener.this["web"].ssl_policy, "ELBSecurityPolicy-TLS13-1-2")
    error_message = "TLS of today."
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.from_load_balancer : rule.referenced_security_group_id == aws_security_group.load_balancer[0].id && rule.from_port == 8080])
    error_message = "Instances are reached by the load balancer, on the port that it sends to."
  }

  assert {
    condition     = aws_lb.this[0].enable_deletion_protection && alltrue([for instance in aws_instance.this : instance.disable_api_termination]) && aws_lb.this[0].drop_invalid_header_fields
    error_message = "Protection holds for the load balancer and the instances."
  }

  assert {
    condition     = output.slipway.endpoints == { web = "https://stack.eu-west-1.elb.amazonaws.com", plain = "http://stack.eu-west-1.elb.amazonaws.com" }
    error_message = "Endpoints are addresses that people open."
  }

  assert {
    condition     = length(aws_lb.this[0].name) <= 32 && alltrue([for group in aws_lb_target_group.this : length(group.name) <= 32])
    error_message = "AWS allows 32 characters."
  }
}

run "a_load_balancer_is_internal_unless_asked_otherwise" {
  variables {
    instances = { one = { listeners = ["tcp"] } }
    load_balancer = {
      kind      = "network"
      listeners = { tcp = { port = 5000, protocol = "TCP" } }
    }
  }

  assert {
    condition     = aws_lb.this[0].internal && [for rule in aws_vpc_security_group_ingress_rule.load_balancer : rule.cidr_ipv4] == ["10.20.0.0/16"]
    error_message = "It is for the network's own addresses."
  }
}

run "a_stack_makes_its_own_network" {
  state_key = "own"

  variables {
    network    = null
    cidr_block = "10.30.0.0/20"
  }

  assert {
    condition     = length(data.aws_vpc.given) == 0 && length(module.network) == 1 && module.network[0].cidr_block == "10.30.0.0/20"
    error_message = "Without a given VPC there is one of the stack's own."
  }

  assert {
    condition     = contains(module.network[0].private_subnet_ids, aws_instance.this["amazon"].subnet_id) && contains(module.network[0].public_subnet_ids, aws_instance.this["ubuntu"].subnet_id)
    error_message = "Private instances are in its private subnets, others in its public ones."
  }
}

# ---------------------------------------------------------------------------------------------- refused

run "no_instance_is_refused" {
  command = plan
  variables { instances = {} }
  expect_failures = [var.instances]
}

run "a_name_with_capitals_is_refused" {
  command = plan
  variables { instances = { Web = {} } }
  expect_failures = [var.instances]
}

run "an_unknown_system_is_refused" {
  command = plan
  variables { instances = { web = { os = "centos-7" } } }
  expect_failures = [var.instances]
}

run "a_size_of_old_is_refused" {
  command = plan
  variables { instances = { web = { size = "t2.micro" } } }
  expect_failures = [var.instances]
}

run "windows_on_arm_is_refused" {
  command = plan
  variables { instances = { web = { os = "windows-2022", size = "t4g.medium" } } }
  expect_failures = [var.instances]
}

run "an_image_by_name_is_refused" {
  command = plan
  variables { instances = { web = { ami = "golden" } } }
  expect_failures = [var.instances]
}

run "a_disk_too_small_for_windows_is_refused" {
  command = plan
  variables { instances = { web = { os = "windows-2022", size = "t3.medium", disk_gib = 16 } } }
  expect_failures = [var.instances]
}

run "user_data_that_no_system_would_run_is_refused" {
  command = plan
  variables { instances = { web = { user_data = "echo hello" } } }
  expect_failures = [var.instances]
}

run "an_unknown_sort_of_address_is_refused" {
  command = plan
  variables { instances = { web = { address = "elastic" } } }
  expect_failures = [var.instances]
}

run "a_negative_subnet_is_refused" {
  command = plan
  variables { instances = { web = { subnet = -1 } } }
  expect_failures = [var.instances]
}

run "a_subnet_that_is_not_there_is_refused" {
  command = plan
  variables { instances = { web = { subnet = 2 } } }
  expect_failures = [aws_instance.this]
}

run "a_port_out_of_range_is_refused" {
  command = plan
  variables { instances = { web = { ingress = [{ port = 70000, cidrs = ["10.0.0.0/8"] }] } } }
  expect_failures = [var.instances]
}

run "ssh_from_anywhere_is_refused" {
  command = plan
  variables { instances = { web = { ingress = [{ port = 20, to_port = 25, cidrs = ["0.0.0.0/0"] }] } } }
  expect_failures = [var.instances]
}

run "a_listener_that_is_not_there_is_refused" {
  command = plan
  variables { instances = { web = { listeners = ["http"] } } }
  expect_failures = [var.instances]
}

run "a_load_balancer_of_another_kind_is_refused" {
  command = plan
  variables { load_balancer = { kind = "classic", listeners = { http = { port = 80, protocol = "HTTP" } } } }
  expect_failures = [var.load_balancer]
}

run "a_protocol_of_the_other_kind_is_refused" {
  command = plan
  variables { load_balancer = { kind = "application", listeners = { http = { port = 80, protocol = "TCP" } } } }
  expect_failures = [var.load_balancer]
}

run "a_listener_with_no_port_is_refused" {
  command = plan
  variables { load_balancer = { listeners = { http = { port = 0, protocol = "HTTP" } } } }
  expect_failures = [var.load_balancer]
}

run "https_without_a_certificate_is_refused" {
  command = plan
  variables { load_balancer = { listeners = { web = { port = 443, protocol = "HTTPS" } } } }
  expect_failures = [var.load_balancer]
}

run "public_load_balancer_without_cidrs_is_refused" {
  command = plan
  variables { load_balancer = { public = true, listeners = { http = { port = 80, protocol = "HTTP" } } } }
  expect_failures = [var.load_balancer]
}

run "two_listeners_of_one_port_are_refused" {
  command = plan
  variables { load_balancer = { listeners = { one = { port = 80, protocol = "HTTP" }, two = { port = 80, protocol = "HTTP" } } } }
  expect_failures = [var.load_balancer]
}

run "a_load_balancer_in_one_subnet_is_refused" {
  command = plan
  variables {
    network = {
      vpc_id             = "vpc-0123456789abcdef0"
      private_subnet_ids = ["subnet-0000000000000000a"]
      public_subnet_ids  = ["subnet-0000000000000000c"]
    }
    load_balancer = { listeners = { http = { port = 80, protocol = "HTTP" } } }
  }
  expect_failures = [aws_lb.this]
}

run "a_vpc_by_name_is_refused" {
  command = plan
  variables { network = { vpc_id = "main", private_subnet_ids = ["subnet-0000000000000000a"] } }
  expect_failures = [var.network]
}

run "private_subnets_by_name_are_refused" {
  command = plan
  variables { network = { vpc_id = "vpc-0123456789abcdef0", private_subnet_ids = ["a"] } }
  expect_failures = [var.network]
}

run "public_subnets_by_name_are_refused" {
  command = plan
  variables { network = { vpc_id = "vpc-0123456789abcdef0", private_subnet_ids = [], public_subnet_ids = ["b"] } }
  expect_failures = [var.network]
}

run "no_way_to_systems_manager_is_refused" {
  command = plan
  variables { egress = [{ port = 80 }] }
  expect_failures = [var.egress]
}

run "an_egress_rule_of_another_protocol_is_refused" {
  command = plan
  variables { egress = [{ port = 443 }, { port = 53, protocol = "all" }] }
  expect_failures = [var.egress]
}

run "a_policy_by_name_is_refused" {
  command = plan
  variables { policy_arns = ["ReadOnlyAccess"] }
  expect_failures = [var.policy_arns]
}

run "a_key_by_alias_is_refused" {
  command = plan
  variables { kms_key_arn = "alias/aws/ebs" }
  expect_failures = [var.kms_key_arn]
}

run "a_boundary_by_name_is_refused" {
  command = plan
  variables { permissions_boundary = "boundary" }
  expect_failures = [var.permissions_boundary]
}

run "a_network_of_no_block_is_refused" {
  command = plan
  variables { cidr_block = "10.0.0.1/16" }
  expect_failures = [var.cidr_block]
}

run "private_instances_without_a_way_out_are_refused" {
  command = plan
  variables { nat = "none" }
  expect_failures = [var.nat]
}

run "a_retention_that_cloudwatch_does_not_know_is_refused" {
  command = plan
  variables { log_retention_days = 31 }
  expect_failures = [var.log_retention_days]
}
