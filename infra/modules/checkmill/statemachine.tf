resource "aws_cloudwatch_log_group" "state_machine" {
  # Step Functions may write to log groups with this prefix without a resource policy that grows with each state machine.
  name              = "/aws/vendedlogs/states/${local.state_machine_name}"
  retention_in_days = var.function_log_days
}

resource "aws_iam_role" "state_machine" {
  name = local.state_machine_name

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "state_machine" {
  name = local.state_machine_name
  role = aws_iam_role.state_machine.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Phases"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = [for phase in ["start", "poll", "results"] : module.function[phase].arn]
      },
      {
        # A long wait goes on in a new execution, before the history of this one is full.
        Sid      = "ContinueAsNew"
        Effect   = "Allow"
        Action   = ["states:StartExecution"]
        Resource = [local.state_machine_arn]
      },
      {
        # Log deliveries have no ARNs: these actions take no narrower resource (Service Authorization Reference,
        # CloudWatch Logs).
        Sid    = "LogOfFailures"
        Effect = "Allow"
        Action = [
          "logs:CreateLogDelivery",
          "logs:DeleteLogDelivery",
          "logs:DescribeLogGroups",
          "logs:DescribeResourcePolicies",
          "logs:GetLogDelivery",
          "logs:ListLogDeliveries",
          "logs:PutResourcePolicy",
          "logs:UpdateLogDelivery",
        ]
        Resource = ["*"]
      },
    ]
  })
}

resource "aws_sfn_state_machine" "job" {
  name = local.state_machine_name
  type = "STANDARD"

  role_arn = aws_iam_role.state_machine.arn

  definition = templatefile(
    coalesce(var.definition_file, "${path.module}/../../../statemachine/job.asl.json"),
    merge(
      { partition = local.partition },
      { for phase in ["start", "poll", "results"] : phase => module.function[phase].arn },
    ),
  )

  logging_configuration {
    level                  = "ERROR"
    include_execution_data = false
    log_destination        = "${aws_cloudwatch_log_group.state_machine.arn}:*"
  }

  # Without its permissions the role can't take the log configuration.
  depends_on = [aws_iam_role_policy.state_machine]
}
