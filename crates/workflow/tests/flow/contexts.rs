//! The contexts, with GitHub's names. Source: GitHub docs, "Contexts", and the webhook payloads.

use crate::support::{
    World, comment, dispatch, ended_run, event, happening, job, key, pull_request, pull_request_target, push,
    release, schedule, sha,
};
use checkmill_core::conclusion::NeedsResult;
use checkmill_core::event::{Event, EventKind, Origin, PullRequest, Subject};
use checkmill_workflow::full_ref;
use serde_json::{Value, json};

fn github(event: &Event) -> Value {
    let on =
        "on: {push: , pull_request: , workflow_dispatch: {inputs: {loud: {type: boolean, default: true}}}}";
    Value::Object(World::with_event(&job("").replace("on: push", on), event).github)
}

#[test]
fn a_push() {
    insta::assert_snapshot!(format!("{:#}", github(&push("refs/heads/a/b"))), @r#"
    {
      "actor": "octocat",
      "actor_id": "583231",
      "api_url": "https://api.github.com",
      "base_ref": "",
      "event": {
        "after": "2222222222222222222222222222222222222222",
        "before": "1111111111111111111111111111111111111111",
        "created": false,
        "deleted": false,
        "forced": false,
        "head_commit": {
          "id": "2222222222222222222222222222222222222222",
          "message": "Say hello"
        },
        "installation": {
          "id": 7
        },
        "ref": "refs/heads/a/b",
        "repository": {
          "clone_url": "https://github.com/octo/hello.git",
          "default_branch": "main",
          "full_name": "octo/hello",
          "html_url": "https://github.com/octo/hello",
          "id": 42,
          "name": "hello",
          "owner": {
            "id": 9919,
            "login": "octo"
          },
          "private": false,
          "visibility": "public"
        },
        "sender": {
          "id": 583231,
          "login": "octocat"
        }
      },
      "event_name": "push",
      "graphql_url": "https://api.github.com/graphql",
      "head_ref": "",
      "ref": "refs/heads/a/b",
      "ref_name": "a/b",
      "ref_type": "branch",
      "repository": "octo/hello",
      "repositoryUrl": "git://github.com/octo/hello.git",
      "repository_id": "42",
      "repository_owner": "octo",
      "repository_owner_id": "9919",
      "repository_visibility": "public",
      "run_attempt": "1",
      "run_id": "0123456789abcdef",
      "run_number": "7",
      "secret_source": "Actions",
      "server_url": "https://github.com",
      "sha": "2222222222222222222222222222222222222222",
      "triggering_actor": "octocat",
      "workflow": "CI",
      "workflow_ref": "octo/hello/.checkmill/workflows/ci.yml@refs/heads/a/b",
      "workflow_sha": "2222222222222222222222222222222222222222"
    }
    "#);
}

#[test]
fn a_tag() {
    let github = github(&push("refs/tags/v1.0"));
    assert_eq!(github["ref"], "refs/tags/v1.0");
    assert_eq!(github["ref_name"], "v1.0");
    assert_eq!(github["ref_type"], "tag");
}

#[test]
fn a_pull_request() {
    let github = github(&pull_request("opened", "main"));
    for (name, expected) in [
        ("event_name", "pull_request"),
        ("ref", "refs/pull/5/head"),
        ("ref_name", "5/head"),
        ("head_ref", "feature"),
        ("base_ref", "main"),
    ] {
        assert_eq!(github[name], expected, "{name}");
    }
    insta::assert_snapshot!(format!("{:#}", github["event"]["pull_request"]), @r#"
    {
      "base": {
        "ref": "main",
        "repo": {
          "full_name": "octo/hello"
        },
        "sha": "1111111111111111111111111111111111111111"
      },
      "draft": false,
      "head": {
        "ref": "feature",
        "repo": {
          "fork": false,
          "full_name": "octo/hello",
          "owner": {
            "login": "octo"
          }
        },
        "sha": "3333333333333333333333333333333333333333"
      },
      "labels": [
        {
          "name": "greeting"
        }
      ],
      "number": 5,
      "title": "Add a greeting",
      "user": {
        "login": "mona"
      }
    }
    "#);
}

/// GitHub docs, "Events that trigger workflows", `pull_request_target`: the default branch, and the pull request's event.
#[test]
fn the_target_of_a_pull_request() {
    let github = github(&pull_request_target("opened", "release"));
    for (name, value) in [
        ("event_name", "pull_request_target"),
        ("ref", "refs/heads/main"),
        ("ref_name", "main"),
        ("head_ref", "feature"),
        ("base_ref", "release"),
    ] {
        assert_eq!(github[name], value, "{name}");
    }
    assert_eq!(github["event"]["pull_request"]["head"]["sha"], sha('3').as_str());
    assert_eq!(
        full_ref(&pull_request_target("opened", "release")),
        "refs/heads/main"
    );
}

#[test]
fn a_pull_request_from_a_fork() {
    let EventKind::PullRequest(pull) = pull_request("opened", "main").kind else {
        panic!("none")
    };
    let from = |repository: Option<&str>| {
        let mut pull: PullRequest = pull.clone();
        pull.head.repository = repository.map(|name| name.parse().unwrap());
        github(&event(EventKind::PullRequest(pull)))["event"]["pull_request"]["head"]["repo"].clone()
    };
    assert_eq!(from(Some("mona/hello"))["fork"], true);
    assert_eq!(from(Some("mona/hello"))["full_name"], "mona/hello");
    assert_eq!(from(Some("octo/hello"))["fork"], false);
    assert_eq!(from(None), Value::Null);
}

/// In `github.event.inputs` all values are texts, in `inputs` they have their types.
#[test]
fn a_dispatch() {
    let github = github(&dispatch(&[]));
    assert_eq!(github["event"]["inputs"], json!({"loud": "true"}));
    assert_eq!(github["event"]["ref"], "refs/heads/main");
    let on = "on: {workflow_dispatch: {inputs: {loud: {type: boolean, default: true}}}}";
    let world = World::with_event(
        &job("if: inputs.loud").replace("on: push", on),
        &dispatch(&[("loud", "false")]),
    );
    assert!(matches!(
        world.expand("build"),
        Ok(checkmill_workflow::Expansion::Skipped { .. })
    ));
}

#[test]
fn the_ref_that_is_checked_out() {
    assert_eq!(full_ref(&push("refs/heads/main")), "refs/heads/main");
    assert_eq!(full_ref(&pull_request("opened", "main")), "refs/pull/5/head");
    assert_eq!(full_ref(&dispatch(&[])), "refs/heads/main");
    assert_eq!(
        full_ref(&event(EventKind::CheckSuiteRerequested { head_sha: sha('2') })),
        ""
    );
}

#[test]
fn an_enterprise_server_has_urls_of_its_own() {
    let mut event = push("refs/heads/main");
    event.repository.html_url = "https://git.example.com/octo/hello".to_owned();
    let workflow = crate::support::workflow(&job(""));
    let github = checkmill_workflow::github_context(&checkmill_workflow::RunContext {
        event: &event,
        sha: &sha('2'),
        workflow: &workflow,
        run: &crate::support::run_id(),
        number: Some(7),
        attempt: checkmill_core::AttemptNumber(2),
        triggering_actor: &event.sender,
        has_secrets: true,
        api_url: "https://git.example.com/api/v3",
        inputs: &serde_json::Map::new(),
    });
    assert_eq!(github["server_url"], "https://git.example.com");
    assert_eq!(github["graphql_url"], "https://git.example.com/api/graphql");
    assert_eq!(github["run_attempt"], "2");
}

/// GitHub docs: `needs` holds the jobs that are needed directly, no others.
#[test]
fn needs() {
    let text = "on: push\njobs:\n  a: {runs-on: x, steps: [run: y]}\n  b: {needs: a, runs-on: x, steps: [run: y]}\n  \
                c: {needs: b, name: \"${{ toJSON(needs) }}\", runs-on: x, steps: [run: y]}\n";
    let world = World::new(text)
        .ended("a", NeedsResult::Success, &[("x", "1")])
        .ended("b", NeedsResult::Success, &[("y", "${{ 2 }}")]);
    let name = world.names("c").remove(0);
    let needs: Value = serde_json::from_str(name.split_once(" / ").unwrap().1).unwrap();
    assert_eq!(
        needs,
        json!({"b": {"result": "success", "outputs": {"y": "${{ 2 }}"}}})
    );
    assert_eq!(world.results[&key("a")].outputs["x"], "1");
}

#[test]
fn vars_come_from_the_policy() {
    let mut world = World::new(&job("runs-on: ${{ vars.MACHINE }}"));
    world.vars.insert("MACHINE".to_owned(), "big".to_owned());
    assert_eq!(world.legs("build")[0].runs_on, ["big"]);
}

/// The payloads' fields that workflows read, at their places.
#[test]
fn releases_comments_and_runs_that_are_followed() {
    let of = |event: &Event| github(event);
    let release = of(&release("published"));
    assert_eq!(
        (
            &release["ref"],
            &release["ref_type"],
            &release["event"]["release"]["tag_name"]
        ),
        (&json!("refs/tags/v1"), &json!("tag"), &json!("v1"))
    );
    let on_pull = of(&comment("created", true));
    assert_eq!(on_pull["ref"], "refs/heads/main");
    assert_eq!(on_pull["event"]["comment"]["author_association"], "NONE");
    assert!(on_pull["event"]["issue"]["pull_request"].is_object());
    let on_issue = of(&comment("created", false));
    assert!(on_issue["event"]["issue"].get("pull_request").is_none());
    let followed = of(&ended_run("Build", "feature"));
    insta::assert_snapshot!(serde_json::to_string_pretty(&followed["event"]["workflow_run"]).unwrap(), @r#"
    {
      "actor": {
        "login": "mona"
      },
      "conclusion": "failure",
      "display_title": "Build for mona",
      "event": "pull_request",
      "head_branch": "feature",
      "head_repository": {
        "fork": true,
        "full_name": "mona/hello",
        "owner": {
          "login": "mona"
        }
      },
      "head_sha": "3333333333333333333333333333333333333333",
      "id": "0123456789abcdef",
      "name": "Build",
      "path": ".checkmill/workflows/build.yml",
      "pull_requests": [
        {
          "number": 5
        }
      ],
      "status": "completed",
      "triggering_actor": {
        "login": "mona"
      }
    }
    "#);
    let scheduled = of(&schedule("0 3 * * *", None));
    assert_eq!(scheduled["event"]["schedule"], "0 3 * * *");
    assert_eq!(
        (&scheduled["event_name"], &scheduled["ref"]),
        (&json!("schedule"), &json!("refs/heads/main"))
    );
}

/// GitHub docs, "Events that trigger workflows": the ref of each; the payload is GitHub's, its repository is ours.
#[test]
fn events_of_the_repository_have_their_refs_and_payloads() {
    for (name, action, full, kind, head, base) in [
        ("issues", Some("opened"), "refs/heads/main", "branch", "", ""),
        ("delete", None, "refs/heads/main", "branch", "", ""),
        ("create", None, "refs/tags/v2", "tag", "", ""),
        ("deployment", None, "refs/heads/staging", "branch", "", ""),
        (
            "pull_request_review",
            Some("submitted"),
            "refs/pull/5/head",
            "branch",
            "feature",
            "main",
        ),
    ] {
        let found = github(&happening(name, action));
        assert_eq!(
            [
                &found["event_name"],
                &found["ref"],
                &found["ref_type"],
                &found["head_ref"],
                &found["base_ref"]
            ],
            [name, full, kind, head, base],
            "{name}"
        );
        assert_eq!(found["event"]["action"], json!(action));
        assert_eq!(found["event"]["repository"]["full_name"], "octo/hello");
    }
    let mut by_id = happening("deployment", None);
    let EventKind::Repository(other) = &mut by_id.kind else {
        panic!("it is one")
    };
    if let Subject::Deployed { origin, .. } = &mut other.subject {
        *origin = Origin::DefaultBranch;
    }
    // What is made up can't take the place of what is known.
    other.payload =
        r#"{"client_payload": {"id": 1}, "repository": "evil", "sender": {"login": "root"}}"#.to_owned();
    let found = github(&by_id);
    assert_eq!((&found["ref"], &found["ref_name"]), (&json!(""), &json!("")));
    assert_eq!(found["event"]["client_payload"]["id"], 1);
    assert_eq!(found["event"]["repository"]["full_name"], "octo/hello");
    assert_eq!(found["event"]["sender"]["login"], "octocat");
}
