variable "name" {
  description = "Prefix of every resource's name. Functions are called NAME-webhook, NAME-plan and so on; with the default they carry their binaries' names, which is what `cargo lambda deploy` looks for."
  type        = string
  default     = "checkmill"

  validation {
    # The longest name made from it is the log bucket's: NAME-ACCOUNT-REGION, at most 63 characters.
    condition     = can(regex("^[a-z][a-z0-9-]{1,31}$", var.name))
    error_message = "name must be 2 to 32 characters: lower-case letters, digits and '-', beginning with a letter."
  }
}

variable "github_app_id" {
  description = "The GitHub App's id, from its settings page."
  type        = string

  validation {
    condition     = can(regex("^[0-9]+$", var.github_app_id))
    error_message = "github_app_id must be the App's number, such as \"123456\" (not its client id)."
  }
}

variable "github_api_url" {
  description = "GitHub's API, for GitHub Enterprise Server (https://HOST/api/v3). Null means github.com."
  type        = string
  default     = null

  validation {
    condition     = var.github_api_url == null || can(regex("^https?://", var.github_api_url))
    error_message = "github_api_url must begin with https:// (or http:// for an emulator)."
  }
}

variable "parameter_prefix" {
  description = "Where the secrets are in SSM Parameter Store: PREFIX/private-key, PREFIX/webhook-secret and, during a rotation, PREFIX/webhook-secret-previous; for a language model PREFIX/model-key. They are created outside Terraform, so that no secret enters its state."
  type        = string
  default     = "/checkmill"

  validation {
    condition     = can(regex("^(/[A-Za-z0-9_.-]+){1,12}$", var.parameter_prefix))
    error_message = "parameter_prefix must begin with '/', must not end with one, and may hold letters, digits, '_', '.' and '-'."
  }
}

variable "parameter_kms_key_arn" {
  description = "The customer managed key that the parameters are encrypted with. Null means the account's aws/ssm key, which needs no permission of its own."
  type        = string
  default     = null
}

variable "functions_dir" {
  description = "What `cargo lambda build --release --output-format zip` made: a directory with checkmill-webhook/bootstrap.zip and its siblings."
  type        = string
}

variable "definition_file" {
  description = "The state machine's definition. Null means the one of the repository that this module lies in."
  type        = string
  default     = null
}

variable "architecture" {
  description = "What the functions were built for: arm64 (`cargo lambda build --arm64`) or x86_64. arm64 costs a fifth less."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "entry" {
  description = "How GitHub and the jobs reach the functions: http_api (API Gateway HTTP API) or function_url (Lambda function URLs). See the README for what differs."
  type        = string
  default     = "http_api"

  validation {
    condition     = contains(["http_api", "function_url"], var.entry)
    error_message = "entry must be http_api or function_url."
  }
}

variable "entry_requests_per_second" {
  description = "Throttle of the HTTP API, in requests a second (bursts: twice that). GitHub does not repeat what it was refused; the sweep recovers it."
  type        = number
  default     = 200

  validation {
    condition     = var.entry_requests_per_second >= 1 && var.entry_requests_per_second <= 5000
    error_message = "entry_requests_per_second must be between 1 and 5000."
  }
}

variable "public_url" {
  description = "Where jobs report to when that is not the api function's own address: a domain of your own in front of it. Null means its own address."
  type        = string
  default     = null

  validation {
    condition     = var.public_url == null || can(regex("^https?://[^/]", var.public_url))
    error_message = "public_url must be an address that begins with https:// (or http:// for an emulator)."
  }
}

variable "memory_mb" {
  description = "Memory of each function, in MB; processor time grows with it. 512 keeps the first TLS handshake of a cold start short."
  type        = number
  default     = 512

  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240
    error_message = "memory_mb must be between 128 and 10240."
  }
}

variable "reserved_concurrency" {
  description = "Reserved concurrency by function (webhook, plan, start, poll, results, sweep, api). Functions that are not named take from the account's pool, which is 10 in a new account."
  type        = map(number)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.reserved_concurrency), ["webhook", "plan", "start", "poll", "results", "sweep", "api"])) == 0
    error_message = "reserved_concurrency names a function that does not exist; there are webhook, plan, start, poll, results, sweep and api."
  }
}

variable "plan_concurrency" {
  description = "How many plan functions may run at once. Each works on a few deliveries; GitHub's secondary rate limit is the reason for a bound."
  type        = number
  default     = 10

  validation {
    condition     = var.plan_concurrency >= 2 && var.plan_concurrency <= 1000
    error_message = "plan_concurrency must be between 2 and 1000 (Lambda's bounds)."
  }
}

variable "sweep_minutes" {
  description = "Minutes between two sweeps, 1 to 5: how long something lost stays lost, and the one thing that costs while nothing runs (about 0.05 USD a month at 1)."
  type        = number
  default     = 1

  validation {
    condition     = contains([1, 2, 3, 4, 5], var.sweep_minutes)
    error_message = "sweep_minutes must be a whole number from 1 to 5."
  }
}

variable "function_log_days" {
  description = "Days that the functions' own logs are kept; one of the values CloudWatch Logs offers."
  type        = number
  default     = 30
}

variable "job_log_days" {
  description = "Days that workflow files, logs, artifacts and caches are kept in the bucket; two weeks at the least, because a run goes on for as long as its jobs wait and run. A finished run's rows are kept 90 days."
  type        = number
  default     = 90

  validation {
    condition     = var.job_log_days >= 14 && var.job_log_days <= 3650
    error_message = "job_log_days must be between 14 and 3650."
  }
}

variable "log_bucket_name" {
  description = "Name of the bucket for jobs' logs. Null means NAME-ACCOUNT-REGION."
  type        = string
  default     = null
}

variable "log_level" {
  description = "Least level that the functions log."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"], var.log_level)
    error_message = "log_level must be TRACE, DEBUG, INFO, WARN or ERROR."
  }
}

variable "deletion_protection" {
  description = "Whether the table refuses to be deleted and the bucket refuses to be deleted while it holds logs."
  type        = bool
  default     = true
}

variable "alarm_topic_arn" {
  description = "SNS topic that hears of alarms. Null means alarms that only show."
  type        = string
  default     = null
}

variable "extra_environment" {
  description = "More environment variables of every function. The emulator's tests name the process backend's directory with it. Not for secrets: they would be in the state."
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

  validation {
    condition     = var.model == null || contains(["ollama", "openrouter", "openai"], try(var.model.provider, ""))
    error_message = "model.provider must be \"ollama\", \"openrouter\" or \"openai\"."
  }

  validation {
    condition     = var.model == null || try(length(trimspace(var.model.name)) > 0, false)
    error_message = "model.name must be the model's name, as its provider has it."
  }

  # A function has no Ollama beside it.
  validation {
    condition     = var.model == null || try(var.model.provider != "ollama" || var.model.base_url != null, false)
    error_message = "model.base_url must say where Ollama is."
  }

  validation {
    condition     = var.model == null || try(var.model.base_url == null || can(regex("^https?://[^?@]+$", var.model.base_url)), false)
    error_message = "model.base_url must begin with https:// (or http:// for a server that wants no key), without '?' and user."
  }

  validation {
    condition     = var.model == null || try(var.model.timeout_seconds >= 1 && var.model.timeout_seconds <= 60 && floor(var.model.timeout_seconds) == var.model.timeout_seconds, false)
    error_message = "model.timeout_seconds must be a whole number from 1 to 60."
  }
}
