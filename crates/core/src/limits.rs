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
/// The labels of one job together.
pub const LABELS_BYTES: usize = 4 * 1024;
/// Workflows that call one another, the first one counted. GitHub docs, "Reusable workflows reference": ten levels.
pub const WORKFLOW_LEVELS: usize = 10;
/// Different workflow files that one workflow may call, directly and through others. Same page: 50.
pub const CALLED_WORKFLOWS: usize = 50;
/// Keys of a run's jobs and of those that they need, with the concurrency groups of calls, together: they must fit the run's row, of DynamoDB's 400 KB, beside the
/// event, the policy and the ids of 1,000 legs. The store's tests hold the largest run against it.
pub const GRAPH_BYTES: usize = 64 * 1024;
/// The policy's variables, names and values together: they are in the run's row, too.
pub const VARS_BYTES: usize = 64 * 1024;
/// Steps of one job.
pub const STEPS: usize = 1000;
/// Changed files that a path filter sees. GitHub docs: the first 300.
pub const CHANGED_FILES: usize = 300;
/// Commits of one push whose changed files are asked for; past it no path filter holds a workflow back. GitHub docs: 1,000.
pub const PUSHED_COMMITS: usize = 1000;
/// `timeout-minutes` of a job when none is given. GitHub docs: 360.
pub const RUN_TIMEOUT_DEFAULT: Millis = Millis::from_minutes(360);
/// The longest `timeout-minutes` that is accepted: five days, as GitHub has it for self-hosted runners.
pub const RUN_TIMEOUT_MAX: Millis = Millis::from_minutes(5 * 24 * 60);
/// One operation on GitHub with all its requests, tries and waits. A phase that finds GitHub slow ends with an error of its own
/// before its function's time is over (60 s of start, poll and results, 120 s of plan), which would start it over without a
/// word. At most five in a row: results looks for the check, completes it, does both again without what GitHub refused, and
/// comments; start looks for the check, creates it and makes the job's token. GitHub itself gives up after 10 s.
pub const FORGE_CALL: Millis = Millis::from_secs(10);
/// Such an operation of plan that may take many requests: the workflow files, the changed files. Plan does each of them once,
/// and before them looks up a ref.
pub const FORGE_PLANNING_CALL: Millis = Millis::from_secs(30);
/// How long a job may wait for compute when the policy says nothing.
pub const QUEUE_TIMEOUT_DEFAULT: Millis = Millis::from_minutes(60);
/// From a phase's claim of a job until another may claim it again: longer than the longest Lambda phase (a minute).
pub const CLAIM: Millis = Millis::from_secs(120);
/// After a deadline, how long the normal way has before the sweep steps in.
pub const SWEEP_GRACE: Millis = Millis::from_secs(120);
/// How long a delivery may stay `received` before the sweep queues it again.
pub const DELIVERY_REDRIVE: Millis = Millis::from_secs(60);
/// How long it may stay `enqueued`: well after the queue has made its own tries, which take some four minutes.
pub const DELIVERY_REDRIVE_ENQUEUED: Millis = Millis::from_minutes(15);
/// Between two looks of the sweep at a row whose execution is at work.
pub const SWEEP_LOOK: Millis = Millis::from_minutes(10);
/// Rows that one sweep looks at; the next one takes the rest.
pub const SWEEP_ROWS: usize = 200;
/// Between two runs of one schedule. GitHub docs: "once every 5 minutes".
pub const SCHEDULE_INTERVAL: Millis = Millis::from_minutes(5);
/// Schedules of one workflow file.
pub const SCHEDULES_OF_WORKFLOW: usize = 20;
/// Different schedules of one repository, which share a row.
pub const SCHEDULES: usize = 500;
/// How long the schedules of a repository that could not be had are left alone, for the first time: the App may be suspended,
/// the repository archived or gone.
pub const SCHEDULE_REST: Millis = Millis::from_minutes(60);
/// The longest of those rests, each of which is twice the one before.
pub const SCHEDULE_REST_MAX: Millis = Millis::from_minutes(24 * 60);
/// So many times in a row, and the repository's schedules are forgotten until it is pushed to: after a week.
pub const SCHEDULE_RESTS: u32 = 11;
/// Between two looks of a process at GitHub's list of deliveries.
pub const REDELIVERY_LOOK: Millis = Millis::from_minutes(5);
/// How far such a look goes back: what failed since the last one, with a wide margin.
pub const REDELIVERY_LOOKBACK: Millis = Millis::from_minutes(30);
/// Between two looks that go back over [`REDELIVERY_LOOKBACK_DEEP`]: for second and later tries.
pub const REDELIVERY_LOOK_DEEP: Millis = Millis::from_minutes(60);
/// How far those go back. GitHub docs: three days are kept; older than a day, a commit's news is old.
pub const REDELIVERY_LOOKBACK_DEEP: Millis = Millis::from_minutes(24 * 60);
/// Attempts that one look reads: 20 requests. Past it the rest waits for nobody and the log says so.
pub const REDELIVERY_ATTEMPTS: usize = 2000;
/// Redeliveries that one look asks for, the oldest first; the next look asks for the rest.
pub const REDELIVERIES: usize = 50;
/// Jobs and runs that wait in one concurrency group at a time (`queue: max`). GitHub docs: 100.
pub const GROUP_PENDING: usize = 100;
/// Name of a concurrency group. It stands in rows and in checks.
pub const GROUP_NAME_CHARS: usize = 400;
/// What a group calls whoever has or wants a place in it: a check's name and its commit.
pub const GROUP_TITLE_CHARS: usize = 300;
/// How long a job waits for its concurrency groups. GitHub docs: a run ends after 35 days, with the time that it waits.
pub const GROUP_WAIT: Millis = Millis::from_minutes(35 * 24 * 60);
/// Calls of one run that are marked as cancelled in their concurrency groups, and characters of what is said of each: the marks
/// are in the run's row. Of further ones, the jobs that there are by then are stopped.
pub const CANCELLED_CALLS: usize = 20;
pub const CANCELLED_DETAIL_CHARS: usize = 300;
/// Between two polls at the least.
pub const POLL_INTERVAL_MIN: Millis = Millis::from_secs(5);
/// Between two polls at the most.
pub const POLL_INTERVAL_MAX: Millis = Millis::from_secs(60);
/// Longest wait for a callback before a poll makes sure; a lost callback costs no more than this.
pub const CALLBACK_WAIT_MAX: Millis = Millis::from_minutes(5);
/// Turns of the wait loop in one execution. A turn is at most 13 history events of Step Functions' 25,000; what these turns
/// leave is for tries that fail, three events each. An execution that fills its history all the same fails, and the sweep
/// starts the job's next.
pub const TURNS_PER_EXECUTION: u32 = 1000;
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
/// Annotations of one attempt that GitHub shows: ten requests.
pub const ANNOTATIONS: usize = 500;
/// Annotations of one attempt that the agent tells of; past [`ANNOTATIONS`], those on changed lines come first.
pub const ANNOTATIONS_REPORTED: usize = 2000;
/// Message of an annotation. GitHub docs: 64 KB.
pub const ANNOTATION_MESSAGE_BYTES: usize = 64 * 1024;
/// Failed tests of one attempt that are named; the rest is counted.
pub const FAILED_TESTS: usize = 200;
/// Message of a failed test: its first lines. With [`FAILED_TESTS`] it must fit the result beside everything else.
pub const FAILED_TEST_MESSAGE_BYTES: usize = 2 * 1024;
/// Suite and name of a failed test, each. Parametrised tests can have whole documents in their names.
pub const TEST_NAME_BYTES: usize = 512;
/// Report files (JUnit XML, SARIF) of one attempt.
pub const REPORT_FILES: usize = 500;
/// One report file: tens of thousands of tests with what they printed.
pub const REPORT_FILE_BYTES: u64 = 16 * 1024 * 1024;
/// All report files of one attempt.
pub const REPORT_BYTES: u64 = 128 * 1024 * 1024;
/// Files and directories that the search for report files looks at.
pub const REPORT_SEARCH_ENTRIES: usize = 500_000;
/// How long finding and reading report files may take: less than what a stopped job has to come to its end.
pub const REPORT_TIME: Millis = Millis::from_secs(15);
/// Problem matchers of one job.
pub const PROBLEM_MATCHERS: usize = 100;
/// Patterns of one problem matcher, one for each line of a message.
pub const PROBLEM_MATCHER_PATTERNS: usize = 20;
/// A file of problem matchers.
pub const PROBLEM_MATCHER_FILE_BYTES: u64 = 256 * 1024;
/// A longer line of a job's output is not looked at for problems: it is data, not a message.
pub const MATCHED_LINE_BYTES: usize = 8 * 1024;
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
/// A run's name, which may hold somebody's title.
pub const RUN_NAME_CHARS: usize = 255;
/// The text of a release or a comment, as queued: with it an event fits a queue and a row. GitHub's own limit is 65,536 and more.
pub const BODY_CHARS: usize = 16 * 1024;
/// The type of a `repository_dispatch`. GitHub docs: 100 characters.
pub const DISPATCH_TYPE_CHARS: usize = 100;
/// What an event of the repository keeps of its payload, as JSON text: the 65,535 characters that GitHub lets a
/// `repository_dispatch` carry, and what goes around them. It must fit the run's row, of DynamoDB's 400 KB.
pub const EVENT_PAYLOAD_BYTES: usize = 66 * 1024;
/// Runs that follow each other by `workflow_run`, the first not counted. GitHub docs: three levels.
pub const FOLLOWING_RUNS: u32 = 3;
/// Names that the `workflow_run` triggers of one repository wait for, and those of one workflow file.
pub const FOLLOWED_WORKFLOWS: usize = 200;
/// Runs of a workflow file that are known by name where its runs are counted: one that is planned again after so many others
/// gets another number. Row size: 16 bytes each.
pub const RUN_NUMBERS_KNOWN: usize = 32;
/// An [`crate::End`]'s detail.
pub const DETAIL_CHARS: usize = 1000;
/// How long a finished run's rows are kept (DynamoDB TTL).
pub const ROW_RETENTION: Millis = Millis::from_minutes(90 * 24 * 60);
/// Tries of one store update that loses to a concurrent one, before the phase asks its state machine for a retry.
pub const STORE_CONFLICT_RETRIES: u32 = 8;
/// Composite actions inside one another. GitHub docs: ten.
pub const COMPOSITE_DEPTH: usize = 10;
/// Repositories that the actions of one job come from.
pub const ACTION_REPOSITORIES: usize = 200;
/// The repository of an action, one commit of it with git's own files. The largest in use hold some 100 MB.
pub const ACTION_REPOSITORY_BYTES: u64 = 1024 * 1024 * 1024;
/// To download one action.
pub const ACTION_DOWNLOAD: Millis = Millis::from_minutes(10);
/// One part of an artifact or a cache, as an agent sends or gets it. Lambda takes 6 MB a request, base64 adds a third.
pub const ARCHIVE_PART_BYTES: usize = 3 * 1024 * 1024;
/// One artifact or cache, packed: what some 700 parts bring over in minutes.
pub const ARCHIVE_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// One artifact or cache, unpacked: a small archive must not fill a disk.
pub const ARCHIVE_UNPACKED_BYTES: u64 = 20 * 1024 * 1024 * 1024;
/// Files of one artifact or cache.
pub const ARCHIVE_FILES: usize = 500_000;
/// A request about archives that is no part of one: names, keys.
pub const ARCHIVE_REQUEST_BYTES: usize = 64 * 1024;
/// Name of an artifact.
pub const ARTIFACT_NAME_BYTES: usize = 256;
/// Artifacts of one run. GitHub docs: 500 of a job.
pub const ARTIFACTS: usize = 500;
/// Key of a cache. GitHub docs: 512 characters.
pub const CACHE_KEY_CHARS: usize = 512;
/// Keys that one restore may try. GitHub's action: ten.
pub const CACHE_KEYS: usize = 10;
/// All caches of one repository; past it the oldest go. GitHub docs: 10 GB.
pub const CACHES_BYTES: u64 = 10 * 1024 * 1024 * 1024;
/// How long parts may lie about that no archive was made of: longer than an upload takes.
pub const ARCHIVE_ORPHAN: Millis = Millis::from_minutes(24 * 60);
/// Attempts that a job's history remembers one by one: enough for quantiles that follow the code.
pub const HISTORY_ATTEMPTS: usize = 32;
/// Steps of a job that its history remembers.
pub const HISTORY_STEPS: usize = 24;
/// Durations that the history of a step remembers.
pub const HISTORY_STEP_DURATIONS: usize = 12;
/// Failures that a job's history tells apart.
pub const HISTORY_FAILURES: usize = 12;
/// A step's name in a history.
pub const HISTORY_NAME_BYTES: usize = 100;
/// An error line in a history.
pub const HISTORY_LINE_BYTES: usize = 160;
/// The name of a branch, tag or backend in a history.
pub const HISTORY_PLACE_BYTES: usize = 60;
/// A workflow's path, a check's name and a matrix leg in a history, each.
pub const HISTORY_LEG_BYTES: usize = 400;
/// A history's row: far below DynamoDB's 400 KB, because every attempt writes it and a write costs by the KB.
pub const HISTORY_ROW_BYTES: usize = 32 * 1024;
/// Retries of one cause that a policy may allow: past it the job needs a person.
pub const RETRIES_MAX: u32 = 10;
/// The longest that a running job whose backend can't call back is left alone until it usually ends: one that ends early is
/// noticed no later than this.
pub const USUAL_WAIT_MAX: Millis = Millis::from_minutes(10);
/// Steps of one attempt that a language model is asked to translate. With the next four, what it says of all of them fits a
/// check's text ([`CHECK_TEXT_CHARS`]) in full.
pub const TRANSLATIONS: usize = 4;
/// A translated step's script.
pub const TRANSLATION_SCRIPT_BYTES: usize = 8 * 1024;
/// What a model says about a script.
pub const TRANSLATION_EXPLANATION_BYTES: usize = 1024;
/// One thing that a model assumes.
pub const TRANSLATION_ASSUMPTION_BYTES: usize = 256;
/// Things that a model may assume.
pub const TRANSLATION_ASSUMPTIONS: usize = 8;
/// All scripts that one attempt may run or was made, with what is said about them and what is around them: a check's text
/// holds that much in full.
pub const TRANSLATIONS_SHOWN_BYTES: usize = 60 * 1024;
/// Retries of a job because a step of it was translated: only a step that is reached is known to need it, so each takes one.
pub const TRANSLATION_RETRIES: u32 = 8;
/// Translations that are remembered of one job.
pub const TRANSLATIONS_KNOWN: usize = 16;
/// Translations of a repository that are kept, with what is kept about them; past it the oldest go.
pub const TRANSLATIONS_STORED: usize = 1000;
/// What a model is shown of one file of an action, `action.yml` or a Dockerfile; a step with a longer one is not translated.
pub const MODEL_FILE_BYTES: usize = 32 * 1024;
/// For all that a model is asked about one attempt. The state Results has it on top of what its other requests take.
pub const MODEL_TIME: Millis = Millis::from_secs(60);
/// How long a question counts as being asked: longer than [`MODEL_TIME`], shorter than the state machine's tries of a conflict.
pub const MODEL_CLAIM: Millis = Millis::from_secs(90);
/// Tokens of a model's answer: a script of the longest kind with what is said about it.
pub const MODEL_TOKENS: u32 = 4096;
/// A model server's answer. [`MODEL_TOKENS`] are some 16 KB; the rest is what servers put around them.
pub const MODEL_ANSWER_BYTES: usize = 256 * 1024;
/// `services` of one job. Each is a container that its machine starts, waits for and removes.
pub const SERVICES: usize = 20;
/// For the services of a job to become healthy. Past what their own health checks allow it is a service that never starts.
pub const SERVICES_READY: Millis = Millis::from_minutes(10);
/// Lines of a container's output that are shown at its end, the last ones: what it said while the job ran was no step's.
pub const CONTAINER_LOG_LINES: usize = 1000;
/// For one image to be pulled.
pub const IMAGE_PULL: Millis = Millis::from_minutes(30);
/// Of an environment's name, characters. GitHub docs.
pub const ENVIRONMENT_NAME_CHARS: usize = 255;
/// Environments of a policy: they are part of every run's row.
pub const ENVIRONMENTS: usize = 100;
/// Names and patterns of all environments together: they are part of every run's row.
pub const ENVIRONMENTS_BYTES: usize = 16 * 1024;
/// Of one secret of a job. GitHub docs: 48 KB.
pub const SECRET_BYTES: usize = 48 * 1024;
/// Secrets that a job gets. GitHub docs: 100 of a repository, 100 of an organisation, 100 of an environment.
pub const SECRETS: usize = 300;
/// Of all secrets that a job gets, names included: Linux gives a program's arguments and environment 2 MiB together.
pub const SECRETS_BYTES: usize = 512 * 1024;
