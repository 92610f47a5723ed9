mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-west-1" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }

  mock_data "aws_default_tags" {
    defaults = { tags = { "slipway:stack" = "lusab-babad" } }
  }

  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-west-1a", "eu-west-1b", "eu-west-1c"] }
  }

  mock_data "aws_ssm_parameter" {
    defaults = { insecure_value = "ami-0123456789abcdef0" }
  }

  mock_data "aws_route53_zone" {
    defaults = { name = "example.com" }
  }

  mock_data "aws_vpc" {
    defaults = { cidr_block = "10.20.0.0/16" }
  }

  mock_resource "aws_vpc" {
    defaults = { ipv6_cidr_block = "2001:db8::/56" }
  }

  mock_resource "aws_launch_template" {
    defaults = { id = "lt-0123456789abcdef0", latest_version = 3 }
  }

  mock_resource "aws_autoscaling_group" {
    defaults = { arn = "arn:aws:autoscaling:eu-west-1:111122223333:autoScalingGroup:0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f:autoScalingGroupName/default" }
  }

  mock_resource "aws_ecs_cluster" {
    defaults = { arn = "arn:aws:ecs:eu-west-1:111122223333:cluster/default" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/slipway/default-role" }
  }

  mock_resource "aws_iam_instance_profile" {
    defaults = { arn = "arn:aws:iam::111122223333:instance-profile/slipway/default-instances" }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:/slipway/stacks/default/web" }
  }

  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:eu-west-1:111122223333:task-definition/default-web-placeholder:1" }
  }

  mock_resource "aws_lb" {
    defaults = {
      arn      = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/default/0123456789abcdef"
      dns_name = "default.eu-west-1.elb.amazonaws.com"
      zone_id  = "Z32O12XQLNTSW2"
    }
  }

  mock_resource "aws_lb_listener" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener/app/default/0123456789abcdef/0123456789abcdef" }
  }

  mock_resource "aws_acm_certificate" {
    defaults = { arn = "arn:aws:acm:eu-west-1:111122223333:certificate/0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f" }
  }

  mock_resource "aws_acm_certificate_validation" {
    defaults = { certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f" }
  }

  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-west-1:111122223333:default-alarms" }
  }

  mock_resource "aws_lb_listener_rule" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener-rule/app/default/0123456789abcdef/0123456789abcdef/0123456789abcdef" }
  }

  mock_resource "aws_lb_target_group" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/default-web/0123456789abcdef" }
  }

  mock_resource "aws_service_discovery_http_namespace" {
    defaults = { arn = "arn:aws:servicediscovery:eu-west-1:111122223333:namespace/ns-0123456789abcdef" }
  }

  mock_resource "aws_db_instance" {
    defaults = {
      # Of a version that any engine is: nothing here is upgraded.
      engine_version_actual = null
      address               = "default.abcdefghijkl.eu-west-1.rds.amazonaws.com"
      master_user_secret    = [{ secret_arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:rds!db-0a1b2c3d-AbCdEf" }]
    }
  }

  mock_resource "aws_scheduler_schedule_group" {
    defaults = { arn = "arn:aws:scheduler:eu-west-1:111122223333:schedule-group/default" }
  }

  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-west-1:111122223333:default-missed" }
  }
}

variables {
  certificate_arn      = "arn:aws:acm:eu-west-1:111122223333:certificate/0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f"
  domain_name          = "shop.example.com"
  permissions_boundary = "arn:aws:iam::111122223333:policy/slipway-environment-production"

  services = {
    web    = { port = 8080 }
    api    = { port = 9090, memory = 1024, count = 1, paths = ["/api/*"] }
    worker = { command = ["./app", "work"], count = 1 }
  }

  migrations = [{ name = "migrate", service = "api", command = ["./app", "migrate"] }]
  tasks      = { createsuperuser = { service = "api", command = ["./app", "createsuperuser"] } }
  schedules  = { nightly = { service = "api", command = ["./app", "nightly"], expression = "cron(0 3 * * ? *)" } }
}

run "instances_register_with_their_own_cluster" {
  assert {
    condition     = contains(split("\n", base64decode(aws_launch_template.this.user_data)), "ECS_CLUSTER=${aws_ecs_cluster.this.name}")
    error_message = "The agent knows its cluster."
  }

  assert {
    condition     = startswith(base64decode(aws_launch_template.this.user_data), "#!/bin/bash\n")
    error_message = "The instance runs the given user data."
  }

  assert {
    condition     = data.aws_ssm_parameter.ami[0].name == "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"
    error_message = "The image has the agent."
  }

  assert {
    condition     = aws_launch_template.this.iam_instance_profile[0].arn == aws_iam_instance_profile.this.arn && aws_iam_instance_profile.this.role == aws_iam_role.instances.name
    error_message = "The agent has its role."
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.instances["agent"].policy).Statement[0] == {
      Sid    = "ThisCluster"
      Effect = "Allow"
      Action = [
        "ecs:DeregisterContainerInstance", "ecs:RegisterContainerInstance", "ecs:SubmitAttachmentStateChanges",
        "ecs:SubmitContainerStateChange", "ecs:SubmitTaskStateChange",
      ]
      Resource = [aws_ecs_cluster.this.arn]
    }
    error_message = "It may register with this cluster, and with no other."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.instances["agent"].policy).Statement :
      statement.Action == ["ecs:DiscoverPollEndpoint"] || !contains(statement.Resource, "*")
    ])
    error_message = "What can be named is named."
  }

  assert {
    condition     = aws_autoscaling_group.this.launch_template[0].version == "3"
    error_message = "A new version of the launch template replaces the instances."
  }
}

run "ecs_scales_drains_and_protects" {
  assert {
    condition = (
      aws_ecs_capacity_provider.this.auto_scaling_group_provider[0].managed_scaling[0].status == "ENABLED"
      && aws_ecs_capacity_provider.this.auto_scaling_group_provider[0].managed_draining == "ENABLED"
      && aws_ecs_capacity_provider.this.auto_scaling_group_provider[0].managed_termination_protection == "ENABLED"
      && aws_autoscaling_group.this.protect_from_scale_in
    )
    error_message = "ECS sets how many instances there are, and termination protection has the protection that it needs."
  }

  assert {
    condition     = aws_autoscaling_group.this.min_size == 0 && aws_autoscaling_group.this.max_size == 4
    error_message = "Without tasks there are no instances."
  }

  assert {
    condition     = aws_autoscaling_group.this.force_delete
    error_message = "Protected instances do not hold up a destroy."
  }

  assert {
    condition = (
      aws_autoscaling_group.this.instance_refresh[0].preferences[0].scale_in_protected_instances == "Refresh"
      && aws_autoscaling_group.this.instance_refresh[0].preferences[0].min_healthy_percentage == 100
    )
    error_message = "Another image replaces protected instances too, each after another one is there."
  }

  assert {
    condition     = contains([for tag in aws_autoscaling_group.this.tag : tag.key], "AmazonECSManaged")
    error_message = "Terraform does not take ECS's tag away."
  }

  assert {
    condition = (
      one(aws_ecs_cluster_capacity_providers.this.default_capacity_provider_strategy).capacity_provider == aws_ecs_capacity_provider.this.name
    )
    error_message = "Migrations and tasks run on the same instances, and wait for them."
  }
}

run "nothing_is_open_that_should_not_be" {
  assert {
    condition     = aws_launch_template.this.metadata_options[0].http_tokens == "required" && aws_launch_template.this.metadata_options[0].http_put_response_hop_limit == 1
    error_message = "IMDSv2, and not from containers."
  }

  assert {
    condition     = contains(split("\n", base64decode(aws_launch_template.this.user_data)), "ECS_AWSVPC_BLOCK_IMDS=true")
    error_message = "Tasks do not get the instance's credentials."
  }

  assert {
    condition     = aws_launch_template.this.block_device_mappings[0].ebs[0].encrypted == "true"
    error_message = "Disks are encrypted."
  }

  assert {
    condition = alltrue([
      for rule in [for rule in aws_vpc_security_group_ingress_rule.tasks_from_load_balancer : rule] :
      rule.cidr_ipv4 == null && rule.referenced_security_group_id == module.load_balancer[0].security_group_id
    ])
    error_message = "Only the load balancer reaches tasks."
  }

  assert {
    condition     = toset(aws_autoscaling_group.this.vpc_zone_identifier) == toset(module.network[0].private_subnet_ids)
    error_message = "Instances are in private subnets."
  }

  assert {
    condition = alltrue([
      for role in [aws_iam_role.instances, aws_iam_role.scheduler[0]] : role.path == "/slipway/" && role.permissions_boundary == var.permissions_boundary
    ])
    error_message = "Roles are where the environment lets them be."
  }
}

run "the_contract_says_what_to_release" {
  assert {
    condition = alltrue([
      for service in values(output.slipway.services) : service.task_definition.requiresCompatibilities == ["EC2"]
      && service.task_definition.networkMode == "awsvpc" && service.task_definition.runtimePlatform.cpuArchitecture == "X86_64"
    ])
    error_message = "Tasks are made for the instances."
  }

  assert {
    condition     = { for key, service in output.slipway.services : key => "${service.name} ${service.desired_count}" } == { web = "default-web 2", api = "default-api 1", worker = "default-worker 1" }
    error_message = "Names begin with the stack's id; counts are the release's."
  }

  assert {
    condition = output.slipway.cluster == aws_ecs_cluster.this.arn && jsonencode(output.slipway.network) == jsonencode({
      subnets          = module.network[0].private_subnet_ids
      security_groups  = [aws_security_group.tasks.id]
      assign_public_ip = false
    })
    error_message = "One-off tasks run where the services do."
  }

  assert {
    condition     = output.slipway.migrations[0].name == "migrate" && output.slipway.migrations[0].timeout_seconds == 900 && output.slipway.tasks.createsuperuser.service == "api"
    error_message = "Migrations and tasks are passed on."
  }

  assert {
    condition     = output.slipway.schedules.nightly.name == "default-nightly" && output.slipway.schedules.nightly.group == "default"
    error_message = "A release finds the schedule."
  }

  assert {
    condition = (
      output.slipway.endpoints == { web = "https://shop.example.com", api = "https://shop.example.com/api/" }
      && output.slipway.health == { url = "https://shop.example.com/healthz", expect = 200 }
    )
    error_message = "What people open, and what is asked after a release."
  }

  assert {
    condition     = output.slipway.database == null
    error_message = "Without a database there is nothing to take a snapshot of."
  }
}

run "https_by_a_certificate_of_the_stack" {
  variables {
    services = {
      web   = { port = 8080 }
      api   = { port = 9090, public = false }
      admin = { port = 8080, hosts = ["admin.example.com"] }
    }
    zone_id         = "Z0123456789ABCDEFGHIJ"
    certificate_arn = null
    domain_name     = null
  }

  assert {
    condition     = output.slipway.endpoints == { web = "https://default.example.com", admin = "https://admin.example.com" }
    error_message = "People open the stack by its names, and not what is not public."
  }
}

run "without_a_certificate_there_is_a_warning" {
  command = plan

  variables {
    certificate_arn = null
    domain_name     = null
  }

  assert {
    condition     = !module.load_balancer[0].is_https
    error_message = "HTTP alone."
  }

  expect_failures = [check.https]
}

run "workers_alone_need_no_load_balancer" {
  variables {
    services        = { worker = { command = ["./app", "work"] } }
    migrations      = []
    tasks           = {}
    schedules       = {}
    zone_id         = "Z0123456789ABCDEFGHIJ"
    certificate_arn = null
    domain_name     = null
  }

  assert {
    condition     = length(module.load_balancer) == 0 && length(aws_scheduler_schedule_group.this) == 0 && output.slipway.endpoints == {} && output.slipway.health == null
    error_message = "Nothing is made for what is not asked for."
  }
}

run "the_password_of_the_database_is_a_reference" {
  variables {
    database = { engine = "postgres" }
  }

  assert {
    condition = alltrue([
      for service in values(output.slipway.services) : contains(
        service.task_definition.containerDefinitions[0].secrets,
        { name = "DATABASE_PASSWORD", valueFrom = module.database[0].password_arn }
      )
    ])
    error_message = "ECS reads the password when it starts a task."
  }

  assert {
    condition     = output.slipway.database == { kind = "rds-instance", id = module.database[0].id }
    error_message = "A release can take a snapshot."
  }
}

run "each_service_gets_its_own_environment" {
  variables {
    services = {
      web    = { port = 8080, environment = { LOG_LEVEL = "debug" } }
      api    = { port = 9090, paths = ["/api/*"], secrets = [] }
      worker = { command = ["./app", "work"], secrets = ["TOKEN"], log_retention = 7 }
    }
    environment = { LOG_LEVEL = "info" }
    secrets = {
      TOKEN  = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:token-AbCdEf"
      STRIPE = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:stripe-AbCdEf"
    }
    alarms = { email = "team@example.com", topic_arns = ["arn:aws:sns:eu-west-1:111122223333:alarms"] }
  }

  assert {
    condition = { for key, service in output.slipway.services : key => join(" ", sort([for secret in service.task_definition.containerDefinitions[0].secrets : secret.name])) } == {
      web = "STRIPE TOKEN", api = "", worker = "TOKEN"
    }
    error_message = "A service gets all secrets, or those that it names."
  }

  assert {
    condition = { for key, service in output.slipway.services : key => service.task_definition.containerDefinitions[0].environment[0].value } == {
      web = "debug", api = "info", worker = "info"
    }
    error_message = "A service's own variables override the common ones."
  }

  assert {
    condition     = toset(aws_cloudwatch_metric_alarm.no_capacity.alarm_actions) == toset(["arn:aws:sns:eu-west-1:111122223333:alarms", aws_sns_topic.alarms[0].arn])
    error_message = "Alarms reach the address and the given topic."
  }
}

run "arm_in_a_given_network" {
  # A stack stays in its network: this is another one.
  state_key = "given-network"

  variables {
    architecture        = "ARM64"
    internal            = true
    allowed_cidr_blocks = ["10.20.0.0/16"]
    network             = { vpc_id = "vpc-0123456789abcdef0", private_subnet_ids = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"] }
  }

  assert {
    condition     = data.aws_ssm_parameter.ami[0].name == "/aws/service/ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id"
    error_message = "The image is for ARM."
  }

  assert {
    condition = (
      aws_launch_template.this.instance_type == "t4g.small"
      && output.slipway.services.web.task_definition.runtimePlatform.cpuArchitecture == "ARM64"
    )
    error_message = "Instances and tasks are for ARM."
  }

  assert {
    condition     = length(module.network) == 0 && toset(aws_autoscaling_group.this.vpc_zone_identifier) == toset(var.network.private_subnet_ids)
    error_message = "No network is made."
  }

  assert {
    condition     = output.slipway.health == null
    error_message = "The health of what is internal is not asked."
  }
}

run "a_canary_on_instances" {
  variables {
    services = {
      web = { port = 8080, deployment = { strategy = "canary", percent = 5, roll_back_on_alarm = true, pause_at = ["POST_SCALE_UP"] } }
      api = { port = 9090, paths = ["/api/*"] }
    }
  }

  assert {
    condition     = keys(module.load_balancer[0].progressive_targets) == ["web"] && toset(keys(module.load_balancer[0].target_group_arns)) == toset(["api", "web"])
    error_message = "A second target group for the service whose requests go over by weight."
  }

  assert {
    condition     = output.slipway.services.web.strategy.kind == "canary" && output.slipway.services.web.strategy.percent == 5 && output.slipway.services.web.strategy.pauses == tolist(["POST_SCALE_UP"]) && !can(output.slipway.services.api.strategy)
    error_message = "A release knows how its requests go over."
  }
}
