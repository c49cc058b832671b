output "webhook_url" {
  description = "The GitHub App's webhook URL."
  value       = module.checkmill.webhook_url
}

output "api_url" {
  description = "Where jobs report to."
  value       = module.checkmill.api_url
}

output "table" {
  description = "Name of the table."
  value       = module.checkmill.table
}

output "queue_url" {
  description = "URL of the queue between webhook and plan."
  value       = module.checkmill.queue_url
}

output "dead_letter_queue_url" {
  description = "URL of the queue of deliveries that could not be planned."
  value       = module.checkmill.dead_letter_queue_url
}

output "log_bucket" {
  description = "Name of the bucket with the jobs' logs."
  value       = module.checkmill.log_bucket
}

output "state_machine_arn" {
  description = "ARN of the state machine that drives the jobs."
  value       = module.checkmill.state_machine_arn
}

output "next_steps" {
  description = "What is left to do by hand."
  value       = module.checkmill.next_steps
}

output "policies" {
  description = "The policy of each role, as JSON, for reviews."
  value       = module.checkmill.policies
}
