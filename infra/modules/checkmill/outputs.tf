output "webhook_url" {
  description = "The GitHub App's webhook URL."
  value       = "${local.webhook_url}/webhook"
}

output "api_url" {
  description = "Where jobs report to."
  value       = coalesce(var.public_url, local.api_url)
}

output "table" {
  description = "Name of the table."
  value       = aws_dynamodb_table.state.name
}

output "queue_url" {
  description = "URL of the queue between webhook and plan."
  value       = aws_sqs_queue.deliveries.url
}

output "dead_letter_queue_url" {
  description = "URL of the queue of deliveries that could not be planned."
  value       = aws_sqs_queue.dead_letters.url
}

output "log_bucket" {
  description = "Name of the bucket with the jobs' logs."
  value       = aws_s3_bucket.logs.id
}

output "state_machine_arn" {
  description = "ARN of the state machine that drives the jobs."
  value       = aws_sfn_state_machine.job.arn
}

output "function_names" {
  description = "Names of the functions, by what they do."
  value       = merge({ for key, function in module.function : key => function.name }, { api = module.api.name })
}

output "policies" {
  description = "The policy of each role, as JSON, for reviews."
  value = merge(
    { for key, function in module.function : key => function.policy },
    {
      api           = module.api.policy
      state_machine = aws_iam_role_policy.state_machine.policy
      schedule      = aws_iam_role_policy.schedule.policy
    },
  )
}

output "next_steps" {
  description = "What is left to do by hand, for people."
  value = join("\n", concat(
    [
      "1. Put the secrets where the functions look for them (once; outside Terraform, so that they are not in its state):",
      "   aws ssm put-parameter --type SecureString --region ${local.region} --name ${var.parameter_prefix}/private-key --value file://app.private-key.pem",
      "   aws ssm put-parameter --type SecureString --region ${local.region} --name ${var.parameter_prefix}/webhook-secret --value file://webhook-secret.txt",
      "2. Set the GitHub App's webhook URL to ${local.webhook_url}/webhook, with the same secret.",
      "   Secrets of jobs, where there are any (docs/secrets.md): ${var.parameter_prefix}/secrets/OWNER/REPOSITORY, in lower case.",
      "3. Push a commit with a file in .checkmill/workflows.",
    ],
    var.entry == "function_url" ? [
      "4. Function URLs made with a provider before 6.29 answer 403 until this has been run for each of the functions:",
      "   aws lambda add-permission --region ${local.region} --function-name ${var.name}-webhook --statement-id FunctionURLAllowInvokeAction --action lambda:InvokeFunction --principal '*' --invoked-via-function-url",
      "   aws lambda add-permission --region ${local.region} --function-name ${var.name}-api --statement-id FunctionURLAllowInvokeAction --action lambda:InvokeFunction --principal '*' --invoked-via-function-url",
    ] : [],
    var.model == null ? [] : [
      "For a language model that wants a key:",
      "   aws ssm put-parameter --type SecureString --region ${local.region} --name ${var.parameter_prefix}/model-key --value file://model-key.txt",
    ],
  ))
}
