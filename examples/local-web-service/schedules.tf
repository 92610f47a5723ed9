# Made asleep: the first release points a schedule at its task definition and wakes it.
resource "terraform_data" "schedule" {
  for_each = var.schedules

  input            = "${local.stack}-${each.key}"
  triggers_replace = [each.value]

  provisioner "local-exec" {
    interpreter = ["slipway", "aws", "scheduler", "CreateSchedule"]
    command = jsonencode({
      Name               = self.input
      ScheduleExpression = each.value.expression
      State              = "DISABLED"
      FlexibleTimeWindow = { Mode = "OFF" }
      Target = {
        Arn           = "arn:aws:ecs:us-east-1:000000000000:cluster/${local.stack}"
        RoleArn       = "arn:aws:iam::000000000000:role/slipway/local"
        EcsParameters = { TaskDefinitionArn = "arn:aws:ecs:us-east-1:000000000000:task-definition/none-yet:1" }
        Input         = jsonencode({ containerOverrides = [{ name = each.value.service, command = each.value.command }] })
      }
    })
  }

  provisioner "local-exec" {
    when        = destroy
    interpreter = ["slipway", "aws", "scheduler", "DeleteSchedule"]
    command     = jsonencode({ Name = self.input })
  }

  depends_on = [terraform_data.service]
}
