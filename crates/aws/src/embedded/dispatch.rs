//! From an operation's name and JSON to the engine, and back. Only the operations that the store uses; any other is refused
//! as DynamoDB refuses an unknown one.

use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

const TARGET: &str = "DynamoDB_20120810.";

/// Does what the target says. Errors come in DynamoDB's own shape.
pub(super) fn answer(database: &Database, target: &str, body: &[u8]) -> Answer {
    let operation = target.strip_prefix(TARGET).unwrap_or(target);
    match dispatch(database, operation, body) {
        Ok(body) => Answer { status: 200, body },
        Err(Refusal::Engine(error)) => Answer {
            status: error.status_code(),
            body: error.to_json(),
        },
        Err(Refusal::Unknown) => Answer {
            status: 400,
            body: error_body(
                "com.amazon.coral.service#UnknownOperationException",
                &format!("the embedded engine is not asked for {operation:?}"),
            ),
        },
        Err(Refusal::Unreadable(error)) => Answer {
            status: 400,
            body: error_body(
                "com.amazon.coral.service#SerializationException",
                &error.to_string(),
            ),
        },
        Err(Refusal::Unwritable(error)) => Answer {
            status: 500,
            body: error_body(
                "com.amazonaws.dynamodb.v20120810#InternalServerError",
                &error.to_string(),
            ),
        },
    }
}

enum Refusal {
    Engine(DynoxideError),
    Unknown,
    Unreadable(serde_json::Error),
    Unwritable(serde_json::Error),
}

impl From<DynoxideError> for Refusal {
    fn from(error: DynoxideError) -> Self {
        Self::Engine(error)
    }
}

fn dispatch(database: &Database, operation: &str, body: &[u8]) -> Result<String, Refusal> {
    match operation {
        "BatchGetItem" => write(&database.batch_get_item(read(body)?)?),
        "CreateTable" => write(&database.create_table(read(body)?)?),
        "DescribeTable" => write(&database.describe_table(read(body)?)?),
        "DescribeTimeToLive" => write(&database.describe_time_to_live(read(body)?)?),
        "GetItem" => write(&database.get_item(read(body)?)?),
        "PutItem" => write(&database.put_item(read(body)?)?),
        "Query" => write(&database.query(read(body)?)?),
        "Scan" => write(&database.scan(read(body)?)?),
        "TransactWriteItems" => write(&database.transact_write_items(read(body)?)?),
        "UpdateItem" => write(&database.update_item(read(body)?)?),
        "UpdateTimeToLive" => write(&database.update_time_to_live(read(body)?)?),
        _ => Err(Refusal::Unknown),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(Refusal::Unreadable)
}

fn write<T: Serialize>(answer: &T) -> Result<String, Refusal> {
    serde_json::to_string(answer).map_err(Refusal::Unwritable)
}

fn error_body(kind: &str, message: &str) -> String {
    serde_json::json!({ "__type": kind, "message": message }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(target: &str, body: &str) -> String {
        let answer = answer(&Database::memory().unwrap(), target, body.as_bytes());
        format!("{} {}", answer.status, answer.body)
    }

    #[test]
    fn unknown_operations_and_unreadable_bodies_are_refused_as_dynamodb_does() {
        insta::assert_snapshot!(ask("DynamoDB_20120810.DeleteTable", "{}"), @r#"400 {"__type":"com.amazon.coral.service#UnknownOperationException","message":"the embedded engine is not asked for \"DeleteTable\""}"#);
        insta::assert_snapshot!(ask("", "{}"), @r#"400 {"__type":"com.amazon.coral.service#UnknownOperationException","message":"the embedded engine is not asked for \"\""}"#);
        insta::assert_snapshot!(ask("DynamoDB_20120810.GetItem", "{"), @r#"400 {"__type":"com.amazon.coral.service#SerializationException","message":"EOF while parsing an object at line 1 column 1"}"#);
    }

    #[test]
    fn the_engines_errors_keep_their_names() {
        insta::assert_snapshot!(ask("DynamoDB_20120810.DescribeTable", r#"{"TableName":"none"}"#), @r#"400 {"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found: Table: none not found"}"#);
    }
}
