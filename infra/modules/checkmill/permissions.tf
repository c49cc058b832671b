# What each function may do, and nothing else. The end-to-end test runs the functions under these roles with an emulator
# that enforces them.

locals {
  of_deliveries = {
    "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = ["DELIVERY#*"] }
  }

  may = {
    # Runs and jobs are replaced whole, on a condition; a transaction needs the permissions of the writes in it.
    read_and_write_rows = {
      Sid      = "Rows"
      Effect   = "Allow"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem"]
      Resource = [aws_dynamodb_table.state.arn]
    }
    # A run with all its jobs, and the runs of a commit.
    query_rows = {
      Sid      = "Runs"
      Effect   = "Allow"
      Action   = ["dynamodb:Query"]
      Resource = [aws_dynamodb_table.state.arn]
    }
    # What anybody may reach writes the rows of deliveries and no other.
    record_deliveries = {
      Sid       = "Deliveries"
      Effect    = "Allow"
      Action    = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
      Resource  = [aws_dynamodb_table.state.arn]
      Condition = local.of_deliveries
    }
    advance_deliveries = {
      Sid       = "AdvanceDeliveries"
      Effect    = "Allow"
      Action    = ["dynamodb:UpdateItem"]
      Resource  = [aws_dynamodb_table.state.arn]
      Condition = local.of_deliveries
    }
    # The sweep puts off its next look at a delivery or a job.
    defer_rows = {
      Sid      = "Defer"
      Effect   = "Allow"
      Action   = ["dynamodb:UpdateItem"]
      Resource = [aws_dynamodb_table.state.arn]
    }
    read_many_rows = {
      Sid      = "ReadManyRows"
      Effect   = "Allow"
      Action   = ["dynamodb:BatchGetItem"]
      Resource = [aws_dynamodb_table.state.arn]
    }
    query_open_rows = {
      Sid      = "OpenRows"
      Effect   = "Allow"
      Action   = ["dynamodb:Query"]
      Resource = ["${aws_dynamodb_table.state.arn}/index/open"]
    }
    send_messages = {
      Sid      = "Enqueue"
      Effect   = "Allow"
      Action   = ["sqs:SendMessage"]
      Resource = [aws_sqs_queue.deliveries.arn]
    }
    # What Lambda's own poller does in the function's name; and the function itself brings back sooner what failed.
    receive_messages = {
      Sid    = "Receive"
      Effect = "Allow"
      Action = [
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
      ]
      Resource = [aws_sqs_queue.deliveries.arn]
    }
    start_executions = {
      Sid      = "StartExecutions"
      Effect   = "Allow"
      Action   = ["states:StartExecution"]
      Resource = [local.state_machine_arn]
    }
    # Executions are named after job ids, which are not known before.
    watch_and_stop_executions = {
      Sid      = "WatchAndStopExecutions"
      Effect   = "Allow"
      Action   = ["states:DescribeExecution", "states:StopExecution"]
      Resource = ["arn:${local.partition}:states:${local.region}:${local.account}:execution:${local.state_machine_name}:*"]
    }
    # For a token, the state machine that handed it out is what is asked for, though the reference lists no resource type
    # for this action: https://github.com/aws/aws-cdk/pull/8486 tried it, and CDK's grantTaskResponse grants the same.
    wake_executions = {
      Sid      = "WakeExecutions"
      Effect   = "Allow"
      Action   = ["states:SendTaskSuccess"]
      Resource = [local.state_machine_arn]
    }
    # Workflow files, logs, results and artifacts: all that belongs to a run is under its name.
    read_and_write_runs = {
      Sid      = "Blobs"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:PutObject"]
      Resource = ["${aws_s3_bucket.logs.arn}/runs/*"]
    }
    # What outlives a run. Artifacts that are replaced, and the oldest caches, go.
    read_and_write_caches = {
      Sid      = "Caches"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:PutObject"]
      Resource = ["${aws_s3_bucket.logs.arn}/caches/*"]
    }
    # The answers of a language model, which outlive a run; the oldest go, and so does the note that somebody asks.
    keep_translations = {
      Sid      = "Translations"
      Effect   = "Allow"
      Action   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
      Resource = ["${aws_s3_bucket.logs.arn}/translations/*"]
    }
    # Marks those that somebody has accepted.
    offer_translations = {
      Sid      = "Translations"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:PutObject"]
      Resource = ["${aws_s3_bucket.logs.arn}/translations/*"]
    }
    delete_blobs = {
      Sid      = "DeleteBlobs"
      Effect   = "Allow"
      Action   = ["s3:DeleteObject"]
      Resource = ["${aws_s3_bucket.logs.arn}/runs/*", "${aws_s3_bucket.logs.arn}/caches/*"]
    }
    # The pieces of a log; and without it S3 answers 403 instead of 404 for a key that is not there. A read has no prefix, so
    # a condition on one would take that away.
    list_blobs = {
      Sid      = "ListBlobs"
      Effect   = "Allow"
      Action   = ["s3:ListBucket"]
      Resource = [aws_s3_bucket.logs.arn]
    }
  }

  parameter_arn = {
    for name in ["private-key", "webhook-secret", "webhook-secret-previous", "model-key"] :
    name => "arn:${local.partition}:ssm:${local.region}:${local.account}:parameter${var.parameter_prefix}/${name}"
  }

  # The secret that GitHub signs with is also what the jobs' callback tokens are derived from.
  webhook_secrets = [local.parameter_arn["webhook-secret"], local.parameter_arn["webhook-secret-previous"]]

  # One parameter for an owner, one for a repository, whose names nobody knows beforehand.
  job_secrets = "arn:${local.partition}:ssm:${local.region}:${local.account}:parameter${var.parameter_prefix}/secrets/*"

  # The secrets that each function reads.
  parameters = {
    webhook = local.webhook_secrets
    plan    = [local.parameter_arn["private-key"]]
    # With what people keep for the jobs of each repository.
    start   = concat([local.parameter_arn["private-key"], local.job_secrets], local.webhook_secrets)
    poll    = [local.parameter_arn["private-key"]]
    results = concat([local.parameter_arn["private-key"]], var.model == null ? [] : [local.parameter_arn["model-key"]])
    sweep   = [local.parameter_arn["private-key"]]
    api     = local.webhook_secrets
  }
  read_parameters = {
    for name, arns in local.parameters : name => {
      Sid      = "Parameters"
      Effect   = "Allow"
      Action   = ["ssm:GetParameters"]
      Resource = arns
    }
  }
  # Parameters under a customer managed key: each function may use it on its own parameters only.
  decrypt = {
    for name, arns in local.parameters : name => var.parameter_kms_key_arn == null ? [] : [{
      Sid      = "DecryptParameters"
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = [var.parameter_kms_key_arn]
      Condition = {
        StringLike = { "kms:EncryptionContext:PARAMETER_ARN" = arns }
      }
    }]
  }

  rows  = [local.may.read_and_write_rows, local.may.query_rows]
  blobs = [local.may.read_and_write_runs, local.may.list_blobs]

  statements = {
    webhook = concat(local.decrypt["webhook"], [
      local.read_parameters["webhook"],
      local.may.record_deliveries,
      local.may.send_messages,
    ])
    # It also does what people ask for on a check: wakes the execution of a job that is to be stopped.
    plan = concat(local.decrypt["plan"], local.rows, local.blobs, [
      local.read_parameters["plan"],
      local.may.advance_deliveries,
      local.may.receive_messages,
      local.may.start_executions,
      local.may.wake_executions,
    ])
    # What a job cancels in its concurrency groups is stopped, and who has lost a place reported.
    start = concat(local.decrypt["start"], local.rows, local.blobs, var.model == null ? [] : [local.may.offer_translations], [
      local.read_parameters["start"],
      local.may.start_executions,
      local.may.wake_executions,
    ])
    poll = concat(local.decrypt["poll"], local.blobs, [
      local.read_parameters["poll"],
      local.may.read_and_write_rows,
      local.may.wake_executions,
    ])
    # It queues the ends of runs that other workflows follow.
    results = concat(local.decrypt["results"], local.rows, local.blobs, var.model == null ? [] : [local.may.keep_translations], [
      local.read_parameters["results"],
      local.may.advance_deliveries,
      local.may.send_messages,
      local.may.start_executions,
      local.may.wake_executions,
    ])
    # GitHub as the App alone, for the deliveries that it could not make; what it restarts does the rest. Of a job that waits in
    # a concurrency group it looks whether the place is free, as start does.
    sweep = concat(local.decrypt["sweep"], [
      local.read_parameters["sweep"],
      local.may.read_and_write_rows,
      local.may.query_rows,
      local.may.defer_rows,
      local.may.read_many_rows,
      local.may.query_open_rows,
      local.may.send_messages,
      local.may.start_executions,
      local.may.wake_executions,
      local.may.watch_and_stop_executions,
    ])
    # It serves artifacts and caches to the jobs; their logs and results only come in.
    api = concat(local.decrypt["api"], local.blobs, [
      local.read_parameters["api"],
      local.may.read_and_write_rows,
      local.may.wake_executions,
      local.may.read_and_write_caches,
      local.may.delete_blobs,
    ])
  }
}
