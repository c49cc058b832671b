# The module's rules, held against a plan with a mocked provider: no account, no network, a few seconds.
# Run: terraform init && terraform test (or `cargo xtask test --only terraform`).

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { id = "eu-central-1", name = "eu-central-1" }
  }
  mock_resource "aws_dynamodb_table" {
    defaults = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/checkmill-state" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-central-1:123456789012:queue", url = "https://sqs.example/queue" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::logs" }
  }
  mock_resource "aws_lambda_function" {
    defaults = {
      arn        = "arn:aws:lambda:eu-central-1:123456789012:function:checkmill-some"
      invoke_arn = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/some/invocations"
    }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/some" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:some" }
  }
  mock_resource "aws_scheduler_schedule_group" {
    defaults = { arn = "arn:aws:scheduler:eu-central-1:123456789012:schedule-group/checkmill" }
  }
  mock_resource "aws_apigatewayv2_api" {
    defaults = {
      api_endpoint  = "https://abc.execute-api.eu-central-1.amazonaws.com"
      execution_arn = "arn:aws:execute-api:eu-central-1:123456789012:abc"
    }
  }
  mock_resource "aws_lambda_function_url" {
    defaults = { function_url = "https://abc.lambda-url.eu-central-1.on.aws/" }
  }
}

variables {
  github_app_id   = "12345"
  functions_dir   = "tests/fixtures/lambda"
  definition_file = "tests/fixtures/job.asl.json"
}

run "least_privilege" {
  variables {
    parameter_kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1"
  }

  assert {
    condition = alltrue(flatten([
      for policy in values(output.policies) : [
        for statement in jsondecode(policy).Statement : [
          for action in statement.Action : length(regexall("[*?]", action)) == 0
        ]
      ]
    ]))
    error_message = "A role has an action with a wildcard."
  }

  # With and without a key of one's own for the parameters: IAM refuses a null.
  assert {
    condition     = alltrue([for policy in values(output.policies) : !strcontains(policy, "null")])
    error_message = "A policy holds a null, which IAM refuses."
  }

  # Every resource is an ARN; '*' appears only where a name can't be known: in log streams, objects, executions, secrets
  # of repositories. The one
  # exception is log delivery, whose actions take no resource.
  assert {
    condition = alltrue(flatten([
      for policy in values(output.policies) : [
        for statement in jsondecode(policy).Statement : [
          for resource in statement.Resource :
          can(regex("^arn:aws:[a-z0-9-]+:[a-z0-9-]*:[0-9]*:[^*]+$", resource))
          || can(regex("^arn:aws:logs:[^*]+:log-group:[^*]+:\\*$", resource))
          || can(regex("^arn:aws:s3:::[^*]+/(runs|caches)/\\*$", resource))
          || can(regex("^arn:aws:ssm:[^*]+:parameter/[^*]+/secrets/\\*$", resource))
          || can(regex("^arn:aws:states:[^*]+:execution:checkmill-job:\\*$", resource))
          || (statement.Sid == "LogOfFailures" && resource == "*")
        ]
      ]
    ]))
    error_message = "A role has a wider resource than its service needs."
  }

  # The one function that anybody may reach.
  assert {
    condition = [
      for statement in jsondecode(output.policies["webhook"]).Statement :
      statement.Condition if statement.Sid == "Deliveries"
      ] == [
      { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = ["DELIVERY#*"] } }
    ]
    error_message = "The webhook may write rows that are no deliveries."
  }

  # Exactly what each function may do, so that a new permission is a decision and not an accident.
  assert {
    condition = jsonencode({
      for name, policy in output.policies : name => {
        for statement in jsondecode(policy).Statement : statement.Sid => sort(statement.Action)
      }
      }) == jsonencode({
      webhook = {
        DecryptParameters = ["kms:Decrypt"]
        Deliveries        = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
        Enqueue           = ["sqs:SendMessage"]
        OwnLog            = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Parameters        = ["ssm:GetParameters"]
      }
      plan = {
        AdvanceDeliveries = ["dynamodb:UpdateItem"]
        Blobs             = ["s3:GetObject", "s3:PutObject"]
        DecryptParameters = ["kms:Decrypt"]
        ListBlobs         = ["s3:ListBucket"]
        OwnLog            = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Parameters        = ["ssm:GetParameters"]
        Receive           = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
        Rows              = ["dynamodb:GetItem", "dynamodb:PutItem"]
        Runs              = ["dynamodb:Query"]
        StartExecutions   = ["states:StartExecution"]
        WakeExecutions    = ["states:SendTaskSuccess"]
      }
      start = {
        Blobs             = ["s3:GetObject", "s3:PutObject"]
        DecryptParameters = ["kms:Decrypt"]
        ListBlobs         = ["s3:ListBucket"]
        OwnLog            = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Parameters        = ["ssm:GetParameters"]
        Rows              = ["dynamodb:GetItem", "dynamodb:PutItem"]
        Runs              = ["dynamodb:Query"]
        StartExecutions   = ["states:StartExecution"]
        WakeExecutions    = ["states:SendTaskSuccess"]
      }
      poll = {
        Blobs             = ["s3:GetObject", "s3:PutObject"]
        DecryptParameters = ["kms:Decrypt"]
        ListBlobs         = ["s3:ListBucket"]
        OwnLog            = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Parameters        = ["ssm:GetParameters"]
        Rows              = ["dynamodb:GetItem", "dynamodb:PutItem"]
        WakeExecutions    = ["states:SendTaskSuccess"]
      }
      results = {
        AdvanceDeliveries = ["dynamodb:UpdateItem"]
        Blobs             = ["s3:GetObject", "s3:PutObject"]
        DecryptParameters = ["kms:Decrypt"]
        Enqueue           = ["sqs:SendMessage"]
        ListBlobs         = ["s3:ListBucket"]
        OwnLog            = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Parameters        = ["ssm:GetParameters"]
        Rows              = ["dynamodb:GetItem", "dynamodb:PutItem"]
        Runs              = ["dynamodb:Query"]
        StartExecutions   = ["states:StartExecution"]
        WakeExecutions    = ["states:SendTaskSuccess"]
      }
      sweep = {
        DecryptParameters      = ["kms:Decrypt"]
        Defer                  = ["dynamodb:UpdateItem"]
        Enqueue                = ["sqs:SendMessage"]
        OpenRows               = ["dynamodb:Query"]
        OwnLog                 = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Parameters             = ["ssm:GetParameters"]
        ReadManyRows           = ["dynamodb:BatchGetItem"]
        Rows                   = ["dynamodb:GetItem", "dynamodb:PutItem"]
        Runs                   = ["dynamodb:Query"]
        StartExecutions        = ["states:StartExecution"]
        WakeExecutions         = ["states:SendTaskSuccess"]
        WatchAndStopExecutions = ["states:DescribeExecution", "states:StopExecution"]
      }
      api = {
        Blobs             = ["s3:GetObject", "s3:PutObject"]
        Caches            = ["s3:GetObject", "s3:PutObject"]
        DecryptParameters = ["kms:Decrypt"]
        DeleteBlobs       = ["s3:DeleteObject"]
        ListBlobs         = ["s3:ListBucket"]
        OwnLog            = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Parameters        = ["ssm:GetParameters"]
        Rows              = ["dynamodb:GetItem", "dynamodb:PutItem"]
        WakeExecutions    = ["states:SendTaskSuccess"]
      }
      schedule = {
        Sweep = ["lambda:InvokeFunction"]
      }
      state_machine = {
        ContinueAsNew = ["states:StartExecution"]
        LogOfFailures = ["logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery"]
        Phases        = ["lambda:InvokeFunction"]
      }
    })
    error_message = "A role's permissions are not the ones that are written down here."
  }

  # A statement's name stands for its queue, bucket or parameters: the secrets are read by those alone who need them.
  assert {
    condition = jsonencode({
      for name, arns in local.parameters : name => [for arn in arns : element(split("/", arn), length(split("/", arn)) - 1)]
      }) == jsonencode({
      webhook = ["webhook-secret", "webhook-secret-previous"]
      plan    = ["private-key"]
      # "*": what people keep for jobs, by repository.
      start   = ["private-key", "*", "webhook-secret", "webhook-secret-previous"]
      poll    = ["private-key"]
      results = ["private-key"]
      sweep   = ["private-key"]
      api     = ["webhook-secret", "webhook-secret-previous"]
    })
    error_message = "A function reads another's secrets."
  }

  # No secret by any road but Parameter Store: what is in the environment is in the state.
  assert {
    condition = alltrue([
      for name in ["GH_PRIVATE_KEY", "GH_WEBHOOK_SECRET", "PRIVATE_KEY", "WEBHOOK_SECRET"] :
      !contains(keys(local.environment), name)
    ])
    error_message = "A secret is in the functions' environment."
  }
}

# Off unless it is set: the assertions above are about a stack without one.
run "no_model" {
  assert {
    condition     = !contains(keys(local.own_environment.start), "CHECKMILL_MODEL") && length(local.own_environment.results) == 0 && module.function["results"].timeout_seconds == 60
    error_message = "A model is asked that nobody has named."
  }
}

run "model" {
  variables {
    model = { provider = "openrouter", name = "openai/gpt-4o-mini", timeout_seconds = 40 }
  }

  assert {
    condition = jsonencode(local.own_environment.results) == jsonencode({
      CHECKMILL_MODEL              = "openrouter"
      CHECKMILL_MODEL_TIMEOUT_SECS = "40"
      OPENROUTER_MODEL             = "openai/gpt-4o-mini"
    })
    error_message = "results is told ${jsonencode(local.own_environment.results)}"
  }

  # Those that use the answers know it, and no other function.
  assert {
    condition     = local.own_environment.start.OPENROUTER_MODEL == "openai/gpt-4o-mini" && !contains(keys(local.environment), "CHECKMILL_MODEL")
    error_message = "Another set of functions than start and results knows the model."
  }

  # The key is read by who asks, and by no other.
  assert {
    condition     = [for name, arns in local.parameters : name if length([for arn in arns : arn if endswith(arn, "/model-key")]) > 0] == ["results"]
    error_message = "Not results alone reads the model's key."
  }

  assert {
    condition = [
      for statement in jsondecode(output.policies["results"]).Statement : statement.Resource if statement.Sid == "Parameters"
      ] == [[
        "arn:aws:ssm:eu-central-1:123456789012:parameter/checkmill/private-key",
        "arn:aws:ssm:eu-central-1:123456789012:parameter/checkmill/model-key",
    ]]
    error_message = "results does not read exactly its two parameters."
  }

  # Answers are kept by results and accepted by start.
  assert {
    condition = {
      for name, policy in output.policies : name => flatten([
        for statement in jsondecode(policy).Statement : statement.Action if statement.Sid == "Translations"
      ]) if strcontains(policy, "/translations/")
      } == {
      start   = ["s3:GetObject", "s3:PutObject"]
      results = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    }
    error_message = "The answers may be read or written by others than start and results."
  }

  # checkmill_core::limits::CLAIM, and what the state machine waits for it.
  assert {
    condition     = module.function["results"].timeout_seconds == 115 && module.function["start"].timeout_seconds == 60
    error_message = "results has not the time for a model, or another function has it."
  }

  assert {
    condition     = strcontains(output.next_steps, "/checkmill/model-key")
    error_message = "Nobody is told where the model's key goes."
  }
}

run "refuses_a_model_that_is_nowhere" {
  command = plan

  variables {
    model = { provider = "ollama", name = "llama3.1" }
  }

  expect_failures = [var.model]
}

run "refuses_an_unknown_provider" {
  command = plan

  variables {
    model = { provider = "gpt", name = "m" }
  }

  expect_failures = [var.model]
}

run "refuses_a_model_slower_than_its_function" {
  command = plan

  variables {
    model = { provider = "openai", name = "m", timeout_seconds = 61 }
  }

  expect_failures = [var.model]
}

run "policies_without_a_key" {
  assert {
    condition     = alltrue([for policy in values(output.policies) : !strcontains(policy, "null")])
    error_message = "A policy holds a null, which IAM refuses."
  }
}

run "durability" {
  assert {
    condition     = aws_dynamodb_table.state.point_in_time_recovery[0].enabled && aws_dynamodb_table.state.deletion_protection_enabled
    error_message = "The table can be lost."
  }

  assert {
    condition     = one(aws_dynamodb_table.state.ttl).attribute_name == "expires_at" && one(aws_dynamodb_table.state.ttl).enabled
    error_message = "Finished rows would be kept for ever."
  }

  assert {
    condition     = aws_sqs_queue.deliveries.visibility_timeout_seconds >= 6 * local.functions.plan.timeout
    error_message = "AWS: the visibility timeout is at least six times the consumer's timeout."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.deliveries.redrive_policy).maxReceiveCount == 9
    error_message = "A poison message must reach the dead-letter queue after nine tries, which outlast a results phase."
  }

  assert {
    condition     = aws_sqs_queue.dead_letters.message_retention_seconds > aws_sqs_queue.deliveries.message_retention_seconds
    error_message = "A dead letter keeps its first date: it must not expire on arrival."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.plan.function_response_types == toset(["ReportBatchItemFailures"])
    error_message = "One bad message would bring its batch back."
  }

  assert {
    condition     = !aws_s3_bucket.logs.force_destroy
    error_message = "The log bucket can be deleted with its logs."
  }
}

run "alarms" {
  variables {
    alarm_topic_arn = "arn:aws:sns:eu-central-1:123456789012:alarms"
  }

  assert {
    condition = toset(keys(aws_cloudwatch_metric_alarm.this)) == toset([
      "entry-5xx", "dead-letters", "queue-age", "failed-executions", "timed-out-executions", "sweep-errors",
    ])
    error_message = "An alarm is missing."
  }

  assert {
    condition = alltrue([
      for alarm in concat(values(aws_cloudwatch_metric_alarm.this), [aws_cloudwatch_metric_alarm.sweep_missing]) :
      contains(alarm.alarm_actions, "arn:aws:sns:eu-central-1:123456789012:alarms")
    ])
    error_message = "An alarm that nobody hears."
  }
}

run "http_api" {
  assert {
    condition     = output.webhook_url == "https://abc.execute-api.eu-central-1.amazonaws.com/webhook"
    error_message = "webhook_url is ${output.webhook_url}"
  }

  assert {
    condition     = length(aws_lambda_function_url.webhook) == 0 && length(aws_lambda_function_url.api) == 0
    error_message = "There are function URLs beside the HTTP API."
  }
}

run "function_url" {
  variables {
    entry = "function_url"
  }

  assert {
    condition     = output.webhook_url == "https://abc.lambda-url.eu-central-1.on.aws/webhook" && output.api_url == "https://abc.lambda-url.eu-central-1.on.aws"
    error_message = "webhook_url is ${output.webhook_url}, api_url ${output.api_url}"
  }

  assert {
    condition     = length(aws_apigatewayv2_api.entry) == 0 && length(aws_lambda_permission.http_api) == 0
    error_message = "There is an HTTP API beside the function URLs."
  }

  assert {
    condition     = strcontains(output.next_steps, "--invoked-via-function-url")
    error_message = "The permission that older providers can't give is not among the next steps."
  }
}

# GovCloud and China: no ARN may name the partition of the others.
run "other_partition" {
  override_data {
    target = data.aws_partition.current
    values = { partition = "aws-us-gov" }
  }

  assert {
    condition     = strcontains(aws_sfn_state_machine.job.definition, "arn:aws-us-gov:states:::states:startExecution")
    error_message = "The state machine calls its integrations in another partition."
  }

  # The other ARNs are the mocked resources' own.
  assert {
    condition     = alltrue([for arn in concat([local.state_machine_arn], values(local.parameter_arn)) : startswith(arn, "arn:aws-us-gov:")])
    error_message = "An ARN that the module puts together is of another partition."
  }
}

run "own_domain" {
  variables {
    public_url = "https://ci.example.com"
  }

  assert {
    condition     = output.api_url == "https://ci.example.com"
    error_message = "Jobs would not report to the given address."
  }
}

run "refuses_a_bad_app_id" {
  command = plan

  variables {
    github_app_id = "Iv1.abcdef"
  }

  expect_failures = [var.github_app_id]
}

run "refuses_a_bad_sweep" {
  command = plan

  variables {
    sweep_minutes = 10
  }

  expect_failures = [var.sweep_minutes]
}

run "refuses_an_unknown_function" {
  command = plan

  variables {
    reserved_concurrency = { webhok = 5 }
  }

  expect_failures = [var.reserved_concurrency]
}

run "refuses_a_prefix_that_ends_in_a_slash" {
  command = plan

  variables {
    parameter_prefix = "/checkmill/"
  }

  expect_failures = [var.parameter_prefix]
}
