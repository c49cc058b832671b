//! Terraform, as a user calls it.
