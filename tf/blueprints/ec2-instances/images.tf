# The newest image of each system, and what runs when it starts first.

locals {
  # Where the makers of the systems publish the ids of their images.
  image_parameters = {
    "amazon-linux-2023/arm64"  = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
    "amazon-linux-2023/x86_64" = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
    "ubuntu-22.04/arm64"       = "/aws/service/canonical/ubuntu/server/22.04/stable/current/arm64/hvm/ebs-gp2/ami-id"
    "ubuntu-22.04/x86_64"      = "/aws/service/canonical/ubuntu/server/22.04/stable/current/amd64/hvm/ebs-gp2/ami-id"
    "ubuntu-24.04/arm64"       = "/aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id"
    "ubuntu-24.04/x86_64"      = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
    "debian-12/arm64"          = "/aws/service/debian/release/12/latest/arm64"
    "debian-12/x86_64"         = "/aws/service/debian/release/12/latest/amd64"
    "debian-13/arm64"          = "/aws/service/debian/release/13/latest/arm64"
    "debian-13/x86_64"         = "/aws/service/debian/release/13/latest/amd64"
    "windows-2022/x86_64"      = "/aws/service/ami-windows-latest/Windows_Server-2022-English-Full-Base"
    "windows-2025/x86_64"      = "/aws/service/ami-windows-latest/Windows_Server-2025-English-Full-Base"
  }

  systems = toset([for instance in local.instances : "${instance.os}/${instance.architecture}" if instance.ami == null])

  # An instance with an image of its own needs no newest one.
  newest_image = {
    for name, instance in local.instances : name => try(data.aws_ssm_parameter.image["${instance.os}/${instance.architecture}"].insecure_value, null)
  }

  # Debian's images come without the agent of Systems Manager; cloud-init takes several parts in one document.
  user_data = {
    for name, instance in local.instances : name => (
      !startswith(instance.os, "debian-") ? instance.user_data : templatefile("${path.module}/debian.mime.tftpl", {
        package   = "https://s3.${data.aws_region.this.region}.amazonaws.com/amazon-ssm-${data.aws_region.this.region}/latest/debian_${instance.architecture == "arm64" ? "arm64" : "amd64"}/amazon-ssm-agent.deb"
        type      = startswith(coalesce(instance.user_data, "#!"), "#cloud-config") ? "text/cloud-config" : "text/x-shellscript"
        user_data = instance.user_data
      })
    )
  }
}

data "aws_ssm_parameter" "image" {
  for_each = local.systems

  name = local.image_parameters[each.value]
}
