//! A payload that somebody has kept: the body alone, without the headers that came with it.

use super::payload::{Parsed, PayloadError, parse};
use checkmill_core::UnixMillis;
use serde_json::{Value, json};

/// Stands for the delivery's id, which is in a header.
const DELIVERY: &str = "00000000-0000-0000-0000-000000000000";

/// Events by the fields that tell them apart, from those that have more of them to those that have less.
const SHAPES: [(&str, &[&str]); 30] = [
    ("ping", &["zen"]),
    ("check_run", &["check_run"]),
    ("check_suite", &["check_suite"]),
    ("merge_group", &["merge_group"]),
    ("pull_request_review", &["review", "pull_request"]),
    ("pull_request_review_comment", &["comment", "pull_request"]),
    ("pull_request", &["pull_request", "number"]),
    ("release", &["release"]),
    ("issue_comment", &["issue", "comment"]),
    ("issues", &["issue"]),
    ("discussion_comment", &["discussion", "comment"]),
    ("discussion", &["discussion"]),
    ("deployment_status", &["deployment_status", "deployment"]),
    ("deployment", &["deployment"]),
    ("repository_dispatch", &["client_payload", "action"]),
    ("registry_package", &["registry_package"]),
    ("branch_protection_rule", &["rule", "action"]),
    ("milestone", &["milestone"]),
    ("label", &["label"]),
    ("gollum", &["pages"]),
    ("fork", &["forkee"]),
    ("page_build", &["build", "id"]),
    ("status", &["sha", "state", "context"]),
    ("create", &["ref", "ref_type", "master_branch"]),
    ("delete", &["ref", "ref_type"]),
    // `workflow` is a path here; an object in the payloads of `workflow_run` and `workflow_job`.
    ("workflow_dispatch", &["ref", "workflow"]),
    ("push", &["ref", "before", "after"]),
    ("workflow_run", &["workflow_run"]),
    ("workflow_job", &["workflow_job"]),
    ("package", &["package"]),
];

/// The name of the event that a body is of, by the fields it has; none where they fit no event that Checkmill acts on. Two are
/// told by nothing but their header: `watch` and `public`.
#[must_use]
pub fn guess_event(body: &[u8]) -> Option<&'static str> {
    let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
        return None;
    };
    let has = |field: &&str| fields.get(*field).is_some_and(|value| !value.is_null());
    let (name, _) = SHAPES.iter().find(|(_, shape)| shape.iter().all(has))?;
    let is_dispatch = fields.get("workflow").is_some_and(Value::is_string);
    match *name {
        "workflow_dispatch" if !is_dispatch => None,
        "workflow_run" | "workflow_job" | "package" => None,
        known => Some(known),
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
            (r#"{"action": "opened", "issue": {}}"#, Some("issues")),
            (
                r#"{"action": "labeled", "issue": {}, "label": {}}"#,
                Some("issues"),
            ),
            (r#"{"action": "edited", "label": {}}"#, Some("label")),
            (
                r#"{"action": "submitted", "pull_request": {}, "review": {}}"#,
                Some("pull_request_review"),
            ),
            (
                r#"{"action": "created", "pull_request": {}, "comment": {}}"#,
                Some("pull_request_review_comment"),
            ),
            (
                r#"{"action": "go", "branch": "main", "client_payload": {}}"#,
                Some("repository_dispatch"),
            ),
            (
                r#"{"deployment_status": {}, "deployment": {}}"#,
                Some("deployment_status"),
            ),
            (
                r#"{"ref": "v1", "ref_type": "tag", "master_branch": "main"}"#,
                Some("create"),
            ),
            (r#"{"ref": "v1", "ref_type": "tag"}"#, Some("delete")),
            (r#"{"action": "started", "repository": {}}"#, None),
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
