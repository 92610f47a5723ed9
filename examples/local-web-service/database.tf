locals {
  database = "${local.stack}-db"
}

# The local RDS keeps an instance as a folder, and takes snapshots of it.
resource "terraform_data" "database" {
  count = var.database != null ? 1 : 0

  input = { id = local.database, engine = var.database.engine }

  provisioner "local-exec" {
    interpreter = ["slipway", "aws", "rds", "CreateDBInstance"]
    command = jsonencode({
      DBInstanceIdentifier = self.input.id
      DBInstanceClass      = "db.t4g.micro"
      Engine               = self.input.engine
    })
  }

  provisioner "local-exec" {
    when        = destroy
    interpreter = ["slipway", "aws", "rds", "DeleteDBInstance"]
    command     = jsonencode({ DBInstanceIdentifier = self.input.id, SkipFinalSnapshot = true })
  }
}
