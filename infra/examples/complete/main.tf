# Checkmill in one AWS account, with an e-mail address that hears of alarms. The way to it is in the README of the
# repository: build the functions, apply, put the secrets into Parameter Store, tell GitHub the webhook URL.

terraform {
  required_version = ">= 1.7"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }

  # State holds no secrets, but is needed for every later change. For more than a trial, keep it in a bucket:
  # backend "s3" {}
}

provider "aws" {
  region = var.region

  default_tags {
    tags = { application = var.name }
  }
}

module "checkmill" {
  source = "../../modules/checkmill"

  name                = var.name
  github_app_id       = var.github_app_id
  github_api_url      = var.github_api_url
  parameter_prefix    = var.parameter_prefix
  functions_dir       = var.functions_dir
  architecture        = var.architecture
  entry               = var.entry
  public_url          = var.public_url
  sweep_minutes       = var.sweep_minutes
  deletion_protection = var.deletion_protection
  alarm_topic_arn     = one(aws_sns_topic.alarms[*].arn)
  extra_environment   = var.extra_environment
  model               = var.model
}

resource "aws_sns_topic" "alarms" {
  count = var.alarm_email == null ? 0 : 1

  name = "${var.name}-alarms"
}

resource "aws_sns_topic_subscription" "alarms" {
  count = var.alarm_email == null ? 0 : 1

  topic_arn = aws_sns_topic.alarms[0].arn
  protocol  = "email"
  endpoint  = var.alarm_email
}
