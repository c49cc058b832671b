//! How large data may be.

use serde_json::Value;
use std::io;

/// Input or output of a state, task or execution, as UTF-8 JSON. AWS docs, "Step Functions service quotas": 256 KiB.
pub const DATA_LIMIT_BYTES: usize = 256 * 1024;

/// The length of a value as compact JSON, in bytes.
#[must_use]
pub fn json_bytes(value: &Value) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // Neither the counter nor a `Value`, whose keys are strings, can fail.
    match serde_json::to_writer(&mut count, value) {
        Ok(()) => count.0,
        Err(_) => usize::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bytes_not_characters_are_counted() {
        for (value, bytes) in [
            (json!({}), 2),
            (json!({"a": [1, null]}), r#"{"a":[1,null]}"#.len()),
            (json!("ä"), 4),
            (json!("\n"), 4),
        ] {
            assert_eq!(json_bytes(&value), bytes, "{value}");
        }
    }
}
