//! A payload that somebody has kept: the body alone, without the headers that came with it.

use super::payload::{Parsed, PayloadError, parse};
use checkmill_core::UnixMillis;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

/// Stands for the delivery's id, which is in a header.
const DELIVERY: &str = "00000000-0000-0000-0000-000000000000";

/// The fields that tell events apart.
#[derive(Deserialize)]
struct Shape {
    zen: Option<IgnoredAny>,
    #[serde(rename = "ref")]
    git_ref: Option<IgnoredAny>,
    before: Option<IgnoredAny>,
    after: Option<IgnoredAny>,
    number: Option<IgnoredAny>,
    pull_request: Option<IgnoredAny>,
    merge_group: Option<IgnoredAny>,
    check_run: Option<IgnoredAny>,
    check_suite: Option<IgnoredAny>,
    release: Option<IgnoredAny>,
    issue: Option<IgnoredAny>,
    comment: Option<IgnoredAny>,
    /// A path here; an object in the payloads of `workflow_run` and `workflow_job`.
    workflow: Option<Value>,
}

/// The name of the event that a body is of, by the fields it has; none where they fit no event that Checkmill acts on.
#[must_use]
pub fn guess_event(body: &[u8]) -> Option<&'static str> {
    let shape: Shape = serde_json::from_slice(body).ok()?;
    if shape.zen.is_some() {
        Some("ping")
    } else if shape.check_run.is_some() {
        Some("check_run")
    } else if shape.check_suite.is_some() {
        Some("check_suite")
    } else if shape.merge_group.is_some() {
        Some("merge_group")
    } else if shape.pull_request.is_some() && shape.number.is_some() {
        Some("pull_request")
    } else if shape.release.is_some() {
        Some("release")
    } else if shape.issue.is_some() && shape.comment.is_some() {
        Some("issue_comment")
    } else if shape.git_ref.is_some() && shape.workflow.is_some_and(|workflow| workflow.is_string()) {
        Some("workflow_dispatch")
    } else if shape.git_ref.is_some() && shape.before.is_some() && shape.after.is_some() {
        Some("push")
    } else {
        None
    }
}

/// Reads a kept body as [`parse`] reads a delivery. The installation, which the payloads of a repository's own webhooks and
/// of GitHub Actions lack, need not be there.
///
/// # Errors
/// As [`parse`].
pub fn parse_sample(event_name: &str, body: &[u8], now: UnixMillis) -> Result<Parsed, PayloadError> {
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(mut fields)) if !fields.contains_key("installation") => {
            fields.insert("installation".to_owned(), json!({ "id": 0 }));
            parse(
                event_name,
                DELIVERY,
                Value::Object(fields).to_string().as_bytes(),
                now,
            )
        }
        // What is wrong with it is for the reader to say.
        _ => parse(event_name, DELIVERY, body, now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_known_by_their_fields() {
        for (body, expected) in [
            (
                r#"{"ref": "refs/heads/main", "before": "0", "after": "1"}"#,
                Some("push"),
            ),
            (
                r#"{"action": "opened", "number": 1, "pull_request": {}}"#,
                Some("pull_request"),
            ),
            (
                r#"{"ref": "refs/heads/main", "workflow": "a.yml", "inputs": null}"#,
                Some("workflow_dispatch"),
            ),
            (
                r#"{"action": "checks_requested", "merge_group": {}}"#,
                Some("merge_group"),
            ),
            (r#"{"action": "rerequested", "check_run": {}}"#, Some("check_run")),
            (
                r#"{"action": "rerequested", "check_suite": {}}"#,
                Some("check_suite"),
            ),
            (r#"{"zen": "Keep it simple.", "hook": {}}"#, Some("ping")),
            (
                r#"{"action": "created", "comment": {}, "issue": {}}"#,
                Some("issue_comment"),
            ),
            (r#"{"action": "published", "release": {}}"#, Some("release")),
            (r#"{"action": "opened", "issue": {}}"#, None),
            (
                r#"{"action": "submitted", "pull_request": {}, "review": {}}"#,
                None,
            ),
            (r#"{"workflow": {}, "workflow_run": {}}"#, None),
            ("[]", None),
            ("{", None),
        ] {
            assert_eq!(guess_event(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn the_installation_need_not_be_there() {
        let body = r#"{"ref": "refs/heads/main", "before": "0000000000000000000000000000000000000000",
            "after": "1111111111111111111111111111111111111111", "sender": {"login": "ann"},
            "repository": {"id": 1, "full_name": "o/r", "default_branch": "main", "private": false,
            "html_url": "https://github.com/o/r"}}"#;
        let parsed = parse_sample("push", body.as_bytes(), UnixMillis(0));
        assert!(matches!(parsed, Ok(Parsed::Event(_))), "{parsed:?}");
        assert!(parse_sample("push", b"{", UnixMillis(0)).is_err());
    }
}
