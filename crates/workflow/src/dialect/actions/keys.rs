//! Every key of the syntax, and what is done about it.

use crate::keys::{Key, Keys, full, no_effect, partly, refused};
use checkmill_core::event::RepositoryEventName as Name;

/// All mappings with fixed keys, for the documentation.
pub(crate) const ALL: [&Keys; 43] = [
    &WORKFLOW,
    &EVENTS,
    &PUSH,
    &PULL_REQUEST,
    &PULL_REQUEST_TARGET,
    &MERGE_GROUP,
    &SCHEDULE,
    &RELEASE,
    &ISSUE_COMMENT,
    &WORKFLOW_RUN,
    &BRANCH_PROTECTION_RULE,
    &CHECK_RUN,
    &CHECK_SUITE,
    &DISCUSSION,
    &DISCUSSION_COMMENT,
    &ISSUES,
    &LABEL,
    &MILESTONE,
    &PULL_REQUEST_REVIEW,
    &PULL_REQUEST_REVIEW_COMMENT,
    &REGISTRY_PACKAGE,
    &REPOSITORY_DISPATCH,
    &WATCH,
    &DISPATCH,
    &INPUT,
    &CALL,
    &CALL_INPUT,
    &CALL_SECRET,
    &CALL_OUTPUT,
    &PERMISSIONS,
    &DEFAULTS,
    &DEFAULTS_RUN,
    &CONCURRENCY,
    &JOB,
    &JOB_CONCURRENCY,
    &STRATEGY,
    &RUNS_ON,
    &ENVIRONMENT,
    &CONTAINER,
    &CONTAINER_CREDENTIALS,
    &SERVICE,
    &SERVICE_CREDENTIALS,
    &STEP,
];

pub(super) const WORKFLOW: Keys = Keys {
    path: "",
    noun: "key",
    keys: &[
        full("name"),
        no_effect("description", "it is for readers of the file"),
        full("run-name"),
        full("on"),
        full("permissions"),
        full("env"),
        full("defaults"),
        full("concurrency"),
        full("jobs"),
    ],
};

/// What to do about the events of boards that GitHub has taken out of service (2024-2025).
const CLASSIC_PROJECT: &str =
    "remove it; GitHub has no classic projects any more, and sends this event to nobody";

pub(super) const EVENTS: Keys = Keys {
    path: "on",
    noun: "event",
    keys: &[
        full("push"),
        full("pull_request"),
        full("pull_request_target"),
        full("merge_group"),
        full("workflow_dispatch"),
        full("workflow_call"),
        full("schedule"),
        full("release"),
        full("issue_comment"),
        full("workflow_run"),
        full("repository_dispatch"),
        full("branch_protection_rule"),
        partly(
            "check_run",
            "of other Apps' checks; from the first push to the default branch on that names it",
        ),
        partly(
            "check_suite",
            "of other Apps' checks; from the first push to the default branch on that names it",
        ),
        full("create"),
        full("delete"),
        partly(
            "deployment",
            "of a commit that is given by its id it waits for an approval, unless it is the default branch's",
        ),
        partly(
            "deployment_status",
            "of a commit that is given by its id it waits for an approval, unless it is the default branch's",
        ),
        full("discussion"),
        full("discussion_comment"),
        full("fork"),
        full("gollum"),
        refused(
            "image_version",
            "remove it; there are no custom images, and GitHub sends a GitHub App no webhook of this event",
        ),
        full("issues"),
        full("label"),
        full("milestone"),
        full("page_build"),
        refused("project", CLASSIC_PROJECT),
        refused("project_card", CLASSIC_PROJECT),
        refused("project_column", CLASSIC_PROJECT),
        full("public"),
        refused(
            "pull_request_comment",
            "use `issue_comment`, which GitHub sends for comments on pull requests",
        ),
        full("pull_request_review"),
        full("pull_request_review_comment"),
        partly(
            "registry_package",
            "it runs the default branch's commit, whichever the package was made of",
        ),
        partly(
            "status",
            "from the first push to the default branch on that names it",
        ),
        full("watch"),
    ],
};

pub(super) const PUSH: Keys = Keys {
    path: "on.push",
    noun: "key",
    keys: &[
        full("branches"),
        full("branches-ignore"),
        full("tags"),
        full("tags-ignore"),
        full("paths"),
        full("paths-ignore"),
    ],
};

pub(super) const PULL_REQUEST: Keys = Keys {
    path: "on.pull_request",
    noun: "key",
    keys: &[
        full("types"),
        full("branches"),
        full("branches-ignore"),
        full("paths"),
        full("paths-ignore"),
    ],
};

pub(super) const PULL_REQUEST_TARGET: Keys = Keys {
    path: "on.pull_request_target",
    noun: "key",
    keys: PULL_REQUEST.keys,
};

pub(super) const MERGE_GROUP: Keys = Keys {
    path: "on.merge_group",
    noun: "key",
    keys: &[full("types")],
};

pub(super) const SCHEDULE: Keys = Keys {
    path: "on.schedule[*]",
    noun: "key",
    keys: &[full("cron"), full("timezone")],
};

pub(super) const RELEASE: Keys = Keys {
    path: "on.release",
    noun: "key",
    keys: &[full("types")],
};

pub(super) const ISSUE_COMMENT: Keys = Keys {
    path: "on.issue_comment",
    noun: "key",
    keys: &[full("types")],
};

pub(super) const WORKFLOW_RUN: Keys = Keys {
    path: "on.workflow_run",
    noun: "key",
    keys: &[
        full("workflows"),
        partly("types", "`completed`; the others are errors"),
        full("branches"),
        full("branches-ignore"),
    ],
};

/// An event that has activity types, and nothing else to choose by.
const fn by_type(path: &'static str) -> Keys {
    Keys {
        path,
        noun: "key",
        keys: TYPES,
    }
}

const TYPES: &[Key] = &[full("types")];

const BRANCH_PROTECTION_RULE: Keys = by_type("on.branch_protection_rule");
const CHECK_RUN: Keys = Keys {
    path: "on.check_run",
    noun: "key",
    keys: &[partly(
        "types",
        "`created` and `completed`; GitHub tells of the others only the App whose check it is",
    )],
};
const CHECK_SUITE: Keys = by_type("on.check_suite");
const DISCUSSION: Keys = by_type("on.discussion");
const DISCUSSION_COMMENT: Keys = by_type("on.discussion_comment");
const ISSUES: Keys = by_type("on.issues");
const LABEL: Keys = by_type("on.label");
const MILESTONE: Keys = by_type("on.milestone");
const PULL_REQUEST_REVIEW: Keys = by_type("on.pull_request_review");
const PULL_REQUEST_REVIEW_COMMENT: Keys = by_type("on.pull_request_review_comment");
const REGISTRY_PACKAGE: Keys = by_type("on.registry_package");
const REPOSITORY_DISPATCH: Keys = by_type("on.repository_dispatch");
const WATCH: Keys = by_type("on.watch");
/// An event of which nothing can be chosen.
const NOTHING: Keys = Keys {
    path: "on.<event>",
    noun: "key",
    keys: &[],
};

/// What may be said of an event of the repository.
pub(super) const fn of_event(name: Name) -> &'static Keys {
    match name {
        Name::BranchProtectionRule => &BRANCH_PROTECTION_RULE,
        Name::CheckRun => &CHECK_RUN,
        Name::CheckSuite => &CHECK_SUITE,
        Name::Discussion => &DISCUSSION,
        Name::DiscussionComment => &DISCUSSION_COMMENT,
        Name::Issues => &ISSUES,
        Name::Label => &LABEL,
        Name::Milestone => &MILESTONE,
        Name::PullRequestReview => &PULL_REQUEST_REVIEW,
        Name::PullRequestReviewComment => &PULL_REQUEST_REVIEW_COMMENT,
        Name::RegistryPackage => &REGISTRY_PACKAGE,
        Name::RepositoryDispatch => &REPOSITORY_DISPATCH,
        Name::Watch => &WATCH,
        Name::Create
        | Name::Delete
        | Name::Deployment
        | Name::DeploymentStatus
        | Name::Fork
        | Name::Gollum
        | Name::PageBuild
        | Name::Public
        | Name::Status => &NOTHING,
    }
}

pub(super) const DISPATCH: Keys = Keys {
    path: "on.workflow_dispatch",
    noun: "key",
    keys: &[full("inputs")],
};

pub(super) const INPUT: Keys = Keys {
    path: "on.workflow_dispatch.inputs.<input_id>",
    noun: "key",
    keys: &[
        no_effect("description", "it is for the form on GitHub"),
        full("required"),
        full("default"),
        full("type"),
        full("options"),
    ],
};

pub(super) const CALL: Keys = Keys {
    path: "on.workflow_call",
    noun: "key",
    keys: &[full("inputs"), full("secrets"), full("outputs")],
};

pub(super) const CALL_INPUT: Keys = Keys {
    path: "on.workflow_call.inputs.<input_id>",
    noun: "key",
    keys: &[
        no_effect("description", "it is for readers of the file"),
        full("required"),
        full("default"),
        full("type"),
    ],
};

pub(super) const CALL_SECRET: Keys = Keys {
    path: "on.workflow_call.secrets.<secret_id>",
    noun: "key",
    keys: &[
        no_effect("description", "it is for readers of the file"),
        full("required"),
    ],
};

pub(super) const CALL_OUTPUT: Keys = Keys {
    path: "on.workflow_call.outputs.<output_id>",
    noun: "key",
    keys: &[
        no_effect("description", "it is for readers of the file"),
        full("value"),
    ],
};

/// What to do about a permission that only GitHub's own runners can have.
const NOT_AN_APPS: &str = "remove it; a GitHub App's token can't have this permission";

pub(super) const PERMISSIONS: Keys = Keys {
    path: "permissions",
    noun: "permission",
    keys: &[
        full("actions"),
        full("artifact-metadata"),
        full("attestations"),
        full("checks"),
        full("contents"),
        refused("copilot-requests", NOT_AN_APPS),
        full("deployments"),
        full("discussions"),
        refused(
            "id-token",
            "remove it; Checkmill issues no OpenID Connect tokens: keep a credential as a secret of the environment, or use the role of the machine",
        ),
        full("issues"),
        refused("models", NOT_AN_APPS),
        full("packages"),
        full("pages"),
        full("pull-requests"),
        full("repository-projects"),
        full("security-events"),
        full("statuses"),
        full("vulnerability-alerts"),
    ],
};

pub(super) const DEFAULTS: Keys = Keys {
    path: "defaults",
    noun: "key",
    keys: &[full("run")],
};

pub(super) const DEFAULTS_RUN: Keys = Keys {
    path: "defaults.run",
    noun: "key",
    keys: &[full("shell"), full("working-directory")],
};

/// Of the workflow and, below [`JOB`], of a job.
pub(super) const CONCURRENCY: Keys = Keys {
    path: "concurrency",
    noun: "key",
    keys: CONCURRENCY_KEYS,
};

const JOB_CONCURRENCY: Keys = Keys {
    path: "jobs.<job_id>.concurrency",
    noun: "key",
    keys: CONCURRENCY_KEYS,
};

const CONCURRENCY_KEYS: &[Key] = &[full("group"), full("cancel-in-progress"), full("queue")];

pub(super) const JOB: Keys = Keys {
    path: "jobs.<job_id>",
    noun: "key",
    keys: &[
        full("name"),
        full("needs"),
        full("if"),
        full("permissions"),
        full("runs-on"),
        full("strategy"),
        full("concurrency"),
        full("timeout-minutes"),
        full("continue-on-error"),
        full("env"),
        full("defaults"),
        full("outputs"),
        full("steps"),
        full("uses"),
        full("with"),
        full("secrets"),
        full("container"),
        full("services"),
        partly(
            "environment",
            "branches, tags and secrets, by the policy; GitHub is told of no deployment",
        ),
        refused("snapshot", "remove it; there are no custom images"),
        refused(
            "cancel-timeout-minutes",
            "remove it; a cancelled job is stopped as a whole",
        ),
        // A microVM's, not GitHub's (docs/firecracker.md).
        refused(
            "retry-from",
            "remove it; a job is retried from its beginning, by the policy's `retry`",
        ),
    ],
};

pub(super) const STRATEGY: Keys = Keys {
    path: "jobs.<job_id>.strategy",
    noun: "key",
    keys: &[full("matrix"), full("fail-fast"), full("max-parallel")],
};

pub(super) const ENVIRONMENT: Keys = Keys {
    path: "jobs.<job_id>.environment",
    noun: "key",
    keys: &[full("name"), full("url")],
};

pub(super) const RUNS_ON: Keys = Keys {
    path: "jobs.<job_id>.runs-on",
    noun: "key",
    keys: &[
        full("labels"),
        refused("group", "remove it; machines are chosen by `labels` alone"),
    ],
};

pub(super) const CONTAINER: Keys = Keys {
    path: "jobs.<job_id>.container",
    noun: "key",
    keys: &[
        full("image"),
        full("credentials"),
        full("env"),
        full("ports"),
        full("volumes"),
        full("options"),
    ],
};

pub(super) const CONTAINER_CREDENTIALS: Keys = Keys {
    path: "jobs.<job_id>.container.credentials",
    noun: "key",
    keys: &[full("username"), full("password")],
};

pub(super) const SERVICE: Keys = Keys {
    path: "jobs.<job_id>.services.<service_id>",
    noun: "key",
    keys: &[
        full("image"),
        full("credentials"),
        full("env"),
        full("ports"),
        full("volumes"),
        full("options"),
        full("entrypoint"),
        full("command"),
    ],
};

pub(super) const SERVICE_CREDENTIALS: Keys = Keys {
    path: "jobs.<job_id>.services.<service_id>.credentials",
    noun: "key",
    keys: &[full("username"), full("password")],
};

/// What to do about steps that run beside others.
const BACKGROUND: &str = "remove it; the steps of a job run one after the other";

pub(super) const STEP: Keys = Keys {
    path: "jobs.<job_id>.steps[*]",
    noun: "key",
    keys: &[
        full("id"),
        full("name"),
        full("if"),
        full("uses"),
        full("run"),
        full("with"),
        full("shell"),
        full("working-directory"),
        full("env"),
        full("timeout-minutes"),
        full("continue-on-error"),
        refused("background", BACKGROUND),
        refused("wait", BACKGROUND),
        refused("wait-all", BACKGROUND),
        refused("cancel", BACKGROUND),
    ],
};
