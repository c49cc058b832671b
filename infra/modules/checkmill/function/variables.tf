variable "name" {
  description = "The function's name, and its role's."
  type        = string
}

variable "description" {
  description = "What it does, in a few words."
  type        = string
}

variable "package" {
  description = "Path of the zip with `bootstrap` in it."
  type        = string
}

variable "architecture" {
  description = "arm64 or x86_64."
  type        = string
}

variable "memory_mb" {
  description = "Memory in MB."
  type        = number
}

variable "timeout_seconds" {
  description = "Longest time of one invocation."
  type        = number
}

variable "reserved_concurrency" {
  description = "Reserved concurrency; -1 for none."
  type        = number
}

variable "environment" {
  description = "Environment variables. Not for secrets."
  type        = map(string)
}

variable "statements" {
  description = "Statements of the role's policy besides the one for its own log."
  type = list(object({
    Sid       = string
    Effect    = string
    Action    = list(string)
    Resource  = list(string)
    Condition = optional(map(map(list(string))))
  }))
}

variable "log_days" {
  description = "Days that its log is kept."
  type        = number
}

variable "log_level" {
  description = "Least level that it logs."
  type        = string
}
