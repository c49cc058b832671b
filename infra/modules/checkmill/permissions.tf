# What each function may do, and nothing else. The end-to-end test runs the functions under these roles with an emulator
# that enforces them.

locals {
  may = {
    # Runs and jobs are replaced whole, on a condition; a transaction needs the permissions of the writes in it.
    read_and_write_rows = {
      Sid      = "Rows"
      Effect   = "Allow"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
      Resource = [aws_dynamodb_table.state.arn]
    }
    record_deliveries = {
      Sid      = "Deliveries"
      Effect   = "Allow"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
      Resource = [aws_dynamodb_table.state.arn]
    }
    advance_deliveries = {
      Sid      = "AdvanceDeliveries"
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
    # What Lambda's own poller does in the function's name.
    receive_messages = {
      Sid      = "Receive"
      Effect   = "Allow"
      Action   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
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
    wake_executions = {
      Sid      = "WakeExecutions"
      Effect   = "Allow"
      Action   = ["states:SendTaskSuccess"]
      Resource = [local.state_machine_arn]
    }
    read_and_write_blobs = {
      Sid      = "Blobs"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:PutObject"]
      Resource = ["${aws_s3_bucket.logs.arn}/*"]
    }
    # Artifacts that are replaced, and the oldest caches, go.
    delete_blobs = {
      Sid      = "DeleteBlobs"
      Effect   = "Allow"
      Action   = ["s3:DeleteObject"]
      Resource = ["${aws_s3_bucket.logs.arn}/*"]
    }
    # Without it S3 answers 403 instead of 404 for a key that is not there.
    list_blobs = {
      Sid      = "ListBlobs"
      Effect   = "Allow"
      Action   = ["s3:ListBucket"]
      Resource = [aws_s3_bucket.logs.arn]
    }
    read_private_key = {
      Sid      = "PrivateKey"
      Effect   = "Allow"
      Action   = ["ssm:GetParameters"]
      Resource = [local.parameter_arn["private-key"]]
    }
    read_webhook_secrets = {
      Sid    = "WebhookSecrets"
      Effect = "Allow"
      Action = ["ssm:GetParameters"]
      Resource = [
        local.parameter_arn["webhook-secret"],
        local.parameter_arn["webhook-secret-previous"],
      ]
    }
  }

  parameter_arn = {
    for name in ["private-key", "webhook-secret", "webhook-secret-previous"] :
    name => "arn:${local.partition}:ssm:${local.region}:${local.account}:parameter${var.parameter_prefix}/${name}"
  }

  rows  = [local.may.read_and_write_rows]
  blobs = [local.may.read_and_write_blobs, local.may.list_blobs]

  # Parameters under a customer managed key: it may be used on these parameters only.
  decrypt = var.parameter_kms_key_arn == null ? [] : [{
    Sid      = "DecryptParameters"
    Effect   = "Allow"
    Action   = ["kms:Decrypt"]
    Resource = [var.parameter_kms_key_arn]
    Condition = {
      StringEquals = { "kms:EncryptionContext:PARAMETER_ARN" = values(local.parameter_arn) }
    }
  }]

  statements = {
    webhook = concat(local.decrypt, [
      local.may.record_deliveries,
      local.may.send_messages,
      local.may.read_webhook_secrets,
    ])
    plan = concat(local.decrypt, local.rows, local.blobs, [
      local.may.advance_deliveries,
      local.may.receive_messages,
      local.may.start_executions,
      local.may.wake_executions,
      local.may.read_private_key,
    ])
    # The secret that GitHub signs with is also what the jobs' callback tokens are derived from.
    start = concat(local.decrypt, local.rows, local.blobs, [
      local.may.read_private_key,
      local.may.read_webhook_secrets,
    ])
    poll = concat(local.decrypt, local.rows, local.blobs, [
      local.may.wake_executions,
      local.may.read_private_key,
    ])
    results = concat(local.decrypt, local.rows, local.blobs, [
      local.may.start_executions,
      local.may.wake_executions,
      local.may.read_private_key,
    ])
    sweep = concat(local.decrypt, local.rows, local.blobs, [
      local.may.advance_deliveries,
      local.may.read_many_rows,
      local.may.query_open_rows,
      local.may.send_messages,
      local.may.start_executions,
      local.may.watch_and_stop_executions,
      local.may.wake_executions,
      local.may.read_private_key,
    ])
    api = concat(local.decrypt, local.rows, local.blobs, [
      local.may.wake_executions,
      local.may.read_webhook_secrets,
      local.may.delete_blobs,
    ])
  }
}
