use super::*;
use checkmill_core::event::{Origin, RepositoryEvent, Subject};
use proptest::prelude::*;
use serde_json::{Value, json};

const SHA: &str = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";
const BASE: &str = "aaaa728f27ae82c7b1a177c8d03f9e96e0adf246";
const ZERO: &str = "0000000000000000000000000000000000000000";
const JOB: &str = "0123456789abcdef-01234567";
const APP: u64 = 7;

/// `specific` with what every payload has.
fn payload(specific: Value) -> Value {
    let mut payload = json!({
        "installation": {"id": 42, "node_id": "x"},
        "sender": {"login": "octocat", "id": 1},
        "repository": {
            "id": 186_853_002,
            "full_name": "octo-org/hello",
            "default_branch": "main",
            "private": false,
            "clone_url": "https://github.com/octo-org/hello.git",
            "html_url": "https://github.com/octo-org/hello",
            "stargazers_count": 9,
        },
    });
    let Value::Object(fields) = specific else {
        panic!("a payload is an object")
    };
    payload.as_object_mut().unwrap().extend(fields);
    payload
}

fn read(event: &str, specific: Value) -> Result<Parsed, PayloadError> {
    let body = payload(specific).to_string();
    parse_for_app(
        event,
        "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        body.as_bytes(),
        UnixMillis(5),
        Some(APP),
    )
}

fn kind(event: &str, specific: Value) -> EventKind {
    match read(event, specific) {
        Ok(Parsed::Event(event)) => event.kind,
        other => panic!("not an event: {other:?}"),
    }
}

fn reason(event: &str, specific: Value) -> String {
    match read(event, specific) {
        Ok(Parsed::Ignored { reason }) => reason,
        other => panic!("not ignored: {other:?}"),
    }
}

fn push(git_ref: &str, before: &str, after: &str) -> Value {
    json!({"ref": git_ref, "before": before, "after": after, "head_commit": {"id": after, "message": "Fix it"}})
}

fn pull_request(action: &str) -> Value {
    json!({
        "action": action,
        "number": 3,
        "pull_request": {
            "number": 3, "title": "Add | a\nthing", "draft": true, "user": {"login": "dependabot[bot]"},
            "labels": [{"name": "bug", "color": "f00"}, {"name": "ci: full"}],
            "head": {"ref": "patch-1", "sha": SHA, "repo": {"full_name": "fork/hello", "id": 9}},
            "base": {"ref": "main", "sha": BASE, "repo": {"full_name": "octo-org/hello"}},
        },
    })
}

fn check_run(action: &str, external_id: &str, app: u64) -> Value {
    json!({
        "action": action,
        "check_run": {"id": 128_620_228, "head_sha": SHA, "external_id": external_id, "app": {"id": app}},
    })
}

#[test]
fn the_common_part() {
    let Ok(Parsed::Event(event)) = read("push", push("refs/heads/main", BASE, SHA)) else {
        panic!()
    };
    assert_eq!(event.delivery.as_str(), "72d3162e-cc78-11e3-81ab-4c9367dc0958");
    assert_eq!(event.installation, InstallationId(42));
    assert_eq!(event.sender.as_str(), "octocat");
    assert_eq!(event.received_at, UnixMillis(5));
    assert_eq!(event.repository.id, RepositoryId(186_853_002));
    assert_eq!(event.repository.name.to_string(), "octo-org/hello");
    assert_eq!(
        event.repository.clone_url,
        "https://github.com/octo-org/hello.git"
    );
    assert!(!event.repository.private);
}

/// Of all the commits that a push brings, only the oldest one's id is kept.
#[test]
fn the_oldest_pushed_commit() {
    let first = |commits: serde_json::Value| {
        let mut payload = push("refs/heads/x", ZERO, SHA);
        payload["commits"] = commits;
        match kind("push", payload) {
            EventKind::Push(push) => push.first.map(|sha| sha.to_string()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        first(json!([{ "id": BASE, "message": "x" }, { "id": SHA }])),
        Some(BASE.to_owned())
    );
    for none in [
        json!([]),
        json!(null),
        json!([{ "message": "x" }]),
        json!([{ "id": "?" }]),
    ] {
        assert_eq!(first(none), None);
    }
}

#[test]
fn pushes() {
    let expected = |git_ref, before: Option<&str>, after: Option<&str>| {
        EventKind::Push(Push {
            git_ref,
            before: before.map(|sha| sha.parse().unwrap()),
            after: after.map(|sha| sha.parse().unwrap()),
            forced: false,
            first: None,
            message: "Fix it".to_owned(),
        })
    };
    let branch = || GitRef::Branch("feature/x".to_owned());
    let table = [
        (
            push("refs/heads/feature/x", BASE, SHA),
            expected(branch(), Some(BASE), Some(SHA)),
        ),
        (
            push("refs/heads/feature/x", ZERO, SHA),
            expected(branch(), None, Some(SHA)),
        ),
        (
            push("refs/heads/feature/x", SHA, ZERO),
            expected(branch(), Some(SHA), None),
        ),
        (
            push("refs/tags/v1", ZERO, SHA),
            expected(GitRef::Tag("v1".to_owned()), None, Some(SHA)),
        ),
    ];
    for (payload, expected) in table {
        assert_eq!(kind("push", payload), expected);
    }
    assert_eq!(
        reason("push", push("refs/notes/commits", BASE, SHA)),
        "`refs/notes/commits` is neither a branch nor a tag"
    );
}

#[test]
fn an_annotated_tag_is_about_the_commit_it_names() {
    let mut payload = push("refs/tags/v1", ZERO, BASE);
    payload["head_commit"]["id"] = Value::from(SHA);
    let EventKind::Push(push) = kind("push", payload) else {
        panic!()
    };
    assert_eq!(push.after, Some(SHA.parse().unwrap()));
}

#[test]
fn a_deletion_has_no_head_commit() {
    let mut payload = push("refs/heads/x", SHA, ZERO);
    payload["head_commit"] = Value::Null;
    let EventKind::Push(push) = kind("push", payload) else {
        panic!()
    };
    assert_eq!((push.after, push.message), (None, String::new()));
}

#[test]
fn long_texts_are_cut_between_characters() {
    let mut payload = push("refs/heads/main", BASE, SHA);
    payload["head_commit"]["message"] = json!("é".repeat(5000));
    let EventKind::Push(push) = kind("push", payload) else {
        panic!()
    };
    assert_eq!(push.message, "é".repeat(limits::COMMIT_MESSAGE_CHARS));
    let mut payload = pull_request("opened");
    payload["pull_request"]["title"] = json!("𝒳".repeat(300));
    let EventKind::PullRequest(pr) = kind("pull_request", payload) else {
        panic!()
    };
    assert_eq!(pr.title, "𝒳".repeat(limits::TITLE_CHARS));
}

#[test]
fn pull_requests_of_any_action() {
    for action in [
        "opened",
        "synchronize",
        "reopened",
        "labeled",
        "closed",
        "something_new",
    ] {
        let EventKind::PullRequest(pr) = kind("pull_request", pull_request(action)) else {
            panic!()
        };
        assert_eq!(pr.action, action);
        assert_eq!(pr.number, 3);
        assert_eq!(pr.author.as_str(), "dependabot[bot]");
        assert_eq!(pr.labels, ["bug", "ci: full"]);
        assert!(pr.draft);
        assert_eq!(
            (pr.head.git_ref.as_str(), pr.base_ref.as_str()),
            ("patch-1", "main")
        );
        assert_eq!((pr.head.sha.as_str(), pr.base_sha.as_str()), (SHA, BASE));
        assert_eq!(pr.head.repository.unwrap().to_string(), "fork/hello");
    }
}

#[test]
fn a_pull_request_whose_fork_and_author_are_gone() {
    let mut payload = pull_request("synchronize");
    payload["pull_request"]["head"]["repo"] = Value::Null;
    payload["pull_request"]["user"] = Value::Null;
    let EventKind::PullRequest(pr) = kind("pull_request", payload) else {
        panic!()
    };
    assert_eq!(pr.head.repository, None);
    assert_eq!(pr.author.as_str(), "ghost");
}

#[test]
fn check_runs() {
    let check = || CheckRef {
        id: CheckRunId(128_620_228),
        head_sha: SHA.parse().unwrap(),
        job: JOB.parse().ok(),
    };
    assert_eq!(
        kind("check_run", check_run("rerequested", JOB, APP)),
        EventKind::CheckRunRerequested(check())
    );
    let mut approve = check_run("requested_action", JOB, APP);
    approve["requested_action"] = json!({"identifier": "approve"});
    assert_eq!(
        kind("check_run", approve.clone()),
        EventKind::RequestedAction {
            action: ButtonAction::Approve,
            check: check()
        }
    );
    approve["requested_action"] = json!({"identifier": "launch"});
    assert_eq!(reason("check_run", approve), "Checkmill has no button `launch`");
}

#[test]
fn check_runs_that_are_none_of_ours() {
    let table = [
        (
            check_run("created", JOB, APP),
            "the check is one of Checkmill's own: a workflow must not answer itself",
        ),
        (
            check_run("completed", JOB, APP),
            "the check is one of Checkmill's own: a workflow must not answer itself",
        ),
        (
            check_run("completed", JOB, 15_368),
            "the check is GitHub Actions' own, which starts no workflow",
        ),
        (
            check_run("rerequested", JOB, APP + 1),
            "the check run belongs to another App",
        ),
        (
            check_run("rerequested", "", APP),
            "the check run is not one of a Checkmill job (by its external id)",
        ),
        (
            check_run("requested_action", "lint-1", APP),
            "the check run is not one of a Checkmill job (by its external id)",
        ),
    ];
    for (payload, expected) in table {
        assert_eq!(reason("check_run", payload), expected);
    }
}

#[test]
fn check_suites() {
    let suite = |action: &str, app: u64| json!({"action": action, "check_suite": {"head_sha": SHA, "app": {"id": app}}});
    assert_eq!(
        kind("check_suite", suite("rerequested", APP)),
        EventKind::CheckSuiteRerequested {
            head_sha: SHA.parse().unwrap()
        }
    );
    assert_eq!(
        reason("check_suite", suite("rerequested", 1)),
        "the check suite belongs to another App"
    );
    assert_eq!(
        reason("check_suite", suite("completed", APP)),
        "the check is one of Checkmill's own: a workflow must not answer itself"
    );
}

#[test]
fn dispatches() {
    let dispatch =
        |git_ref: &str, inputs: Value| json!({"workflow": "a.yml", "ref": git_ref, "inputs": inputs});
    let inputs = json!({"text": "x", "flag": true, "number": 3, "none": null});
    let EventKind::WorkflowDispatch(got) = kind("workflow_dispatch", dispatch("refs/tags/v1", inputs)) else {
        panic!()
    };
    assert_eq!(got.git_ref, GitRef::Tag("v1".to_owned()));
    assert_eq!(got.sha, None);
    let pairs: Vec<_> = got.inputs.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(pairs, ["flag=true", "number=3", "text=x"]);

    let EventKind::WorkflowDispatch(got) = kind("workflow_dispatch", dispatch("main", Value::Null)) else {
        panic!()
    };
    assert_eq!(got.git_ref, GitRef::Branch("main".to_owned()));
    assert!(got.inputs.is_empty());
}

#[test]
fn pings_and_events_of_no_interest() {
    assert_eq!(read("ping", json!({})), Ok(Parsed::Ping));
    assert_eq!(
        reason("star", json!({})),
        "Checkmill does not act on the event `star`"
    );
    assert_eq!(reason("", json!({})), "the header X-GitHub-Event is empty");
    assert_eq!(
        reason("a\r\nSet-Cookie: b", json!({})),
        "Checkmill does not act on the event `aSet-Cookie: b`"
    );
}

#[test]
fn a_repositorys_own_webhook_is_told_apart() {
    let mut body = payload(push("refs/heads/main", BASE, SHA));
    body.as_object_mut().unwrap().remove("installation");
    let parsed = parse("push", "d-1", body.to_string().as_bytes(), UnixMillis(0));
    insta::assert_debug_snapshot!(parsed.unwrap(), @r#"
    Ignored {
        reason: "the delivery names no installation: it comes from a repository's or an organisation's webhook, not from the GitHub App's",
    }
    "#);
}

#[test]
fn what_is_wrong_with_a_body_is_said() {
    let mut no_sha = pull_request("opened");
    no_sha["pull_request"]["head"]
        .as_object_mut()
        .unwrap()
        .remove("sha");
    let mut bad_sha = push("refs/heads/main", BASE, SHA);
    bad_sha["after"] = json!("HEAD");
    let mut no_repository = push("refs/heads/main", BASE, SHA);
    no_repository["repository"] = Value::Null;
    let mut no_id = push("refs/heads/main", BASE, SHA);
    no_id["installation"] = json!({});
    let table = [
        (
            "pull_request",
            no_sha,
            "the body of the event `pull_request` has no `pull_request.head.sha`",
        ),
        (
            "pull_request",
            json!({"action": ""}),
            "the body of the event `pull_request` has no `action`",
        ),
        (
            "push",
            bad_sha,
            "the body of the event `push` has an unusable `after`: \"HEAD\" is not a commit id (40 hexadecimal digits)",
        ),
        (
            "push",
            no_repository,
            "the body of the event `push` has no `repository`",
        ),
        (
            "push",
            no_id,
            "the body of the event `push` has no `installation.id`",
        ),
    ];
    for (event, payload, expected) in table {
        assert_eq!(read(event, payload).unwrap_err().to_string(), expected);
    }
    let malformed = parse("push", "d-1", b"{\"ref\": ", UnixMillis(0))
        .unwrap_err()
        .to_string();
    assert_eq!(
        malformed,
        "the body of the event `push` is not the JSON that GitHub documents: EOF while parsing a value at line 1 column 8"
    );
    let delivery = parse("push", "../etc", b"{}", UnixMillis(0))
        .unwrap_err()
        .to_string();
    assert!(
        delivery.starts_with("the header X-GitHub-Delivery is wrong: \"../etc\" is not"),
        "{delivery}"
    );
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(
        event in prop::sample::select(vec!["push", "pull_request", "check_run", "check_suite", "workflow_dispatch", "ping", "star"]),
        body in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let _ = parse(event, "d-1", &body, UnixMillis(0));
    }

    /// Taking any field away or putting anything in its place gives an answer or an error that names the event.
    #[test]
    fn a_damaged_payload_gives_an_error_that_names_the_event(
        at in any::<prop::sample::Index>(),
        with in prop::sample::select(vec![Value::Null, json!(1), json!(""), json!([]), json!({}), json!("x")]),
    ) {
        let mut body = payload(pull_request("opened"));
        let pointers = pointers(&body, "");
        let pointer = &pointers[at.index(pointers.len())];
        *body.pointer_mut(pointer).unwrap() = with;
        if let Err(error) = parse("pull_request", "d-1", body.to_string().as_bytes(), UnixMillis(0)) {
            prop_assert!(error.to_string().contains("`pull_request`"), "{}", error);
        }
    }
}

/// JSON pointers to every value below `value`.
fn pointers(value: &Value, prefix: &str) -> Vec<String> {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, child)| (format!("{prefix}/{key}"), child))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(at, child)| (format!("{prefix}/{at}"), child))
            .collect(),
        _ => Vec::new(),
    };
    let below = children
        .iter()
        .flat_map(|(pointer, child)| pointers(child, pointer))
        .collect::<Vec<_>>();
    children
        .into_iter()
        .map(|(pointer, _)| pointer)
        .chain(below)
        .collect()
}

fn release(action: &str, draft: bool) -> Value {
    json!({
        "action": action,
        "release": {
            "id": 11, "tag_name": "v1.0", "name": null, "body": "x".repeat(limits::BODY_CHARS + 5), "draft": draft,
            "prerelease": true, "target_commitish": "main", "author": {"login": "ann"}, "html_url": "https://github.com/r",
        },
    })
}

#[test]
fn releases() {
    let EventKind::Release(of) = kind("release", release("published", false)) else {
        panic!()
    };
    assert_eq!(
        (
            of.action.as_str(),
            of.tag.as_str(),
            of.name.as_str(),
            of.prerelease
        ),
        ("published", "v1.0", "", true)
    );
    assert_eq!(of.body.len(), limits::BODY_CHARS);
    assert_eq!(
        reason("release", release("edited", true)),
        "nothing follows from a draft of a release"
    );
    let mut without = release("published", false);
    without["release"]["tag_name"] = Value::Null;
    let error = read("release", without).unwrap_err().to_string();
    assert_eq!(error, "the body of the event `release` has no `release.tag_name`");
}

#[test]
fn comments_but_not_our_own() {
    let comment = |app: Value, pull_request: Value| {
        let mut payload = json!({
            "action": "created",
            "issue": {"number": 3, "title": "T", "state": "open", "user": {"login": "ann"}, "labels": [{"name": "bug"}]},
            "comment": {
                "id": 5, "body": "/deploy", "user": {"login": "bob"}, "author_association": "MEMBER",
                "performed_via_github_app": app,
            },
        });
        if !pull_request.is_null() {
            payload["issue"]["pull_request"] = pull_request;
        }
        payload
    };
    let EventKind::IssueComment(of) = kind("issue_comment", comment(Value::Null, json!({"url": "u"}))) else {
        panic!()
    };
    assert!(of.issue.is_pull_request);
    assert_eq!(
        (of.comment.body.as_str(), of.comment.association.as_str()),
        ("/deploy", "MEMBER")
    );
    let EventKind::IssueComment(of) = kind("issue_comment", comment(json!({"id": APP + 1}), Value::Null))
    else {
        panic!()
    };
    assert!(!of.issue.is_pull_request, "another App's comment on an issue");
    insta::assert_snapshot!(reason("issue_comment", comment(json!({"id": APP}), Value::Null)), @"the comment is one of Checkmill's own, or of its jobs: a workflow must not answer itself");
}

fn happening(event: &str, specific: Value) -> RepositoryEvent {
    match kind(event, specific) {
        EventKind::Repository(event) => event,
        other => panic!("another event: {other:?}"),
    }
}

/// The commit that each is for. Source: GitHub docs, "Events that trigger workflows".
#[test]
fn events_of_the_repository() {
    let deployment = json!({"id": 1, "sha": SHA, "ref": "main", "payload": {"login": "x", "n": 1}});
    let branch = |name: &str| GitRef::Branch(name.to_owned());
    for (event, specific, action, subject) in [
        (
            "issues",
            json!({"action": "opened", "issue": {"number": 3}}),
            Some("opened"),
            Subject::DefaultBranch,
        ),
        ("fork", json!({"forkee": {}}), None, Subject::DefaultBranch),
        (
            "delete",
            json!({"ref": "old", "ref_type": "branch"}),
            None,
            Subject::DefaultBranch,
        ),
        (
            "create",
            json!({"ref": "a/b", "ref_type": "branch", "master_branch": "main"}),
            None,
            Subject::Ref {
                git_ref: branch("a/b"),
            },
        ),
        (
            "create",
            json!({"ref": "v1", "ref_type": "tag", "master_branch": "main"}),
            None,
            Subject::Ref {
                git_ref: GitRef::Tag("v1".to_owned()),
            },
        ),
        (
            "deployment_status",
            json!({"action": "created", "deployment": deployment, "deployment_status": {"state": "success"}}),
            None,
            Subject::Deployed {
                sha: SHA.parse().unwrap(),
                written: "main".to_owned(),
                origin: Origin::Unknown,
            },
        ),
        (
            "repository_dispatch",
            json!({"action": "any thing", "branch": "main", "client_payload": {"a": [1, null]}}),
            Some("any thing"),
            Subject::DefaultBranch,
        ),
        (
            "check_run",
            json!({"action": "completed", "check_run": {"id": 1, "head_sha": SHA, "app": {"id": APP + 1}}}),
            Some("completed"),
            Subject::DefaultBranch,
        ),
    ] {
        let found = happening(event, specific.clone());
        assert_eq!(
            (found.name.as_str(), found.action.as_deref()),
            (event, action),
            "{specific}"
        );
        assert_eq!(found.subject, subject, "{specific}");
        assert_eq!(serde_json::from_str::<Value>(&found.payload).unwrap(), specific);
    }
}

#[test]
fn a_review_is_of_the_pull_request_and_its_head() {
    let mut review = pull_request("submitted");
    review.as_object_mut().unwrap().remove("number");
    review["review"] =
        json!({"id": 8, "state": "approved", "body": "$(id)", "user": {"login": "bob", "site_admin": false}});
    let found = happening("pull_request_review", review);
    let pull = found.pull_request().unwrap();
    assert_eq!((pull.number, pull.action.as_str()), (3, "submitted"));
    let payload: Value = serde_json::from_str(&found.payload).unwrap();
    assert_eq!(payload["review"]["state"], "approved");
    assert_eq!(payload["review"]["user"], json!({"login": "bob"}));
}

#[test]
fn what_nothing_follows_from() {
    let own = |action: &str| json!({"action": action, "check_run": {"id": 1, "app": {"id": APP}}});
    insta::assert_snapshot!(reason("check_run", own("completed")), @"the check is one of Checkmill's own: a workflow must not answer itself");
    insta::assert_snapshot!(reason("check_suite", json!({"action": "completed", "check_suite": {"app": {"id": APP}}})), @"the check is one of Checkmill's own: a workflow must not answer itself");
    let nobodys = json!({"action": "created", "check_run": {"id": 1}});
    insta::assert_snapshot!(reason("check_run", nobodys), @"the check is one of Checkmill's own: a workflow must not answer itself");
    let requested = json!({"action": "requested", "check_suite": {"app": {"id": APP + 1}}});
    insta::assert_snapshot!(reason("check_suite", requested), @"nothing follows from `check_suite` that is `requested`");
    insta::assert_snapshot!(reason("watch", json!({"action": "stopped"})), @"nothing follows from `watch` that is `stopped`");
    insta::assert_snapshot!(reason("create", json!({"ref": "x", "ref_type": "repository"})), @"a `repository` is neither a branch nor a tag");
    let inactive =
        json!({"deployment": {"sha": SHA, "ref": "main"}, "deployment_status": {"state": "inactive"}});
    insta::assert_snapshot!(reason("deployment_status", inactive), @"nothing follows from a deployment that becomes inactive");
    assert_eq!(
        read("issues", json!({"issue": {}})).unwrap_err().to_string(),
        "the body of the event `issues` has no `action`"
    );
    assert_eq!(
        read("deployment", json!({"deployment": {"sha": "x", "ref": "main"}}))
            .unwrap_err()
            .to_string(),
        "the body of the event `deployment` has an unusable `deployment.sha`: \"x\" is not a commit id (40 hexadecimal digits)"
    );
}

/// What GitHub repeats in each payload is left out, long texts are cut, and what somebody has made up is kept to the letter.
#[test]
fn a_payload_is_kept_as_far_as_it_is_of_use() {
    let repository = json!({
        "id": 5, "full_name": "ann/hello", "owner": {"login": "ann", "avatar_url": "https://a"}, "keys_url": "https://k{/id}",
    });
    let issue = json!({
        "action": "opened",
        "issue": {"number": 3, "body": "é".repeat(limits::BODY_CHARS + 5), "_links": {"self": "https://l"}},
        "organization": {"login": "octo-org"},
        "forkee": repository,
    });
    let payload: Value = serde_json::from_str(&happening("issues", issue).payload).unwrap();
    assert_eq!(
        payload["issue"]["body"].as_str().unwrap().chars().count(),
        limits::BODY_CHARS
    );
    assert_eq!(payload["issue"].get("_links"), None);
    assert_eq!(payload.get("organization"), None);
    assert_eq!(
        payload["forkee"],
        json!({"id": 5, "full_name": "ann/hello", "owner": {"login": "ann"}})
    );

    let text = "x".repeat(65_000);
    let made_up = json!({"login": "ann", "text": text, "_links": 1});
    let dispatched = json!({"action": "go", "branch": "main", "client_payload": made_up});
    let payload: Value = serde_json::from_str(&happening("repository_dispatch", dispatched).payload).unwrap();
    assert_eq!(payload["client_payload"], made_up);

    let many: Vec<Value> = (0..40)
        .map(|n| json!({"page_name": n, "summary": "s".repeat(10_000)}))
        .collect();
    let gollum = happening("gollum", json!({"pages": many}));
    assert!(
        gollum.payload.len() <= limits::EVENT_PAYLOAD_BYTES,
        "{}",
        gollum.payload.len()
    );
    let payload: Value = serde_json::from_str(&gollum.payload).unwrap();
    assert_eq!(payload["pages"].as_array().unwrap().len(), 40);

    let huge = json!({"action": "go", "client_payload": {"text": "\u{1D50A}".repeat(65_000)}});
    insta::assert_snapshot!(reason("repository_dispatch", huge), @"its payload is too large to be kept: at most 67584 bytes of it can be");
}
