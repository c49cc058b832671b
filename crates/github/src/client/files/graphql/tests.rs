use super::*;
use crate::forge::RepoRef;
use checkmill_core::{InstallationId, RepositoryId};

const SHA: &str = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";

fn with_wanted<T>(dirs: &[&str], beside: Beside, test: impl FnOnce(&Wanted<'_>) -> T) -> T {
    let repo = RepoRef {
        installation: InstallationId(1),
        id: RepositoryId(2),
        name: "o/r".parse().unwrap(),
    };
    let sha = SHA.parse().unwrap();
    test(&Wanted {
        repo: &repo,
        sha: &sha,
        dirs,
        policy: ".checkmill/config.yml",
        beside,
    })
}

fn read(repository: Value) -> Read {
    let repository = serde_json::from_value(repository).unwrap();
    with_wanted(&["w", "l"], Beside::DefaultBranch, |wanted| {
        found(wanted, repository)
    })
}

#[test]
fn the_query_holds_no_text_from_outside() {
    insta::assert_snapshot!(query(2, Beside::Nothing), @"query PlanningFiles($owner: String!, $name: String!, $policy: String!, $commit: String!, $d0: String!, $d1: String!) { repository(owner: $owner, name: $name) { isArchived policy: object(expression: $policy) { ... on Blob { text byteSize isBinary isTruncated } } commit: object(expression: $commit) { ... on Commit { message } } d0: object(expression: $d0) { ... on Tree { entries { name type object { ... on Blob { text byteSize isBinary isTruncated } } } } } d1: object(expression: $d1) { ... on Tree { entries { name type object { ... on Blob { text byteSize isBinary isTruncated } } } } } } }");
    with_wanted(&[".checkmill/workflows"], Beside::Nothing, |wanted| {
        insta::assert_snapshot!(Value::Object(variables(wanted)), @r#"{"commit":"6113728f27ae82c7b1a177c8d03f9e96e0adf246","d0":"6113728f27ae82c7b1a177c8d03f9e96e0adf246:.checkmill/workflows","name":"r","owner":"o","policy":"HEAD:.checkmill/config.yml"}"#);
    });
}

#[test]
fn the_default_branchs_files_come_in_the_same_query() {
    insta::assert_snapshot!(query(1, Beside::DefaultBranch), @"query PlanningFiles($owner: String!, $name: String!, $policy: String!, $commit: String!, $head: String!, $d0: String!, $h0: String!) { repository(owner: $owner, name: $name) { isArchived policy: object(expression: $policy) { ... on Blob { text byteSize isBinary isTruncated } } commit: object(expression: $commit) { ... on Commit { message } } head: object(expression: $head) { ... on Commit { oid } } d0: object(expression: $d0) { ... on Tree { entries { name type object { ... on Blob { text byteSize isBinary isTruncated } } } } } h0: object(expression: $h0) { ... on Tree { entries { name type object { ... on Blob { text byteSize isBinary isTruncated } } } } } } }");
    with_wanted(&["w"], Beside::DefaultBranch, |wanted| {
        let variables = variables(wanted);
        assert_eq!(
            (&variables["head"], &variables["h0"]),
            (&json!("HEAD"), &json!("HEAD:w"))
        );
    });
    let blob = json!({"text": "on: push", "byteSize": 8, "isBinary": false, "isTruncated": false});
    let entry = json!({"name": "a.yml", "type": "blob", "object": blob});
    let Read::Found {
        listed,
        default_branch: Some(head),
        ..
    } = read(json!({
        "commit": {"message": "Hi"}, "head": {"oid": SHA}, "d0": null, "h0": {"entries": [entry]}, "h1": null,
    }))
    else {
        panic!("it is found");
    };
    assert!(listed.is_empty());
    assert_eq!(head.sha.as_str(), SHA);
    let paths: Vec<&str> = head.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["w/a.yml"]);
}

#[test]
fn what_is_read_and_what_must_be_asked_for_again() {
    let blob = |text: Value, bytes: u64| json!({"text": text, "byteSize": bytes, "isBinary": false, "isTruncated": false});
    let entry = |name: &str, object: Value| json!({"name": name, "type": "blob", "object": object});
    let truncated = json!({"text": "cut", "byteSize": 600_000, "isBinary": false, "isTruncated": true});
    let binary = json!({"text": null, "byteSize": 9, "isBinary": true, "isTruncated": false});
    let huge = json!({"text": "cut", "byteSize": 1_048_577, "isBinary": false, "isTruncated": true});
    let Read::Found {
        policy,
        listed,
        default_branch,
        message,
        archived,
    } = read(json!({
        "isArchived": true,
        "policy": blob(json!("forks: never"), 12),
        "commit": {"message": "Hi"},
        "d0": {"entries": [
            entry("b.yml", blob(json!("on: push"), 8)),
            entry("a.yaml", truncated),
            entry("c.yml", binary),
            entry("d.yml", huge),
            entry("readme.md", blob(json!("no"), 2)),
            json!({"name": "sub.yml", "type": "tree", "object": {}}),
            json!({"name": "e.yml", "type": "blob", "object": null}),
        ]},
        "d1": null,
    }))
    else {
        panic!()
    };
    assert!(default_branch.is_none());
    assert_eq!((message.as_str(), archived), ("Hi", true));
    let known = |path: &str, content| Listed {
        path: path.to_owned(),
        content: Content::Known(content),
    };
    let unread = |path: &str| Listed {
        path: path.to_owned(),
        content: Content::Unread,
    };
    assert_eq!(
        policy,
        Some(known(
            ".checkmill/config.yml",
            SourceContent::Text("forks: never".to_owned())
        ))
    );
    assert_eq!(
        listed,
        [
            known("w/b.yml", SourceContent::Text("on: push".to_owned())),
            unread("w/a.yaml"),
            known("w/c.yml", SourceContent::Binary),
            known("w/d.yml", SourceContent::TooLarge(1_048_577)),
            unread("w/e.yml"),
        ]
    );
}

#[test]
fn nothing_is_there() {
    assert!(matches!(
        read(json!({"policy": null, "commit": null, "d0": null, "d1": null})),
        Read::NoCommit
    ));
    let Read::Found {
        policy: None, listed, ..
    } = read(json!({"policy": null, "commit": {"message": ""}, "d0": null, "d1": {}}))
    else {
        panic!()
    };
    assert!(listed.is_empty());
    // A directory where the policy file should be.
    let read = read(json!({"policy": {}, "commit": {"message": ""}, "d0": null, "d1": null}));
    assert!(matches!(read, Read::Found { policy: None, .. }));
}

#[test]
fn errors_in_an_answer_of_200() {
    let error = |kind: &str| {
        vec![GraphqlError {
            message: "m".to_owned(),
            kind: kind.to_owned(),
            path: Vec::new(),
        }]
    };
    let told = |errors: &[GraphqlError]| failure_of(errors).into_forge("files");
    assert!(matches!(told(&[]), ForgeError::NotFound(_)));
    assert!(matches!(told(&error("NOT_FOUND")), ForgeError::NotFound(_)));
    assert!(matches!(told(&error("FORBIDDEN")), ForgeError::Forbidden(_)));
    assert!(matches!(
        told(&error("RATE_LIMITED")),
        ForgeError::RateLimited { .. }
    ));
    assert!(matches!(told(&error("")), ForgeError::Transient(_)));
    assert!(matches!(told(&error("undefinedField")), ForgeError::Invalid(_)));
}
