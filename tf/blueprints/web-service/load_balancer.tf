# The load balancer of the public services, with the stack's names and their certificate.

module "load_balancer" {
  source = "../../modules/load-balancer"

  name                    = local.stack
  vpc_id                  = local.vpc_id
  given_vpc_id            = var.network == null ? null : var.network.vpc_id
  public_subnet_ids       = local.public_subnet_ids
  private_subnet_ids      = local.private_subnet_ids
  internal                = var.internal
  allowed_cidr_blocks     = var.allowed_cidr_blocks
  tasks_security_group_id = aws_security_group.tasks.id

  zone_id         = var.zone_id
  domain_name     = var.domain_name
  certificate_arn = var.certificate_arn

  services = {
    for name, service in var.services : name => merge(service, { progressive = service.deployment.strategy != "rolling" })
    if service.port != null && service.public
  }
  sets = { for set in module.sets.sets : set => { suffix = module.sets.suffix[set], weight = module.sets.weight[set] } }

  idle_timeout        = var.idle_timeout
  deletion_protection = var.deletion_protection
  access_log_bucket   = var.access_log_bucket
  web_acl_arn         = var.web_acl_arn
}

check "https" {
  assert {
    condition     = module.load_balancer.is_https
    error_message = "The stack is reached by plain HTTP: what people send to it, passwords too, can be read on the way. Give it a zone_id, or a domain_name with a certificate_arn."
  }
}
