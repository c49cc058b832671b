//! Every limit of Checkmill, with its unit in the name and the reason. Past a limit there is a clear message, never silence.

use crate::time::Millis;

/// A webhook body. GitHub docs: payloads are capped at 25 MB, larger ones are never sent.
pub const WEBHOOK_BODY_BYTES: usize = 25 * 1024 * 1024;
/// Workflow files of one directory that are read for one event.
pub const WORKFLOW_FILES: usize = 100;
/// One workflow file or policy file.
pub const WORKFLOW_FILE_BYTES: usize = 1024 * 1024;
/// Legs of one job's matrix. GitHub docs: 256.
pub const MATRIX_LEGS: usize = 256;
/// Jobs of one run over all its matrices: what the run row and GitHub's 1,000 checks per suite can hold.
pub const RUN_JOBS: usize = 1000;
/// Steps of one job.
pub const STEPS: usize = 1000;
/// Changed files that a path filter sees. GitHub docs: the first 300.
pub const CHANGED_FILES: usize = 300;
/// `timeout-minutes` of a job when none is given. GitHub docs: 360.
pub const RUN_TIMEOUT_DEFAULT: Millis = Millis::from_minutes(360);
/// The longest `timeout-minutes` that is accepted: five days, as GitHub has it for self-hosted runners.
pub const RUN_TIMEOUT_MAX: Millis = Millis::from_minutes(5 * 24 * 60);
/// How long a job may wait for compute when the policy says nothing.
pub const QUEUE_TIMEOUT_DEFAULT: Millis = Millis::from_minutes(60);
/// From a phase's claim of a job until another may claim it again: longer than the longest Lambda phase (a minute).
pub const CLAIM: Millis = Millis::from_secs(120);
/// After a deadline, how long the normal way has before the sweep steps in.
pub const SWEEP_GRACE: Millis = Millis::from_secs(120);
/// How long a delivery may stay `received` before the sweep queues it again.
pub const DELIVERY_REDRIVE: Millis = Millis::from_secs(60);
/// Rows that one sweep looks at; the next one takes the rest.
pub const SWEEP_ROWS: usize = 200;
/// Between two polls at the least.
pub const POLL_INTERVAL_MIN: Millis = Millis::from_secs(5);
/// Between two polls at the most.
pub const POLL_INTERVAL_MAX: Millis = Millis::from_secs(60);
/// Longest wait for a callback before a poll makes sure; a lost callback costs no more than this.
pub const CALLBACK_WAIT_MAX: Millis = Millis::from_minutes(5);
/// Turns of the wait loop in one execution. A turn is about 10 history events of Step Functions' 25,000.
pub const TURNS_PER_EXECUTION: u32 = 1500;
/// Attempts of one job, re-runs by people included.
pub const ATTEMPTS: u32 = 100;
/// A job's log as kept; past it the middle is cut.
pub const LOG_BYTES: usize = 16 * 1024 * 1024;
/// One piece of a log that a backend returns or an agent sends. Lambda takes 6 MB a request, base64 adds a third.
pub const LOG_CHUNK_BYTES: usize = 1024 * 1024;
/// Summary and text of a check run. GitHub docs: 65,535 characters each.
pub const CHECK_TEXT_CHARS: usize = 65_535;
/// Title of a check run. GitHub docs: 255 characters.
pub const CHECK_TITLE_CHARS: usize = 255;
/// Annotations in one request. GitHub docs: 50.
pub const ANNOTATIONS_PER_REQUEST: usize = 50;
/// Annotations of one attempt.
pub const ANNOTATIONS: usize = 500;
/// Message of an annotation. GitHub docs: 64 KB.
pub const ANNOTATION_MESSAGE_BYTES: usize = 64 * 1024;
/// A job's outputs together. GitHub docs: 1 MB per job; ours must fit a DynamoDB item of 400 KB beside the rest.
pub const OUTPUTS_BYTES: usize = 256 * 1024;
/// A step's summary. GitHub docs: 1 MiB a step.
pub const STEP_SUMMARY_BYTES: usize = 1024 * 1024;
/// Lines of the failing step that are shown in summaries.
pub const FAILURE_TAIL_LINES: usize = 20;
/// An event's commit message, as queued.
pub const COMMIT_MESSAGE_CHARS: usize = 4096;
/// A pull request's title, as queued. GitHub's own limit is 256.
pub const TITLE_CHARS: usize = 256;
/// An [`crate::End`]'s detail.
pub const DETAIL_CHARS: usize = 1000;
/// How long a finished run's rows are kept (DynamoDB TTL).
pub const ROW_RETENTION: Millis = Millis::from_minutes(90 * 24 * 60);
/// Tries of one store update that loses to a concurrent one, before the phase asks its state machine for a retry.
pub const STORE_CONFLICT_RETRIES: u32 = 8;
