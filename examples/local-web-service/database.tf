locals {
  database = "${local.stack}-db"
}

# The local RDS keeps an instance as a folder, and takes snapshots of it.
resource "terraform_data" "database" {
  count = var.database ? 1 : 0

  input = local.database

  provisioner "local-exec" {
    interpreter = ["slipway", "aws", "rds", "CreateDBInstance"]
    command = jsonencode({
      DBInstanceIdentifier = self.input
      DBInstanceClass      = "db.t4g.micro"
      Engine               = "postgres"
    })
  }

  provisioner "local-exec" {
    when        = destroy
    interpreter = ["slipway", "aws", "rds", "DeleteDBInstance"]
    command     = jsonencode({ DBInstanceIdentifier = self.input, SkipFinalSnapshot = true })
  }
}
