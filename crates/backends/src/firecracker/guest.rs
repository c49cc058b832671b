//! What is run in a VM: one call to the agent, which is a backend of kind exec there ([`crate::exec`]).

use super::settings::AgentInVm;
use crate::exec::protocol::{self, Call, Failed, Request};
use crate::port::Submission;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Of base64 in one piece of code. A shell's argument has at most 128 KiB on Linux, and the service may make the code one.
const PIECE_BYTES: usize = 64 * 1024;
/// Of a call's code as a whole, for the same reason.
const CODE_BYTES: usize = 120 * 1024;
/// Around the agent's answer: a login may print what it likes before and after.
const BEGIN: &str = "\n#checkmill-answer ";
const END: &str = "\n#checkmill-end";

/// The code of a call, and of what must be run before it.
pub(super) struct Code {
    /// Pieces of the job's description, where it is too long for one call. Each may be run again.
    pub(super) before: Vec<String>,
    pub(super) call: String,
}

/// Where a VM has what it takes.
#[derive(Clone, Copy)]
pub(super) struct Guest<'a> {
    pub(super) agent: &'a AgentInVm,
    /// The root of attempts.
    pub(super) directory: &'a str,
}

impl Guest<'_> {
    /// Any call but a submit.
    pub(super) fn call(&self, call: Call) -> Result<Code, String> {
        let request = Request {
            version: protocol::VERSION,
            call,
        };
        let request = serde_json::to_vec(&request).map_err(|error| error.to_string())?;
        Ok(Code {
            before: Vec::new(),
            call: self.script("", &printed(&request)),
        })
    }

    /// A submit. Its secrets are in the last call, and in no file of the VM.
    pub(super) fn submit(&self, submission: &Submission) -> Result<Code, String> {
        let code = self.in_pieces(submission)?;
        if code.call.len() > CODE_BYTES {
            return Err(format!(
                "its name, labels and secrets take {} bytes of a call into its VM, which has room for {CODE_BYTES}",
                code.call.len()
            ));
        }
        Ok(code)
    }

    fn in_pieces(&self, submission: &Submission) -> Result<Code, String> {
        let (head, description) = request(submission)?;
        let encoded = STANDARD.encode(&description);
        if encoded.len() <= PIECE_BYTES {
            let whole = [head, description, b"}".to_vec()].concat();
            return Ok(Code {
                before: Vec::new(),
                call: self.script(&self.prepare(), &printed(&whole)),
            });
        }
        // Two submits at the same time may have two descriptions: their pieces must not mix.
        let digest = ring::digest::digest(&ring::digest::SHA256, &description);
        let digest: String = digest
            .as_ref()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let parts = format!("{}.{digest}", submission.key);
        let pieces: Vec<&str> = (0..encoded.len())
            .step_by(PIECE_BYTES)
            .map(|from| &encoded[from..encoded.len().min(from + PIECE_BYTES)])
            .collect();
        let parts = quoted(&format!(
            "{}/.parts/{parts}",
            self.directory.trim_end_matches('/')
        ));
        let before = pieces
            .iter()
            .enumerate()
            .map(|(number, piece)| {
                format!(
                    "set -e; umask 077; parts={parts}; mkdir -p \"$parts\"\nprintf %s '{piece}' > \"$parts/{number}.new\"\nmv \"$parts/{number}.new\" \"$parts/{number}\"\n"
                )
            })
            .collect();
        let numbers: Vec<String> = (0..pieces.len())
            .map(|number| format!("\"$parts/{number}\""))
            .collect();
        let all = numbers.join(" ");
        let prepare = format!("{}parts={parts}\n", self.prepare());
        let sent = format!("{{ {}; cat {all} | base64 -d; printf '}}'; }}", printed(&head));
        let mut call = self.script(&prepare, &sent);
        call.push_str("rm -rf \"$parts\"\n");
        Ok(Code { before, call })
    }

    fn script(&self, prepare: &str, sent: &str) -> String {
        let agent: Vec<String> = std::iter::once(&self.agent.program)
            .chain(&self.agent.arguments)
            .map(|word| quoted(word))
            .collect();
        format!(
            "umask 077\n{prepare}answer=$({sent} | {agent} backend --root {root}); code=$?\nprintf '\\n#checkmill-answer %s %s\\n#checkmill-end\\n' \"$code\" \"$answer\"\n",
            agent = agent.join(" "),
            root = quoted(self.directory),
        )
    }

    /// Gets the agent where the VM's image has none.
    fn prepare(&self) -> String {
        let Some(download) = &self.agent.download else {
            return String::new();
        };
        DOWNLOAD
            .replace("@AGENT@", &quoted(&self.agent.program))
            .replace("@SHA256@", &download.sha256)
            .replace("@URL@", &quoted(&download.url))
    }
}

/// The file is in its place only when it is whole and the one that was meant; two at the same time are no harm.
const DOWNLOAD: &str = r#"agent=@AGENT@
if [ ! -x "$agent" ]; then
  mkdir -p "${agent%/*}"
  { curl -fsSL --retry 2 -o "$agent.$$" @URL@ || wget -q -O "$agent.$$" @URL@; } >&2
  if echo "@SHA256@  $agent.$$" | sha256sum -c - > /dev/null 2>&1; then
    chmod 755 "$agent.$$" && mv "$agent.$$" "$agent"
  else
    rm -f "$agent.$$"
    printf '\n#checkmill-answer 125 \n#checkmill-end\n'
    exit 0
  fi
fi
"#;

/// The request up to its description, which comes last, and the description.
fn request(submission: &Submission) -> Result<(Vec<u8>, Vec<u8>), String> {
    let description: Value = serde_json::from_slice(&submission.description)
        .map_err(|error| format!("the job's description is no JSON: {error}"))?;
    let secrets: BTreeMap<&str, &str> = submission
        .secrets
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose_secret()))
        .collect();
    let head = json!({
        "version": protocol::VERSION,
        "verb": "submit",
        "key": submission.key.to_string(),
        "name": submission.name,
        "labels": submission.labels,
        "queue_timeout_ms": submission.queue_timeout.0,
        "run_timeout_ms": submission.run_timeout.0,
        "secrets": secrets,
    });
    let mut head = head.to_string();
    head.truncate(head.len() - 1);
    head.push_str(",\"description\":");
    Ok((head.into_bytes(), description.to_string().into_bytes()))
}

fn printed(bytes: &[u8]) -> String {
    format!("printf %s '{}' | base64 -d", STANDARD.encode(bytes))
}

/// A word of sh(1), whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// What the agent said.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// The same call may do later.
    Transient(String),
    Refused(String),
    /// There is no agent that can be run, and so no job.
    NoAgent(String),
}

/// Reads the agent's answer out of what a VM has printed.
pub(super) fn answer<T: DeserializeOwned>(printed: &str, agent: &AgentInVm) -> Result<T, NoAnswer> {
    let framed = printed
        .rsplit_once(BEGIN)
        .and_then(|(_, rest)| rest.rsplit_once(END))
        .and_then(|(framed, _)| framed.split_once(' '));
    let Some((code, answer)) = framed else {
        return Err(NoAnswer::Transient(
            "what its VM printed is cut, or not all of it was run".to_owned(),
        ));
    };
    let program = &agent.program;
    match code {
        "0" => serde_json::from_str(answer).map_err(|error| {
            NoAnswer::Refused(format!(
                "the agent's answer is not understood ({error}): is {program} as new as this program?"
            ))
        }),
        "125" => Err(NoAnswer::Transient(
            "its VM could not get the agent, or got another file than the one with this SHA-256".to_owned(),
        )),
        "126" | "127" => Err(NoAnswer::NoAgent(format!(
            "its VM has no agent that can be run at {program}: put it into the image, or say agent-url"
        ))),
        _ => Err(match serde_json::from_str::<Failed>(answer) {
            Ok(Failed { error, retry: true }) => NoAnswer::Transient(error),
            Ok(Failed { error, retry: false }) => NoAnswer::Refused(error),
            Err(_) => NoAnswer::Transient(format!("{program} in its VM ended with exit code {code}")),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::protocol::Done;

    fn agent() -> AgentInVm {
        AgentInVm {
            program: "/opt/a b/checkmill".to_owned(),
            arguments: vec!["agent".to_owned()],
            download: None,
        }
    }

    #[test]
    fn a_call_is_one_line_to_the_agent_and_a_frame_around_its_answer() {
        let agent = agent();
        let guest = Guest {
            agent: &agent,
            directory: "/var/it's",
        };
        let code = guest.call(Call::List {}).unwrap();
        assert!(code.before.is_empty());
        let encoded = STANDARD.encode(r#"{"version":1,"verb":"list"}"#);
        assert_eq!(
            code.call,
            format!(
                "umask 077\nanswer=$(printf %s '{encoded}' | base64 -d | '/opt/a b/checkmill' 'agent' backend --root '/var/it'\\''s'); code=$?\n\
                 printf '\\n#checkmill-answer %s %s\\n#checkmill-end\\n' \"$code\" \"$answer\"\n"
            )
        );
    }

    #[test]
    fn only_a_whole_answer_of_the_agent_is_one() {
        let read = |printed: &str| match answer::<Done>(printed, &agent()) {
            Ok(Done {}) => "done".to_owned(),
            Err(NoAnswer::Transient(detail)) => format!("later: {detail}"),
            Err(NoAnswer::Refused(detail)) => format!("never: {detail}"),
            Err(NoAnswer::NoAgent(detail)) => format!("no agent: {detail}"),
        };
        let framed = |rest: &str| format!("Welcome\n\n#checkmill-answer {rest}\n#checkmill-end\nlogout\n");
        let cut = "later: what its VM printed is cut, or not all of it was run";
        let old = "never: the agent's answer is not understood (EOF while parsing a value at line 1 column 0): is /opt/a b/checkmill as new as this program?";
        for (printed, expected) in [
            (framed("0 {}"), "done"),
            (
                framed("1 {\"error\":\"disk full\",\"retry\":true}"),
                "later: disk full",
            ),
            (framed("1 {\"error\":\"no such key\"}"), "never: no such key"),
            (
                framed("75 "),
                "later: /opt/a b/checkmill in its VM ended with exit code 75",
            ),
            (framed("0 "), old),
            (
                framed("127 "),
                "no agent: its VM has no agent that can be run at /opt/a b/checkmill: put it into the image, or say agent-url",
            ),
            ("\n#checkmill-answer 0 {\"jo".to_owned(), cut),
            (String::new(), cut),
        ] {
            assert_eq!(read(&printed), expected, "{printed}");
        }
    }
}
