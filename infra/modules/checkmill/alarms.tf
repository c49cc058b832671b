# What nobody would notice otherwise: each of these means that a check may hang or come late.

locals {
  # Answers of 5xx at the doors: GitHub can't deliver, or jobs can't report. A function that does not come up is among them.
  refused_at = merge(
    { for api in aws_apigatewayv2_api.entry : "entry" => {
      namespace = "AWS/ApiGateway", metric = "5xx", dimensions = { ApiId = api.id }
    } },
    var.entry == "function_url" ? {
      webhook = { namespace = "AWS/Lambda", metric = "Url5xxCount", dimensions = { FunctionName = module.function["webhook"].name } }
      api     = { namespace = "AWS/Lambda", metric = "Url5xxCount", dimensions = { FunctionName = module.api.name } }
    } : {},
  )

  alarms = merge({ for door, of in local.refused_at : "${door}-5xx" => merge(of, {
    description = "Requests are answered with 5xx: look at the functions' logs. GitHub's deliveries are asked for again; jobs try again."
    statistic   = "Sum"
    threshold   = 0
    }) }, {
    dead-letters = {
      description = "A delivery could not be planned in nine tries. Look at it in the dead-letter queue; redrive it when the cause is gone."
      namespace   = "AWS/SQS"
      metric      = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = aws_sqs_queue.dead_letters.name }
      statistic   = "Maximum"
      threshold   = 0
    }
    queue-age = {
      description = "Deliveries wait for more than a minute: plan fails, or is throttled."
      namespace   = "AWS/SQS"
      metric      = "ApproximateAgeOfOldestMessage"
      dimensions  = { QueueName = aws_sqs_queue.deliveries.name }
      statistic   = "Maximum"
      threshold   = 60
    }
    failed-executions = {
      description = "A job's execution failed in spite of its retries. The sweep closes the job's check; the log group of the state machine has the cause."
      namespace   = "AWS/States"
      metric      = "ExecutionsFailed"
      dimensions  = { StateMachineArn = local.state_machine_arn }
      statistic   = "Sum"
      threshold   = 0
    }
    timed-out-executions = {
      description = "A job's execution ran out of time. The sweep closes the job's check."
      namespace   = "AWS/States"
      metric      = "ExecutionsTimedOut"
      dimensions  = { StateMachineArn = local.state_machine_arn }
      statistic   = "Sum"
      threshold   = 0
    }
    sweep-errors = {
      description = "The sweep fails: what is lost stays lost."
      namespace   = "AWS/Lambda"
      metric      = "Errors"
      dimensions  = { FunctionName = module.function["sweep"].name }
      statistic   = "Sum"
      threshold   = 0
    }
  })
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = 60
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}

# Who watches the sweep? Here silence is the alarm.
resource "aws_cloudwatch_metric_alarm" "sweep_missing" {
  alarm_name          = "${var.name}-sweep-missing"
  alarm_description   = "The sweep has not run for a quarter of an hour: look at its schedule."
  namespace           = "AWS/Lambda"
  metric_name         = "Invocations"
  dimensions          = { FunctionName = module.function["sweep"].name }
  statistic           = "Sum"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "breaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}
