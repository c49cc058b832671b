//! The batch script: it makes the attempt's directory, starts the agent in it, and ends with the job's exit code.
//!
//! Slurm keeps it where the job's user and the operators can read it (`scontrol write batch_script`). Secrets are in it and
//! nowhere else: not in the job's environment or comment, nor on a command line.

use super::settings::AgentOnNode;
use crate::attempt::SubmitRecord;
use crate::port::{Submission, SubmitKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use std::path::Path;

/// Of a script: slurmctld's own default (`max_script_size`).
pub(super) const SCRIPT_BYTES: usize = 4 * 1024 * 1024;
/// Of a comment, Slurm's own: 1024 bytes (`ESLURM_PATHNAME_TOO_LONG` past it). With what is around them, base64 of both fits.
const TAIL_BYTES: usize = 480;
/// Of the end. One that is longer, for its reason, is told by the exit code.
const END_BYTES: usize = 160;

/// Where an attempt's directory is, and how its log and result come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// Below this directory, which the controller sees, too.
    Shared(&'a Path),
    /// On the node. The agent's callback has the log and the result.
    Callback,
    /// On the node. The end of the log goes into the job's comment.
    Comment,
}

/// The name of an attempt's directory, below the shared one or the node's own temporary one.
pub(super) fn directory_name(key: &SubmitKey) -> String {
    format!("checkmill-{key}")
}

pub(super) fn text(
    submission: &Submission,
    record: &SubmitRecord,
    agent: &AgentOnNode,
    place: Place<'_>,
) -> String {
    let name = directory_name(&submission.key);
    let make = match place {
        Place::Shared(root) => SHARED
            .replace("@ROOT@", &quoted(&root.to_string_lossy()))
            .replace("@NAME@", &name),
        Place::Callback | Place::Comment => LOCAL.replace("@NAME@", &name),
    };
    let secrets: String = submission
        .secrets
        .iter()
        .map(|(name, value)| format!("export {name}={}\n", quoted(value.expose_secret())))
        .collect();
    let agent: Vec<String> = std::iter::once(&agent.program)
        .chain(&agent.arguments)
        .map(|word| quoted(word))
        .collect();
    let record = serde_json::to_vec(record).expect("a record of strings and numbers is JSON");
    let (once, report) = match place {
        // Who makes the directory is the first.
        Place::Shared(_) => ("", String::new()),
        Place::Callback => (ONCE, REMOVE.to_owned()),
        Place::Comment => (ONCE, format!("{}{REMOVE}", comment())),
    };
    TEMPLATE
        .replace("@ONCE@", once)
        .replace("@MAKE@", &make)
        .replace("@JOB@", &STANDARD.encode(&submission.description))
        .replace("@RECORD@", &STANDARD.encode(record))
        .replace("@AGENT@", &agent.join(" "))
        .replace("@REPORT@", &report)
        // Last, so that nothing in a secret is a mark.
        .replace("@SECRETS@", &secrets)
}

/// A word of sh(1), whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn comment() -> String {
    COMMENT
        .replace("@TAIL@", &TAIL_BYTES.to_string())
        .replace("@END@", &END_BYTES.to_string())
}

const TEMPLATE: &str = r#"#!/bin/sh
# A job of Checkmill.
umask 077
if [ "${SLURM_RESTART_COUNT:-0}" -gt 0 ]; then
  echo "checkmill: this job ran before; it is not run again" >&2
  exit 75
fi
@ONCE@@MAKE@base64 -d > .job.json <<'END'
@JOB@
END
base64 -d > .submit.json <<'END'
@RECORD@
END
mv .job.json job.json && mv .submit.json submit.json || exit 75
@SECRETS@export CHECKMILL_ATTEMPT_DIR="$directory"
# Slurm tells all processes of a job to stop. The agent ends the steps; this shell waits for it.
trap : TERM INT
@AGENT@ run --dir "$directory" < /dev/null > agent.out 2>&1 &
agent=$!
until wait "$agent"; do kill -0 "$agent" 2> /dev/null || break; done
[ -e exit.json ] || @AGENT@ reap --dir "$directory" < /dev/null >> agent.out 2>&1
end=$(cat exit.json 2> /dev/null)
case "$end" in
  *'"type":"exited"'*) code=${end#*'"code":'}; code=${code%%[!0-9]*} ;;
  *'"type":"signalled"'*) code=${end#*'"signal":'}; code=$((128 + ${code%%[!0-9]*})) ;;
  *'"type":"timed_out"'*) code=124 ;;
  *'"type":"cancelled"'*) code=143 ;;
  *) code=75; cat agent.out >&2 ;;
esac
@REPORT@exit "${code:-75}"
"#;

/// A directory that is there was made by somebody else, for the name is no secret: nothing is done in it, and what is in it counts
/// for nothing. The script always exits, but here, so that its death by a signal tells the server.
const SHARED: &str = r#"root=@ROOT@
directory="$root/@NAME@"
mkdir -p "$root" && mkdir "$directory" && cd "$directory" || kill -KILL $$
"#;

const LOCAL: &str = r#"directory=$(mktemp -d "${TMPDIR:-/tmp}/@NAME@.XXXXXX") && cd "$directory" || exit 75
"#;

/// Of two jobs with one name, which a lost answer can make, the first runs. They never run at once: each depends on all
/// earlier ones of its name (`singleton`).
const ONCE: &str = r#"if command -v squeue > /dev/null; then
  first=$(squeue --noheader --states=all --user="$SLURM_JOB_USER" --name="$SLURM_JOB_NAME" --format=%A 2> /dev/null | sort -n | head -n 1)
  if [ -n "$first" ] && [ "$first" != "$SLURM_JOB_ID" ]; then
    echo "checkmill: job $first has the same key; this one does nothing" >&2
    exit 75
  fi
fi
"#;

const COMMENT: &str = r#"if command -v scontrol > /dev/null; then
  encoded() { base64 | tr -d '\n'; }
  end=$(printf %s "$end" | tr -d ' ')
  [ "${#end}" -le @END@ ] || end=
  scontrol update JobId="$SLURM_JOB_ID" \
    Comment="checkmill:$(printf %s "$end" | encoded):$(wc -c < log | tr -d ' '):$(tail -c @TAIL@ log | encoded)" >&2
fi
"#;

const REMOVE: &str = "cd / && chmod -R u+w \"$directory\" && rm -rf \"$directory\"\n";
