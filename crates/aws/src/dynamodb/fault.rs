//! DynamoDB's errors as [`StoreError`].

use crate::fault::Fault;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use checkmill_phases::ports::StoreError;

const CONDITION: &str = "ConditionalCheckFailed";

/// Any operation's error but that of a transaction.
pub(super) fn store_error<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> StoreError {
    let fault = Fault::of(error);
    match fault {
        _ if fault.is("ConditionalCheckFailedException") => StoreError::Conflict,
        Fault::Transient(what) => StoreError::Transient(format!("DynamoDB: {what}")),
        Fault::Refused { .. } => StoreError::Corrupt(format!("DynamoDB: {fault}")),
    }
}

/// Why a transaction did not happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cancelled {
    /// Conditions of these items, by their place in the transaction, do not hold.
    Conditions(Vec<usize>),
    Other(StoreError),
}

pub(super) fn cancelled(error: &SdkError<TransactWriteItemsError, HttpResponse>) -> Cancelled {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
    else {
        return Cancelled::Other(store_error(error));
    };
    let reasons: Vec<_> = cancelled
        .cancellation_reasons()
        .iter()
        .map(|reason| {
            (
                reason.code().unwrap_or("None"),
                reason.message().unwrap_or_default(),
            )
        })
        .collect();
    of_reasons(&reasons)
}

/// A condition that does not hold decides: whatever else went wrong, the transaction as given can't succeed.
fn of_reasons(reasons: &[(&str, &str)]) -> Cancelled {
    let failed: Vec<usize> = (0..reasons.len())
        .filter(|n| reasons[*n].0 == CONDITION)
        .collect();
    if !failed.is_empty() {
        return Cancelled::Conditions(failed);
    }
    let refusal = reasons
        .iter()
        .find(|(code, _)| ["ValidationError", "ItemCollectionSizeLimitExceeded"].contains(code));
    Cancelled::Other(match refusal {
        Some((code, message)) => StoreError::Corrupt(format!("DynamoDB: {code}: {message}")),
        None => {
            let codes: Vec<&str> = reasons.iter().map(|r| r.0).filter(|c| *c != "None").collect();
            StoreError::Transient(format!("DynamoDB cancelled a transaction: {}", codes.join(", ")))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_of_a_cancelled_transaction() {
        let none = ("None", "");
        let transient = |text: &str| {
            Cancelled::Other(StoreError::Transient(format!(
                "DynamoDB cancelled a transaction: {text}"
            )))
        };
        for (reasons, expected) in [
            (
                vec![none, (CONDITION, ""), none, (CONDITION, "")],
                Cancelled::Conditions(vec![1, 3]),
            ),
            (
                vec![("TransactionConflict", ""), (CONDITION, "")],
                Cancelled::Conditions(vec![1]),
            ),
            (
                vec![none, ("TransactionConflict", "")],
                transient("TransactionConflict"),
            ),
            (vec![("ThrottlingError", ""), none], transient("ThrottlingError")),
            (
                vec![("ProvisionedThroughputExceeded", "")],
                transient("ProvisionedThroughputExceeded"),
            ),
            (
                vec![none, ("ValidationError", "Item size")],
                Cancelled::Other(StoreError::Corrupt(
                    "DynamoDB: ValidationError: Item size".to_owned(),
                )),
            ),
        ] {
            assert_eq!(of_reasons(&reasons), expected, "{reasons:?}");
        }
    }
}
