//! Which events start a workflow. Source of each table: GitHub docs, "Workflow syntax for GitHub Actions" and "Events that
//! trigger workflows".

use crate::support::{
    PATH, comment, dispatch, ended_run, event, happening, pull_request, pull_request_target, push, release,
    schedule, sha, workflow,
};
use checkmill_core::CheckRunId;
use checkmill_core::event::{
    Activities, ButtonAction, CheckRef, Event, EventKind, GitRef, MergeGroup, Push, RepositoryEventName,
};
use checkmill_workflow::{Changed, Match, dispatched, matches, parse, skip_ci};

const JOBS: &str = "jobs: {a: {runs-on: x, steps: [run: y]}}\n";

fn ask(on: &str, event: &Event, changed: Option<&[&str]>) -> Match {
    let workflow = workflow(&format!("on:{on}\n{JOBS}"));
    let changed: Option<Vec<String>> =
        changed.map(|files| files.iter().map(|file| (*file).to_owned()).collect());
    let changed = changed.as_deref().map(|paths| Changed::Files {
        paths,
        truncated: false,
    });
    matches(&workflow, event, changed)
}

fn no(reason: &str) -> Match {
    Match::No(reason.to_owned())
}

#[test]
fn every_form_of_on() {
    for on in [
        " push",
        " [push]",
        " [pull_request, push]",
        " {push: }",
        " {push: null, pull_request: {types: [opened]}}",
        "\n  push:\n  pull_request:",
        " 'push'",
    ] {
        assert_eq!(ask(on, &push("refs/heads/main"), None), Match::Yes, "{on}");
        assert_eq!(ask(on, &push("refs/tags/v1"), None), Match::Yes, "{on}");
    }
    assert_eq!(
        ask(" push", &pull_request("opened", "main"), None),
        no("`on` does not name `pull_request`")
    );
    assert_eq!(
        ask(" pull_request", &push("refs/heads/main"), None),
        no("`on` does not name `push`")
    );
    assert_eq!(
        ask(" push", &dispatch(&[]), None),
        no("`on` does not name `workflow_dispatch`")
    );
}

/// `on.push.<branches|tags|branches-ignore|tags-ignore>`: with filters for one kind of ref only, the other kind starts
/// nothing; without any, both do.
#[test]
fn branches_and_tags() {
    let (main, old, v1, v2) = (
        "refs/heads/main",
        "refs/heads/old/x",
        "refs/tags/v1",
        "refs/tags/v2",
    );
    let only_branches = |name: &str| {
        no(&format!(
            "`push` has filters for branches only, and `{name}` is a tag"
        ))
    };
    let only_tags = |name: &str| {
        no(&format!(
            "`push` has filters for tags only, and `{name}` is a branch"
        ))
    };
    for (filters, git_ref, expected) in [
        ("branches: [main]", main, Match::Yes),
        ("branches: main", main, Match::Yes),
        (
            "branches: [main]",
            old,
            no("the branch `old/x` does not match `branches` (`main`)"),
        ),
        ("branches: [main]", v1, only_branches("v1")),
        ("branches-ignore: ['old/**']", main, Match::Yes),
        (
            "branches-ignore: ['old/**']",
            old,
            no("the branch `old/x` matches `old/**` of `branches-ignore`"),
        ),
        ("branches-ignore: ['old/**']", v1, only_branches("v1")),
        (
            "branches: ['**', '!old/**']",
            old,
            no("the branch `old/x` does not match `branches`: `!old/**` takes it out"),
        ),
        ("tags: [v1]", v1, Match::Yes),
        ("tags: [v1]", v2, no("the tag `v2` does not match `tags` (`v1`)")),
        ("tags: [v1]", main, only_tags("main")),
        (
            "tags-ignore: [v1]",
            v1,
            no("the tag `v1` matches `v1` of `tags-ignore`"),
        ),
        ("tags-ignore: [v1]", v2, Match::Yes),
        ("tags-ignore: [v1]", main, only_tags("main")),
        ("branches: [main], tags: [v1]", v1, Match::Yes),
        ("branches: [main], tags: [v1]", main, Match::Yes),
        (
            "branches: [main], tags: [v1]",
            v2,
            no("the tag `v2` does not match `tags` (`v1`)"),
        ),
    ] {
        assert_eq!(
            ask(&format!(" {{push: {{{filters}}}}}"), &push(git_ref), None),
            expected,
            "{filters} {git_ref}"
        );
    }
}

/// A filter that saw only a part of the files says so; without any it holds nothing back.
#[test]
fn paths_of_which_not_all_are_known() {
    let ask = |filter: &str, changed| {
        let workflow = parse(PATH, &format!("on: {{push: {{{filter}}}}}\n{JOBS}")).unwrap();
        matches(&workflow, &push("refs/heads/main"), Some(changed))
    };
    let paths = &["docs/a.md".to_owned()];
    let some = Changed::Files {
        paths,
        truncated: true,
    };
    assert_eq!(
        ask("paths: ['src/**']", some),
        no(
            "no changed file matches `paths` (`src/**`); changed: `docs/a.md` (the first 300 were looked at, there are more)"
        )
    );
    assert_eq!(
        ask("paths-ignore: ['docs/**']", some),
        no(
            "all changed files match `paths-ignore` (`docs/**`); changed: `docs/a.md` (the first 300 were looked at, there are more)"
        )
    );
    assert_eq!(ask("paths: ['docs/**']", some), Match::Yes);
    for filter in ["paths: ['src/**']", "paths-ignore: ['**']"] {
        assert_eq!(ask(filter, Changed::Unknown), Match::Yes, "{filter}");
    }
}

/// `on.<push|pull_request>.<paths|paths-ignore>`: both filters must hold; path filters are not evaluated for tags.
#[test]
fn paths() {
    let (main, tag) = ("refs/heads/main", "refs/tags/v1");
    let none_match = |why: &str| no(&format!("no changed file matches `paths` {why}"));
    let all_match = no("all changed files match `paths-ignore` (`docs/**`); changed: `docs/a.md`");
    for (filters, git_ref, changed, expected) in [
        ("paths: ['src/**']", main, None, Match::NeedsChangedFiles),
        (
            "paths: ['src/**']",
            main,
            Some(&["README.md", "src/a.rs"][..]),
            Match::Yes,
        ),
        (
            "paths: ['src/**']",
            main,
            Some(&["README.md"]),
            none_match("(`src/**`); changed: `README.md`"),
        ),
        (
            "paths: ['src/**']",
            main,
            Some(&["1", "2", "3", "4", "5", "6", "7"]),
            none_match("(`src/**`); changed: `1`, `2`, `3`, `4`, `5` and 2 more"),
        ),
        (
            "paths: ['src/**']",
            main,
            Some(&[]),
            none_match("(`src/**`); nothing is changed"),
        ),
        (
            "paths: ['src/**', '!src/*.md']",
            main,
            Some(&["src/a.md"]),
            none_match("(`src/**`, `!src/*.md`); changed: `src/a.md`"),
        ),
        ("paths: ['src/**']", tag, None, Match::Yes),
        ("paths-ignore: ['docs/**']", main, None, Match::NeedsChangedFiles),
        ("paths-ignore: ['docs/**']", main, Some(&["docs/a.md"]), all_match),
        (
            "paths-ignore: ['docs/**']",
            main,
            Some(&["docs/a.md", "b"]),
            Match::Yes,
        ),
        ("paths-ignore: ['docs/**']", main, Some(&[]), Match::Yes),
        // The branch decides first, and then no files need to be asked for.
        (
            "branches: [next], paths: ['src/**']",
            main,
            None,
            no("the branch `main` does not match `branches` (`next`)"),
        ),
        (
            "branches: [main], paths: ['src/**']",
            main,
            None,
            Match::NeedsChangedFiles,
        ),
    ] {
        let on = format!(" {{push: {{{filters}}}}}");
        assert_eq!(
            ask(&on, &push(git_ref), changed),
            expected,
            "{filters} {git_ref} {changed:?}"
        );
    }
    let on = " {pull_request: {paths: ['src/**']}}";
    assert_eq!(
        ask(on, &pull_request("opened", "main"), None),
        Match::NeedsChangedFiles
    );
    assert_eq!(
        ask(on, &pull_request("opened", "main"), Some(&["src/x"])),
        Match::Yes
    );
    assert_eq!(
        ask(on, &pull_request("closed", "main"), None),
        no("`closed` is not among the `types` of `pull_request`")
    );
}

/// The same keys as those of `pull_request`, and its own event.
#[test]
fn the_target_of_a_pull_request() {
    let opened = pull_request_target("opened", "main");
    for (on, event, changed, expected) in [
        (" pull_request_target", &opened, None, Match::Yes),
        (
            " pull_request",
            &opened,
            None,
            no("`on` does not name `pull_request_target`"),
        ),
        (
            " pull_request_target",
            &pull_request("opened", "main"),
            None,
            no("`on` does not name `pull_request`"),
        ),
        (
            " pull_request_target",
            &pull_request_target("labeled", "main"),
            None,
            no("`labeled` is not among the `types` of `pull_request_target`"),
        ),
        (
            " {pull_request_target: {branches: ['release/**']}}",
            &opened,
            None,
            no("the base branch `main` does not match `branches` (`release/**`)"),
        ),
        (
            " {pull_request_target: {paths: ['src/**']}}",
            &opened,
            None,
            Match::NeedsChangedFiles,
        ),
        (
            " {pull_request_target: {paths-ignore: ['docs/**']}}",
            &opened,
            Some(&["docs/a.md"][..]),
            no("all changed files match `paths-ignore` (`docs/**`); changed: `docs/a.md`"),
        ),
    ] {
        assert_eq!(ask(on, event, changed), expected, "{on}");
    }
}

/// The file itself, else the first of its name for a file that GitHub can show its form for.
#[test]
fn which_file_is_dispatched() {
    let (ours, theirs, other) = (
        ".checkmill/workflows/ci.yml",
        ".github/workflows/ci.yml",
        ".checkmill/workflows/cd.yml",
    );
    for (asked, files, expected) in [
        (ours, &[other, ours, theirs][..], Some(ours)),
        (theirs, &[other, ours, theirs], Some(theirs)),
        (theirs, &[other, ours], Some(ours)),
        (ours, &[theirs], None),
        (theirs, &[other], None),
    ] {
        assert_eq!(
            dispatched(asked, files.iter().copied()),
            expected,
            "{asked} {files:?}"
        );
    }
}

/// A merge queue's branch starts what names `merge_group`, and nothing else.
#[test]
fn merge_groups() {
    let group = event(EventKind::MergeGroup(MergeGroup {
        head_ref: GitRef::Branch("gh-readonly-queue/main/pr-1".to_owned()),
        head_sha: sha('3'),
        base_ref: GitRef::Branch("main".to_owned()),
        base_sha: sha('1'),
        message: "Merge".to_owned(),
    }));
    let on = |on: &str| matches(&workflow(&format!("on:{on}\n{JOBS}")), &group, None);
    for named in [
        " merge_group",
        " [push, merge_group]",
        " {merge_group: {types: [checks_requested]}}",
    ] {
        assert_eq!(on(named), Match::Yes, "{named}");
    }
    assert_eq!(
        on(" [push, pull_request]"),
        no("`on` does not name `merge_group`")
    );
    let wrong = parse(
        PATH,
        &format!("on: {{merge_group: {{types: destroyed}}}}\n{JOBS}"),
    )
    .unwrap_err();
    assert_eq!(
        wrong.as_slice()[0].message,
        "`destroyed` is not an activity type of `merge_group`"
    );
}

/// Each event of the table: alone it starts on each of its types, with `types` on those; nothing else starts it.
#[test]
fn events_of_the_repository() {
    for name in RepositoryEventName::ALL {
        let event = name.as_str();
        let (first, last) = match name.activities() {
            Activities::None => (None, None),
            Activities::Types(types) => (types.first().copied(), types.last().copied()),
            Activities::Custom => (Some("deploy"), Some("build")),
        };
        for on in [
            format!(" {event}"),
            format!(" [push, {event}]"),
            format!(" {{{event}: }}"),
        ] {
            for action in [first, last] {
                assert_eq!(
                    ask(&on, &happening(event, action), None),
                    Match::Yes,
                    "{on} {action:?}"
                );
            }
        }
        assert_eq!(
            ask(" [push, pull_request]", &happening(event, first), None),
            no(&format!("`on` does not name `{event}`"))
        );
        let typed = |types: &str| format!("on: {{{event}: {{types: {types}}}}}\n{JOBS}");
        let Some(first) = first else {
            let wrong = parse(PATH, &typed("[created]")).unwrap_err();
            let message = format!("unknown key `types` in `{event}`");
            assert_eq!(wrong.as_slice()[0].message, message);
            continue;
        };
        let only = format!(" {{{event}: {{types: [{first}]}}}}");
        assert_eq!(ask(&only, &happening(event, Some(first)), None), Match::Yes);
        if last != Some(first) {
            let last = last.unwrap();
            assert_eq!(
                ask(&only, &happening(event, Some(last)), None),
                no(&format!("`{last}` is not among the `types` of `{event}`"))
            );
        }
        if name.activities() != Activities::Custom {
            let wrong = parse(PATH, &typed("frobbed")).unwrap_err();
            let message = format!("`frobbed` is not an activity type of `{event}`");
            assert_eq!(wrong.as_slice()[0].message, message);
        }
    }
    let long = "x".repeat(101);
    let wrong = parse(
        PATH,
        &format!("on: {{repository_dispatch: {{types: [{long}]}}}}\n{JOBS}"),
    );
    assert_eq!(
        wrong.unwrap_err().as_slice()[0].message,
        "a type of `repository_dispatch` has at most 100 characters"
    );
}

/// `on.<event_name>.types` and `on.pull_request.<branches|branches-ignore>`: the filter is on the base branch.
#[test]
fn pull_requests() {
    for (on, action, base, expected) in [
        (" pull_request", "opened", "main", Match::Yes),
        (" pull_request", "synchronize", "main", Match::Yes),
        (" pull_request", "reopened", "main", Match::Yes),
        (
            " pull_request",
            "labeled",
            "main",
            no("`labeled` is not among the `types` of `pull_request`"),
        ),
        (" {pull_request: {types: labeled}}", "labeled", "main", Match::Yes),
        (
            " {pull_request: {types: [labeled]}}",
            "opened",
            "main",
            no("`opened` is not among the `types` of `pull_request`"),
        ),
        (
            " {pull_request: {branches: [main]}}",
            "opened",
            "main",
            Match::Yes,
        ),
        (
            " {pull_request: {branches: [feature]}}",
            "opened",
            "main",
            no("the base branch `main` does not match `branches` (`feature`)"),
        ),
        (
            " {pull_request: {branches-ignore: ['ma*']}}",
            "opened",
            "main",
            no("the base branch `main` matches `ma*` of `branches-ignore`"),
        ),
    ] {
        assert_eq!(
            ask(on, &pull_request(action, base), None),
            expected,
            "{on} {action}"
        );
    }
}

#[test]
fn a_deleted_ref_starts_nothing() {
    let deleted = |git_ref: &str| {
        event(EventKind::Push(Push {
            git_ref: GitRef::parse(git_ref).unwrap(),
            before: Some(sha('1')),
            after: None,
            forced: false,
            first: None,
            message: String::new(),
        }))
    };
    assert_eq!(
        ask(" push", &deleted("refs/heads/old"), None),
        no("the push deleted the branch `old`")
    );
    assert_eq!(
        ask(" push", &deleted("refs/tags/v1"), None),
        no("the push deleted the tag `v1`")
    );
}

#[test]
fn a_dispatch_starts_the_workflow_that_it_names() {
    let text = format!("on: workflow_dispatch\n{JOBS}");
    let named = parse(PATH, &text).unwrap();
    let other = parse(".checkmill/workflows/deploy.yml", &text).unwrap();
    assert_eq!(matches(&named, &dispatch(&[]), None), Match::Yes);
    assert_eq!(
        matches(&other, &dispatch(&[]), None),
        no("the event is for `.checkmill/workflows/ci.yml`")
    );
}

#[test]
fn requests_about_checks_start_nothing() {
    let check = CheckRef {
        id: CheckRunId(1),
        head_sha: sha('2'),
        job: None,
    };
    for kind in [
        EventKind::CheckRunRerequested(check.clone()),
        EventKind::CheckSuiteRerequested { head_sha: sha('2') },
        EventKind::RequestedAction {
            action: ButtonAction::Approve,
            check,
        },
    ] {
        assert_eq!(
            ask(" push", &event(kind), None),
            no("a request about a check starts no workflow")
        );
    }
}

/// GitHub docs, "Skipping workflow runs".
#[test]
fn commit_messages_that_skip() {
    for (message, expected) in [
        ("Fix [skip ci]", true),
        ("[ci skip] Fix", true),
        ("Fix\n\nbody [no ci] goes on", true),
        ("[skip actions]", true),
        ("[actions skip]", true),
        ("Fix\n\n\nskip-checks: true", true),
        ("Fix\n\nskip-checks:true\n", true),
        ("Fix\r\n\r\nSkip-Checks: true\r\n", true),
        ("Fix\n\nSigned-off-by: me\nskip-checks: true", true),
        ("Fix the [skip ci", false),
        ("skip ci", false),
        ("[Skip CI]", false),
        ("skip-checks: true", false),
        ("Fix\n\nskip-checks: true\n\nmore", false),
        ("Fix\n\nskip-checks: false", false),
        ("Fix\n\nno skip-checks: true", false),
        ("", false),
    ] {
        assert_eq!(skip_ci(message), expected, "{message:?}");
    }
}

/// Each schedule of a repository is an event of its own, for the workflows that have it.
#[test]
fn schedules() {
    let on = " {schedule: [{cron: '0 3 * * *'}, {cron: '0 4 * * *', timezone: Europe/Berlin}]}";
    for (cron, timezone, expected) in [
        ("0 3 * * *", None, Match::Yes),
        ("0 4 * * *", Some("Europe/Berlin"), Match::Yes),
        ("0 4 * * *", None, no("`0 4 * * *` is not among its schedules")),
        (
            "0 3 * * *",
            Some("Europe/Berlin"),
            no("`0 3 * * *` in `Europe/Berlin` is not among its schedules"),
        ),
    ] {
        assert_eq!(
            ask(on, &schedule(cron, timezone), None),
            expected,
            "{cron} {timezone:?}"
        );
    }
    assert_eq!(
        ask(" push", &schedule("0 3 * * *", None), None),
        no("`on` does not name `schedule`")
    );
    assert_eq!(
        ask(on, &push("refs/heads/main"), None),
        no("`on` does not name `push`")
    );
    let crons: Vec<String> = workflow(&format!("on:{on}\n{JOBS}"))
        .schedule()
        .iter()
        .map(|timing| timing.cron.clone())
        .collect();
    assert_eq!(crons, ["0 3 * * *", "0 4 * * *"]);
}

#[test]
fn releases_and_comments() {
    for (on, event, expected) in [
        (" release", release("published"), Match::Yes),
        (
            " {release: {types: [published]}}",
            release("published"),
            Match::Yes,
        ),
        (
            " {release: {types: [published]}}",
            release("edited"),
            no("`edited` is not among the `types` of `release`"),
        ),
        (" push", release("published"), no("`on` does not name `release`")),
        (" [issue_comment]", comment("deleted", true), Match::Yes),
        (
            " {issue_comment: {types: created}}",
            comment("created", false),
            Match::Yes,
        ),
        (
            " {issue_comment: {types: created}}",
            comment("edited", false),
            no("`edited` is not among the `types` of `issue_comment`"),
        ),
        (
            " push",
            comment("created", true),
            no("`on` does not name `issue_comment`"),
        ),
    ] {
        assert_eq!(ask(on, &event, None), expected, "{on}");
    }
}

#[test]
fn runs_that_follow_others() {
    let on = |more: &str| format!(" {{workflow_run: {{workflows: [Build, Other]{more}}}}}");
    for (more, workflow, branch, expected) in [
        ("", "Build", "feature", Match::Yes),
        (", types: [completed]", "Other", "feature", Match::Yes),
        (
            "",
            "Test",
            "main",
            no("`Test` is not among the `workflows` of `workflow_run`"),
        ),
        (", branches: [main, 'r/**']", "Build", "r/1", Match::Yes),
        (
            ", branches: [main]",
            "Build",
            "feature",
            no("the branch `feature` does not match `branches` (`main`)"),
        ),
        (
            ", branches-ignore: [feature]",
            "Build",
            "feature",
            no("the branch `feature` matches `feature` of `branches-ignore`"),
        ),
    ] {
        assert_eq!(
            ask(&on(more), &ended_run(workflow, branch), None),
            expected,
            "{more} {workflow}"
        );
    }
    assert_eq!(
        ask(" push", &ended_run("Build", "main"), None),
        no("`on` does not name `workflow_run`")
    );
    let follows = workflow(&format!("on:{}\n{JOBS}", on("")));
    assert_eq!(follows.follows(), ["Build", "Other"]);
}
