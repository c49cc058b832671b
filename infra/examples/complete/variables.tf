variable "region" {
  description = "AWS region."
  type        = string
  default     = "us-east-1"
}

variable "name" {
  description = "Prefix of every resource's name."
  type        = string
  default     = "checkmill"
}

variable "github_app_id" {
  description = "The GitHub App's id, from its settings page."
  type        = string
}

variable "github_api_url" {
  description = "GitHub's API, for GitHub Enterprise Server. Null means github.com."
  type        = string
  default     = null
}

variable "parameter_prefix" {
  description = "Where the secrets are in SSM Parameter Store."
  type        = string
  default     = "/checkmill"
}

variable "functions_dir" {
  description = "What `cargo lambda build --release --arm64 --output-format zip` made."
  type        = string
  default     = "../../../target/lambda"
}

variable "architecture" {
  description = "What the functions were built for: arm64 or x86_64."
  type        = string
  default     = "arm64"
}

variable "entry" {
  description = "http_api or function_url."
  type        = string
  default     = "http_api"
}

variable "public_url" {
  description = "Where jobs report to, when that is not the api function's own address."
  type        = string
  default     = null
}

variable "sweep_minutes" {
  description = "Minutes between two sweeps, 1 to 5."
  type        = number
  default     = 1
}

variable "deletion_protection" {
  description = "Whether the table, and the bucket while it holds logs, refuse to be deleted. Set it to false and apply before `terraform destroy`."
  type        = bool
  default     = true
}

variable "alarm_email" {
  description = "Address that hears of alarms, after it has confirmed AWS's mail. Null for none."
  type        = string
  default     = null
}

variable "extra_environment" {
  description = "More environment variables of every function. Not for secrets."
  type        = map(string)
  default     = {}
}

variable "model" {
  description = "The language model that may translate steps which a machine can't run, where a repository's policy allows it (docs/model.md). provider is ollama, openrouter or openai (any server with OpenAI's API); its key, where it wants one, is the SecureString PREFIX/model-key. Null means that no model is asked."
  type = object({
    provider        = string
    name            = string
    base_url        = optional(string)
    timeout_seconds = optional(number, 60)
  })
  default = null
}
