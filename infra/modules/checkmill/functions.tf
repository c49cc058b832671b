locals {
  # What every function is told. Ids and names only: the secrets are read from Parameter Store.
  environment = merge(
    {
      CHECKMILL_TABLE             = aws_dynamodb_table.state.name
      CHECKMILL_QUEUE_URL         = aws_sqs_queue.deliveries.url
      CHECKMILL_STATE_MACHINE_ARN = local.state_machine_arn
      CHECKMILL_BUCKET            = aws_s3_bucket.logs.id
      CHECKMILL_PARAMETER_PREFIX  = var.parameter_prefix
      GH_APP_ID                   = var.github_app_id
    },
    var.github_api_url == null ? {} : { GITHUB_API_URL = var.github_api_url },
    var.extra_environment,
  )

  # Only start tells jobs where to report.
  own_environment = {
    start   = merge({ CHECKMILL_PUBLIC_URL = coalesce(var.public_url, local.api_url) }, local.model_environment)
    results = local.model_environment
  }

  # Which language model; its key is no variable. `start` is told what answers may be used, `results` asks.
  model_prefix = var.model == null ? null : upper(var.model.provider)
  model_environment = var.model == null ? {} : merge(
    {
      CHECKMILL_MODEL               = var.model.provider
      "${local.model_prefix}_MODEL" = var.model.name
      CHECKMILL_MODEL_TIMEOUT_SECS  = tostring(var.model.timeout_seconds)
    },
    var.model.base_url == null ? {} : { "${local.model_prefix}_BASE_URL" = var.model.base_url },
  )

  # Seconds that `results` has beside its other requests: `checkmill_core::limits::MODEL_TIME` without what the others leave.
  # Below the claim's two minutes and the 150 s of the state Results.
  model_seconds = var.model == null ? 0 : 55

  # Seconds. webhook: GitHub waits 10. start, poll, results: well below the two minutes for which a phase claims a job
  # (`checkmill_core::limits::CLAIM`).
  functions = {
    webhook = { timeout = 10, description = "Verifies GitHub's webhooks and queues them" }
    plan    = { timeout = 120, description = "Turns a delivery into runs and jobs" }
    start   = { timeout = 60, description = "Creates a job's check run and submits it to its backend" }
    poll    = { timeout = 60, description = "Asks a job's backend how it stands" }
    results = { timeout = 60, description = "Concludes a job and starts those that needed it" }
    sweep   = { timeout = 120, description = "Picks up what was lost anywhere else" }
  }
}

module "function" {
  source   = "./function"
  for_each = local.functions

  name                 = "${var.name}-${each.key}"
  description          = each.value.description
  package              = "${var.functions_dir}/checkmill-${each.key}/bootstrap.zip"
  architecture         = var.architecture
  memory_mb            = var.memory_mb
  timeout_seconds      = each.value.timeout + (each.key == "results" ? local.model_seconds : 0)
  reserved_concurrency = lookup(var.reserved_concurrency, each.key, -1)
  environment          = merge(local.environment, lookup(local.own_environment, each.key, {}))
  statements           = local.statements[each.key]
  log_days             = var.function_log_days
  log_level            = var.log_level
}

# On its own, because start is told its address: Terraform sees the functions above as one thing, so it would be a cycle.
module "api" {
  source = "./function"

  name         = "${var.name}-api"
  description  = "Hears from the jobs: their logs and how they ended"
  package      = "${var.functions_dir}/checkmill-api/bootstrap.zip"
  architecture = var.architecture
  memory_mb    = var.memory_mb
  # An HTTP API gives up after 30 seconds.
  timeout_seconds      = 29
  reserved_concurrency = lookup(var.reserved_concurrency, "api", -1)
  environment          = local.environment
  statements           = local.statements["api"]
  log_days             = var.function_log_days
  log_level            = var.log_level
}
