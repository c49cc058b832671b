resource "aws_sqs_queue" "deliveries" {
  name = "${var.name}-deliveries"

  # AWS asks for six times the consumer's timeout: enough for a retry of the batch before anybody else sees it. A message
  # that failed is back sooner, see below.
  visibility_timeout_seconds = 6 * local.functions.plan.timeout
  message_retention_seconds  = 4 * 24 * 3600
  receive_wait_time_seconds  = 20
  # A message is an id of at most 100 characters (`checkmill_phases::ports::PlanMessage`). 4 KiB says so; whatever is
  # larger is a mistake, and refused where it is made.
  max_message_size        = 4096
  sqs_managed_sse_enabled = true

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters.arn
    # The plan function brings back what it could not do yet (somebody asked for a re-run while the attempt's end was still
    # being reported) after 1, 2, 4 ... 128 seconds: `checkmill_phases::backoff`, which says the same number. These waits
    # sum to 255 s, and a results phase waits for claims at most 185 s, so it has ended before the last try. What comes back
    # only with the visibility timeout, because the function died or the failure is for good, is a dead letter after
    # 9 x 12 minutes; the sweep has queued the delivery again long before.
    maxReceiveCount = 9
  })
}

resource "aws_sqs_queue" "dead_letters" {
  name = "${var.name}-dead-letters"

  # SQS's maximum: time to look at it after a holiday.
  message_retention_seconds = 14 * 24 * 3600
  max_message_size          = 4096
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_redrive_allow_policy" "dead_letters" {
  queue_url = aws_sqs_queue.dead_letters.id

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.deliveries.arn]
  })
}

resource "aws_lambda_event_source_mapping" "plan" {
  event_source_arn = aws_sqs_queue.deliveries.arn
  function_name    = module.function["plan"].arn
  batch_size       = 1
  # One bad message must not bring the others back.
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.plan_concurrency
  }
}
