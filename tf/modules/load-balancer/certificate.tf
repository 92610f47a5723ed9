# The stack's names, their certificate and their records.

data "aws_route53_zone" "this" {
  count = var.zone_id == null ? 0 : 1

  zone_id = var.zone_id
}

locals {
  zone_name   = one(data.aws_route53_zone.this[*].name)
  domain_name = var.domain_name != null ? var.domain_name : local.zone_name == null ? null : "${var.name}.${trimsuffix(local.zone_name, ".")}"

  # The stack's own name first, then those that services are reached by.
  hosts = local.domain_name == null ? [] : distinct(concat(
    [local.domain_name], sort(flatten([for service in values(var.services) : service.hosts])),
  ))

  makes_own       = var.zone_id != null && var.certificate_arn == null
  certificate_arn = local.makes_own ? one(aws_acm_certificate_validation.this[*].certificate_arn) : var.certificate_arn
}

resource "aws_acm_certificate" "this" {
  count = local.makes_own ? 1 : 0

  domain_name               = local.domain_name
  subject_alternative_names = slice(local.hosts, 1, length(local.hosts))
  validation_method         = "DNS"

  tags = { Name = var.name }

  lifecycle {
    create_before_destroy = true

    # https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html
    precondition {
      condition     = length(local.domain_name) <= 64
      error_message = "A certificate's first name has at most 64 characters, and ${local.domain_name} has ${length(local.domain_name)}: give a shorter domain_name, or a certificate_arn."
    }

    precondition {
      condition = alltrue([
        for host in local.hosts : host == trimsuffix(local.zone_name, ".") || endswith(host, ".${trimsuffix(local.zone_name, ".")}")
      ])
      error_message = "A certificate can only be had for names in the zone ${local.zone_name}: these are ${join(", ", local.hosts)}. Give names in the zone, or a certificate_arn."
    }
  }
}

resource "aws_route53_record" "validation" {
  for_each = local.makes_own ? toset(local.hosts) : toset([])

  zone_id         = var.zone_id
  name            = one([for option in aws_acm_certificate.this[0].domain_validation_options : option.resource_record_name if option.domain_name == each.value])
  type            = one([for option in aws_acm_certificate.this[0].domain_validation_options : option.resource_record_type if option.domain_name == each.value])
  records         = [one([for option in aws_acm_certificate.this[0].domain_validation_options : option.resource_record_value if option.domain_name == each.value])]
  ttl             = 300
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "this" {
  count = local.makes_own ? 1 : 0

  certificate_arn         = aws_acm_certificate.this[0].arn
  validation_record_fqdns = [for record in aws_route53_record.validation : record.fqdn]
}

resource "aws_route53_record" "host" {
  for_each = {
    for pair in setproduct(local.hosts, local.has_ipv6 ? ["A", "AAAA"] : ["A"]) :
    "${pair[0]} ${pair[1]}" => { host = pair[0], type = pair[1] } if var.zone_id != null
  }

  zone_id = var.zone_id
  name    = each.value.host
  type    = each.value.type

  alias {
    name                   = aws_lb.this.dns_name
    zone_id                = aws_lb.this.zone_id
    evaluate_target_health = false
  }
}
