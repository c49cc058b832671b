data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  # `name` is deprecated in provider 6, `region` is not in 5; `id` is in both.
  region = data.aws_region.current.id

  # The state machine calls functions which start executions of it. Its ARN is put together from its name, because a
  # reference would be a cycle.
  state_machine_name = "${var.name}-job"
  state_machine_arn  = "arn:${local.partition}:states:${local.region}:${local.account}:stateMachine:${local.state_machine_name}"

  alarm_actions = var.alarm_topic_arn == null ? [] : [var.alarm_topic_arn]
}
