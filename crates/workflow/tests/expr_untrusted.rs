//! Which expressions a script must not have pasted in.

use checkmill_workflow::expr::{Opaque, opaque_references, references, untrusted_references};

fn is_untrusted(expression: &str) -> bool {
    let text = format!("echo ${{{{ {expression} }}}} done");
    let found = untrusted_references(&text);
    if let [one] = found.as_slice() {
        assert_eq!(one.expression, expression);
        assert_eq!(&text[one.range.clone()], format!("${{{{ {expression} }}}}"));
    }
    !found.is_empty()
}

#[test]
fn text_of_an_outsider_is_found() {
    for expression in [
        // The list of GitHub's guide "Script injections", and its kin.
        "github.event.issue.title",
        "github.event.issue.body",
        "github.event.pull_request.title",
        "github.event.pull_request.body",
        "github.event.comment.body",
        "github.event.review.body",
        "github.event.review_comment.body",
        "github.event.pages.*.page_name",
        "github.event.commits.*.message",
        "github.event.commits[0].message",
        "github.event.head_commit.message",
        "github.event.head_commit.author.email",
        "github.event.head_commit.author.name",
        "github.event.commits.*.author.email",
        "github.event.pull_request.head.ref",
        "github.event.pull_request.head.label",
        "github.event.pull_request.head.repo.default_branch",
        "github.event.workflow_run.head_branch",
        "github.event.workflow_run.display_title",
        "github.event.release.name",
        "github.event.release.tag_name",
        "github.head_ref",
        "github.base_ref",
        "github.ref",
        "github.ref_name",
        "github.workflow_ref",
        "job.workflow_ref",
        "job['WORKFLOW_REF']",
        "toJSON(job)",
        "job.*",
        "inputs.name",
        "inputs",
        "inputs['name']",
        "github.event.inputs.name",
        // Keys of somebody's choice, whatever they are called.
        "github.event.inputs.id",
        "github.event.inputs.sha",
        "github.event.client_payload.number",
        "github.event.deployment.payload.id",
        "github.event.registry_package.package_version.npm_metadata.id",
        "github.event.*.id",
        "github.event.*.*.id",
        "github.event.pull_request.*.id",
        "github.event.check_run.external_id",
        // repository_dispatch: whoever sends it names the action.
        "github.event.action",
        // Whole objects.
        "github",
        "toJSON(github)",
        "github.event",
        "toJSON(github.event)",
        "github.event.pull_request",
        "github.*",
        "join(github.*, '')",
        // In other clothes.
        "GITHUB.Head_Ref",
        "github['head_ref']",
        "github['event']['issue'].title",
        "github[matrix.key]",
        "github.event[env.WHAT].id",
        "(github.head_ref)",
        "(github.event).number",
        "format('v{0}', github.head_ref)",
        "fromJSON(toJSON(inputs)).x",
        "join(inputs.*)",
        "github.head_ref || 'main'",
        "'main' || github.head_ref",
        "true && github.head_ref",
        "github.event_name == 'push' && github.sha || github.head_ref",
        "case(true, github.head_ref, 'x')",
        "case(false, 'a', github.head_ref)",
        // A property nobody knows yet.
        "github.something_new",
        // What can't be read can't be trusted.
        "github.head_ref +",
    ] {
        assert!(is_untrusted(expression), "{expression}");
    }
}

#[test]
fn what_github_words_itself_is_left_alone() {
    for expression in [
        "github.event.schedule",
        "github.sha",
        "github.run_id",
        "github.RUN_NUMBER",
        "github.repository_visibility",
        "job.status",
        "job.workflow_sha",
        "job.services.db.ports['5432']",
        "github.repository",
        "github.actor",
        "github.event_name",
        "github.workflow",
        "github.event.number",
        "github.event.pull_request.number",
        "github.event['pull_request']['number']",
        "github.event.pull_request.head.sha",
        "github.event.pull_request.head.repo.fork",
        "github.event.pull_request.draft",
        "github.event.pull_request.user.id",
        "github.event.issue.number",
        "github.event.commits[0].id",
        "github.event.commits.*.id",
        "join(github.event.commits.*.id, ' ')",
        "github.event.before",
        "github.event.repository.private",
        "github.event.check_run.pull_requests[0].head.sha",
        // These give true, false or hexadecimal digits.
        "github.head_ref == 'main'",
        "!github.head_ref",
        "contains(github.event.issue.title, 'x')",
        "startsWith(github.ref, 'refs/tags/')",
        "hashFiles(inputs.pattern)",
        "inputs.flag && 'a' || 'b'",
        "github.head_ref && github.sha",
        "case(github.ref == 'x', 'a', 'b')",
        "fromJSON('[\"a\"]')[inputs.index]",
        // Not followed: see the module's documentation.
        "matrix.os",
        "env.TITLE",
        "steps.a.outputs.b",
        "needs.a.outputs.b",
        "secrets.TOKEN",
        "vars.A",
        "'github.head_ref'",
    ] {
        assert!(!is_untrusted(expression), "{expression}");
    }
}

#[test]
fn ranges_are_of_the_text() {
    let text = "é ${{ github.sha }} ${{github.head_ref}}\n'${{ inputs.x }}' ${{ matrix.os }}";
    let found = untrusted_references(text);
    let shown: Vec<_> = found
        .iter()
        .map(|span| (&text[span.range.clone()], span.expression.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            ("${{github.head_ref}}", "github.head_ref"),
            ("${{ inputs.x }}", "inputs.x")
        ]
    );
    let all: Vec<_> = references(text).into_iter().map(|span| span.expression).collect();
    assert_eq!(all, ["github.sha", "github.head_ref", "inputs.x", "matrix.os"]);
    assert_eq!(untrusted_references("no expression"), []);
    assert_eq!(untrusted_references("${{ github.head_ref"), []);
}

#[test]
fn what_steps_and_jobs_have_made_is_found_and_what_the_workflow_says_is_not() {
    let env = ["MADE".to_owned()].into();
    let is_opaque = |expression: &str, inputs, matrix| {
        let opaque = Opaque {
            env: &env,
            inputs,
            matrix,
        };
        !opaque_references(&format!("${{{{ {expression} }}}}"), opaque).is_empty()
    };
    for expression in [
        "steps.a.outputs.b",
        "needs.a.outputs.b || 'x'",
        "toJSON(steps)",
        "env.MADE",
        "env['MADE']",
        "env[matrix.name]",
        "toJSON(env)",
        "github.event.head_commit.message",
        "fromJSON(needs.a.outputs.b).c",
    ] {
        assert!(is_opaque(expression, false, false), "{expression}");
    }
    for expression in [
        "env.OWN",
        "matrix.os",
        "inputs.x",
        "github.sha",
        "steps.a.outputs.b == 'x'",
        "secrets.X",
        "runner.os",
    ] {
        assert!(!is_opaque(expression, false, false), "{expression}");
    }
    assert!(is_opaque("inputs.x", true, false) && is_opaque("matrix.os", false, true));
}
