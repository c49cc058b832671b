//! Every key of the syntax, and what is done about it.

use crate::keys::{Key, Keys, full, no_effect, refused};

/// All mappings with fixed keys, for the documentation.
pub(crate) const ALL: [&Keys; 30] = [
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

/// What to do instead of an event that this version doesn't listen to.
const OTHER_EVENT: &str = "remove it; the events are `push`, `pull_request`, `pull_request_target`, `merge_group`, `workflow_dispatch`, `schedule`, \
     `release`, `issue_comment` and `workflow_run`";

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
        refused("repository_dispatch", "use `workflow_dispatch`"),
        refused("branch_protection_rule", OTHER_EVENT),
        refused("check_run", OTHER_EVENT),
        refused("check_suite", OTHER_EVENT),
        refused(
            "create",
            "use `push`; a push that creates a branch or tag is one too",
        ),
        refused("delete", OTHER_EVENT),
        refused("deployment", OTHER_EVENT),
        refused("deployment_status", OTHER_EVENT),
        refused("discussion", OTHER_EVENT),
        refused("discussion_comment", OTHER_EVENT),
        refused("fork", OTHER_EVENT),
        refused("gollum", OTHER_EVENT),
        refused("image_version", OTHER_EVENT),
        refused("issues", OTHER_EVENT),
        refused("label", OTHER_EVENT),
        refused("milestone", OTHER_EVENT),
        refused("page_build", OTHER_EVENT),
        refused("project", OTHER_EVENT),
        refused("project_card", OTHER_EVENT),
        refused("project_column", OTHER_EVENT),
        refused("public", OTHER_EVENT),
        refused("pull_request_comment", OTHER_EVENT),
        refused("pull_request_review", OTHER_EVENT),
        refused("pull_request_review_comment", OTHER_EVENT),
        refused("registry_package", OTHER_EVENT),
        refused("status", OTHER_EVENT),
        refused("watch", OTHER_EVENT),
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
        full("types"),
        full("branches"),
        full("branches-ignore"),
    ],
};

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
        full("environment"),
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
