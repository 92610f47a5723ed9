mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-west-1" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }

  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-west-1a", "eu-west-1b", "eu-west-1c"] }
  }

  mock_resource "aws_vpc" {
    defaults = { ipv6_cidr_block = "2001:db8::/56" }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:/slipway/stacks/lusab-babad/network" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/slipway/lusab-babad-flow-logs" }
  }
}

variables {
  name = "lusab-babad"
}

run "two_zones_and_one_gateway" {
  assert {
    condition = (
      [for subnet in aws_subnet.public : subnet.cidr_block] == ["10.0.0.0/20", "10.0.16.0/20"]
      && [for subnet in aws_subnet.private : subnet.cidr_block] == ["10.0.128.0/20", "10.0.144.0/20"]
      && length(distinct([for subnet in concat(values(aws_subnet.public), values(aws_subnet.private)) : subnet.ipv6_cidr_block])) == 4
    )
    error_message = "Each subnet has addresses of its own."
  }

  assert {
    condition     = alltrue([for subnet in concat(values(aws_subnet.public), values(aws_subnet.private)) : subnet.map_public_ip_on_launch != true])
    error_message = "Nothing gets a public address without asking for it."
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && alltrue([for route in aws_route.private_ipv4 : route.nat_gateway_id == aws_nat_gateway.this["0"].id])
    error_message = "All private subnets go out by one gateway."
  }

  assert {
    condition     = length(aws_flow_log.this) == 0
    error_message = "Nothing is recorded that was not asked for."
  }
}

run "a_gateway_in_each_of_three_zones" {
  variables {
    zones      = 3
    nat        = "per-zone"
    cidr_block = "10.9.0.0/20"
  }

  assert {
    condition = length(aws_nat_gateway.this) == 3 && alltrue([
      for zone, route in aws_route.private_ipv4 : route.nat_gateway_id == aws_nat_gateway.this[zone].id
    ])
    error_message = "A zone does not need another one to go out."
  }
}

run "no_way_out" {
  variables {
    nat = "none"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 0 && length(aws_eip.nat) == 0 && length(aws_route.private_ipv4) == 0
    error_message = "Nothing is paid for."
  }
}

run "refused_connections_are_recorded" {
  variables {
    flow_logs = {
      log_group_name       = "/slipway/stacks/lusab-babad/network"
      permissions_boundary = "arn:aws:iam::111122223333:policy/slipway-environment-staging"
    }
  }

  assert {
    condition     = aws_flow_log.this[0].traffic_type == "REJECT" && aws_cloudwatch_log_group.flow[0].retention_in_days == 30
    error_message = "Where and for how long was said."
  }

  assert {
    condition     = aws_iam_role.flow[0].path == "/slipway/" && aws_iam_role.flow[0].permissions_boundary == var.flow_logs.permissions_boundary
    error_message = "The role is where the environment lets it be."
  }

  assert {
    condition     = jsondecode(aws_iam_role.flow[0].assume_role_policy).Statement[0].Condition == { StringEquals = { "aws:SourceAccount" = "111122223333" } }
    error_message = "Flow logs of other accounts do not get the role."
  }

  assert {
    condition     = contains(flatten(jsondecode(aws_iam_role_policy.flow[0].policy).Statement[*].Action), "logs:DescribeLogGroups")
    error_message = "AWS's page lists this right."
  }
}

run "bad_values_are_refused" {
  command = plan

  variables {
    name       = "Shop"
    cidr_block = "10.0.0.1/16"
    zones      = 1
    nat        = "many"
  }

  expect_failures = [var.name, var.cidr_block, var.zones, var.nat]
}
