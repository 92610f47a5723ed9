locals {
  database = "${local.stack}-db"
  # A port of the stack's ten that no service takes.
  database_port = local.first_port + 9
  # A database stays what it was made as, also when PostgreSQL is installed or removed later.
  database_kind   = var.database == null ? "none" : try(terraform_data.database[0].output.kind, "sqlite")
  database_secret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:rds!db-${local.database}"

  # The names that web-service gives its containers on AWS.
  database_environment = {
    none   = {}
    sqlite = { DATABASE_ENGINE = "sqlite", DATABASE_PATH = "data/database.db" }
    postgres = {
      DATABASE_ENGINE = "postgres"
      DATABASE_HOST   = "127.0.0.1"
      DATABASE_PORT   = tostring(local.database_port)
      DATABASE_NAME   = "app"
      DATABASE_USER   = "app"
    }
  }
  database_secrets = {
    none   = {}
    sqlite = {}
    postgres = {
      DATABASE_PASSWORD = "${local.database_secret}:password::"
      DATABASE_URL      = "${local.database_secret}:url::"
    }
  }
}

# The local RDS runs a PostgreSQL server where this machine has the programs. Else an instance is a folder, for a file of
# SQLite. It takes snapshots of both.
resource "terraform_data" "database" {
  count = var.database != null ? 1 : 0

  input = {
    id   = local.database
    port = local.database_port
    kind = var.database.engine == "postgres" && var.postgres != null ? "postgres" : "sqlite"
  }

  lifecycle {
    ignore_changes = [input]
  }

  provisioner "local-exec" {
    interpreter = ["slipway", "aws", "rds", "CreateDBInstance"]
    command = jsonencode(merge(
      {
        DBInstanceIdentifier = self.input.id
        DBInstanceClass      = "db.t4g.micro"
        Engine               = "postgres"
      },
      [for kind in [self.input.kind] : {
        MasterUsername           = "app"
        DBName                   = "app"
        Port                     = self.input.port
        ManageMasterUserPassword = true
      } if kind == "postgres"]...
    ))
  }

  provisioner "local-exec" {
    when        = destroy
    interpreter = ["slipway", "aws", "rds", "DeleteDBInstance"]
    command     = jsonencode({ DBInstanceIdentifier = self.input.id, SkipFinalSnapshot = true })
  }
}
