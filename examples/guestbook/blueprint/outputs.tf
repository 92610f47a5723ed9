output "slipway" {
  description = "What the workflow needs to know to release the guestbook."
  value = {
    endpoints = { web = "http://127.0.0.1:${local.port}" }
    cluster   = terraform_data.cluster.output.clusterName
    services = {
      web = {
        name            = terraform_data.service.output.serviceName
        task_definition = local.task_definition
        desired_count   = var.copies
      }
    }
    migrations = [{ name = "migrate", service = "web", command = ["migrate"], timeout_seconds = 60 }]
    # Short: the guestbook is a demonstration.
    bake_seconds = 2
    health       = { url = "http://127.0.0.1:${local.port}/healthz", expect = 200 }
  }
}
