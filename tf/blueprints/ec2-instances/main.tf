# Instances by name, each with its own security group, so that a change to one is a change to one.

data "aws_region" "this" {}

locals {
  stack = terraform.workspace

  instances = {
    for name, instance in var.instances : name => merge(instance, {
      windows      = startswith(instance.os, "windows-")
      architecture = can(regex("^(a1|[a-z]+[0-9]+g[a-z]*)\\.", instance.size)) ? "arm64" : "x86_64"
      subnets      = instance.address == "private" ? local.network.private : local.network.public
      disk_gib     = coalesce(instance.disk_gib, startswith(instance.os, "windows-") ? 50 : 16)
    })
  }

  # By the name and not by the position in the map, so that another instance does not move the existing ones.
  subnet_of = {
    for name, instance in local.instances : name => (
      length(instance.subnets) == 0 ? null :
      try(instance.subnets[coalesce(instance.subnet, parseint(substr(md5(name), 0, 8), 16) % length(instance.subnets))], null)
    )
  }
}

resource "aws_instance" "this" {
  for_each = local.instances

  ami           = coalesce(each.value.ami, local.newest_image[each.key])
  instance_type = each.value.size

  subnet_id                   = local.subnet_of[each.key]
  vpc_security_group_ids      = [aws_security_group.instance[each.key].id]
  associate_public_ip_address = each.value.address == "public"

  iam_instance_profile = aws_iam_instance_profile.this.name
  user_data            = local.user_data[each.key]

  disable_api_termination = var.deletion_protection
  ebs_optimized           = true

  # Version 1 of the metadata service hands the role's credentials to any request that a program can be talked into.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    volume_type = "gp3"
    volume_size = each.value.disk_gib
    encrypted   = true
    kms_key_id  = var.kms_key_arn
  }

  tags = {
    Name = "${local.stack}-${each.key}"
  }

  lifecycle {
    # terraform_data.made_of knows the reasons to make an instance anew. A newer image of the system is none, and neither is an
    # address that an instance has lost while it was stopped, or got as an Elastic IP, or a new way to install the agent.
    ignore_changes       = [ami, associate_public_ip_address, user_data]
    replace_triggered_by = [terraform_data.made_of[each.key]]

    precondition {
      condition     = local.subnet_of[each.key] != null
      error_message = "There is no subnet for the instance ${each.key}: its address is ${each.value.address}, and the network has ${length(each.value.subnets)} such subnets."
    }
  }

  #checkov:skip=CKV_AWS_126: measures every minute in place of every five cost two dollars a month for each instance
  #checkov:skip=CKV_AWS_88: an address of its own has to be asked for, instance by instance
}

# What was asked for. The newest build of the image is not part of it.
resource "terraform_data" "made_of" {
  for_each = local.instances

  input = {
    os           = each.value.os
    architecture = each.value.architecture
    ami          = each.value.ami
    image        = each.value.image
    public       = each.value.address == "public"
    user_data    = each.value.user_data == null ? null : sha256(each.value.user_data)
  }
}

resource "aws_eip" "fixed" {
  for_each = { for name, instance in local.instances : name => instance if instance.address == "fixed" }

  domain = "vpc"

  tags = {
    Name = "${local.stack}-${each.key}"
  }

  depends_on = [module.network]

  #checkov:skip=CKV2_AWS_19: aws_eip_association.fixed gives it to an instance
}

resource "aws_eip_association" "fixed" {
  for_each = aws_eip.fixed

  allocation_id = each.value.id
  instance_id   = aws_instance.this[each.key].id
}
