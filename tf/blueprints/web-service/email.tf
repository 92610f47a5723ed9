# Mail from the addresses of one domain. A new account of SES is in its sandbox: it sends to confirmed addresses only, until AWS
# is asked to let it out.

locals {
  email_domain = var.email == null ? null : coalesce(var.email.domain, module.load_balancer.domain_name)
  email_arn    = var.email == null ? null : "${local.arn}:ses:${local.region}:${local.account}:identity/${local.email_domain}"

  # The records that can be made: those of a domain in the stack's zone.
  email_in_zone = try(var.email.create_identity, false) && var.zone_id != null && (
    var.email == null ? false : endswith(".${local.email_domain}", ".${trimsuffix(coalesce(module.load_balancer.zone_name, "-"), ".")}")
  )

  email_policies = var.email == null ? {} : {
    email = jsonencode({
      Version = "2012-10-17"
      Statement = [{
        Effect   = "Allow"
        Action   = ["ses:SendEmail", "ses:SendRawEmail"]
        Resource = [local.email_arn, aws_sesv2_configuration_set.this[0].arn]
        Condition = {
          StringLike = { "ses:FromAddress" = "*@${local.email_domain}" }
        }
      }]
    })
  }
}

resource "aws_sesv2_configuration_set" "this" {
  count = var.email == null ? 0 : 1

  configuration_set_name = local.stack

  delivery_options {
    tls_policy = "REQUIRE"
  }

  reputation_options {
    reputation_metrics_enabled = true
  }

  suppression_options {
    suppressed_reasons = ["BOUNCE", "COMPLAINT"]
  }
}

resource "aws_sesv2_email_identity" "this" {
  count = try(var.email.create_identity, false) ? 1 : 0

  email_identity         = local.email_domain
  configuration_set_name = aws_sesv2_configuration_set.this[0].configuration_set_name
}

resource "aws_sesv2_email_identity_mail_from_attributes" "this" {
  count = local.email_in_zone ? 1 : 0

  email_identity         = aws_sesv2_email_identity.this[0].email_identity
  mail_from_domain       = "bounce.${local.email_domain}"
  behavior_on_mx_failure = "USE_DEFAULT_VALUE"
}

# The three keys with which SES signs.
resource "aws_ses_domain_dkim" "this" {
  count = try(var.email.create_identity, false) ? 1 : 0

  domain = aws_sesv2_email_identity.this[0].email_identity
}

resource "aws_route53_record" "dkim" {
  count = local.email_in_zone ? 3 : 0

  zone_id = var.zone_id
  name    = "${aws_ses_domain_dkim.this[0].dkim_tokens[count.index]}._domainkey.${local.email_domain}"
  type    = "CNAME"
  ttl     = 300
  records = ["${aws_ses_domain_dkim.this[0].dkim_tokens[count.index]}.dkim.amazonses.com"]
}

resource "aws_route53_record" "email" {
  for_each = local.email_in_zone ? {
    bounce = { name = "bounce.${local.email_domain}", type = "MX", value = "10 feedback-smtp.${local.region}.amazonses.com" }
    spf    = { name = "bounce.${local.email_domain}", type = "TXT", value = "v=spf1 include:amazonses.com -all" }
    dmarc  = { name = "_dmarc.${local.email_domain}", type = "TXT", value = "v=DMARC1; p=quarantine" }
  } : {}

  zone_id = var.zone_id
  name    = each.value.name
  type    = each.value.type
  ttl     = 300
  records = [each.value.value]
}
