//! The job's command: it comes to its agent, which does the rest ([`crate::inline`]). No text of a workflow is in it but in a
//! comment, and no secret.

use super::settings::AgentInImage;
use crate::inline::VERB;
use checkmill_core::UnixMillis;

/// Of what is shown of a job's name, in characters.
const NAME_CHARS: usize = 200;

/// For `sh -c`. The image may have no more than a shell.
pub(super) fn text(name: &str, latest_start: UnixMillis, agent: &AgentInImage) -> String {
    let name: String = name
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(NAME_CHARS)
        .collect();
    let seconds = latest_start.0 / 1000;
    let head = HEAD
        .replace("@SECONDS@", &seconds.to_string())
        // Last, so that nothing in it is a mark.
        .replace("@NAME@", &name);
    let start = match agent {
        AgentInImage::Present { program, arguments } => {
            let words: Vec<String> = std::iter::once(program)
                .chain(arguments)
                .map(|word| quoted(word))
                .collect();
            format!("exec {} {VERB}\n", words.join(" "))
        }
        AgentInImage::Fetched { url, sha256 } => FETCH
            .replace("@SHA@", sha256)
            .replace("@VERB@", VERB)
            .replace("@URL@", &quoted(url)),
    };
    head + &start
}

/// A word of sh(1), whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A job for which nobody waits any more does nothing: Lightning has no such limit of its own.
const HEAD: &str = r#"# Checkmill: @NAME@
if [ "$(date +%s)" -gt @SECONDS@ ]; then echo "checkmill: this job starts too late" >&2; exit 75; fi
"#;

const FETCH: &str = r#"directory=$(mktemp -d) && agent="$directory/checkmill-agent" || exit 75
url=@URL@
if command -v curl > /dev/null; then curl -fsSL --retry 3 --max-time 300 -o "$agent" "$url"
elif command -v wget > /dev/null; then wget -q -O "$agent" "$url"
elif command -v python3 > /dev/null; then python3 -c 'import sys, urllib.request as r; r.urlretrieve(sys.argv[1], sys.argv[2])' "$url" "$agent"
else echo "checkmill: the image has neither curl nor wget nor python3 to fetch the agent with" >&2; false; fi || exit 75
if ! echo "@SHA@  $agent" | sha256sum -c > /dev/null 2>&1; then
  echo "checkmill: what was fetched is not the agent: its SHA-256 is not @SHA@" >&2; exit 75
fi
chmod 700 "$agent" && exec "$agent" @VERB@
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_name_is_run() {
        let agent = AgentInImage::Present {
            program: "/opt/the agent's".to_owned(),
            arguments: vec!["agent".to_owned()],
        };
        let text = text(
            "CI / $(reboot)\nreboot\u{85} @SECONDS@",
            UnixMillis(61_999),
            &agent,
        );
        assert_eq!(
            text,
            "# Checkmill: CI / $(reboot) reboot  @SECONDS@\n\
             if [ \"$(date +%s)\" -gt 61 ]; then echo \"checkmill: this job starts too late\" >&2; exit 75; fi\n\
             exec '/opt/the agent'\\''s' 'agent' inline\n"
        );
    }
}
