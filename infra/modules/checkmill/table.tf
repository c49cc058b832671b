# Everything Checkmill remembers: deliveries, runs, jobs. `crates/aws/src/dynamodb/schema.rs` says the
# same for one machine.
resource "aws_dynamodb_table" "state" {
  name         = "${var.name}-state"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "pk"
  range_key    = "sk"

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  attribute {
    name = "open_pk"
    type = "S"
  }

  attribute {
    name = "open_sk"
    type = "S"
  }

  # Rows that something is owed for, by when it is. Rows leave it when they are done, so it stays small. The sweep reads
  # the rows themselves: an index is a little late.
  global_secondary_index {
    name            = "open"
    hash_key        = "open_pk"
    range_key       = "open_sk"
    projection_type = "KEYS_ONLY"
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  deletion_protection_enabled = var.deletion_protection
}
