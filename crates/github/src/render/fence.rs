//! Code fences of Markdown: writing them so that nothing inside can close them, and following them through a text.
//!
//! Source: CommonMark 0.31, section 4.5. Fences inside lists and quotes are not followed: they end with their container.

use super::escape::longest_run;

/// Longer runs of fence signs are shortened where a text must be cut or fenced, so that a fence never costs more than this.
pub(super) const LONGEST_FENCE: usize = 100;
/// What is kept of a fence's info string when the fence is opened again after a cut.
const INFO_CHARS: usize = 20;

/// An open fence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fence {
    sign: char,
    len: usize,
    info: String,
}

impl Fence {
    pub(super) fn closing(&self) -> String {
        self.sign.to_string().repeat(self.len)
    }

    /// The line that opens it again.
    pub(super) fn opening(&self) -> String {
        let info: String = self.info.chars().take(INFO_CHARS).collect();
        format!("{}{info}", self.closing())
    }

    fn opened_by(line: &str) -> Option<Self> {
        let (sign, len, rest) = fence_run(line)?;
        let info = rest.trim();
        (sign != '`' || !info.contains('`')).then(|| Self {
            sign,
            len,
            info: info.to_owned(),
        })
    }

    fn is_closed_by(&self, line: &str) -> bool {
        fence_run(line).is_some_and(|(sign, len, rest)| {
            sign == self.sign && len >= self.len && rest.trim_matches([' ', '\t']).is_empty()
        })
    }
}

/// The fence sign, the length of the run and what follows it, for a line that begins with a fence.
fn fence_run(line: &str) -> Option<(char, usize, &str)> {
    let trimmed = line.trim_start_matches(' ');
    if line.len() - trimmed.len() > 3 {
        return None;
    }
    let sign = trimmed.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let rest = trimmed.trim_start_matches(sign);
    let len = trimmed.len() - rest.len();
    (len >= 3).then_some((sign, len, rest))
}

/// The fence that is open after `text`, whose lines end in `\n`, where `open` was before it.
pub(super) fn open_after(open: Option<Fence>, text: &str) -> Option<Fence> {
    text.split('\n').fold(open, |open, line| match open {
        Some(fence) if fence.is_closed_by(line) => None,
        Some(fence) => Some(fence),
        None => Fence::opened_by(line),
    })
}

/// The text as a fenced block, ending in a newline. The fence is longer than any run of backticks inside.
pub(super) fn fenced(text: &str) -> String {
    fenced_as("text", text)
}

/// The same, in a language.
pub(super) fn fenced_as(language: &str, text: &str) -> String {
    let text = shorten_runs(text, LONGEST_FENCE - 1);
    let fence = "`".repeat((longest_run(&text, '`') + 1).max(3));
    let newline = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("{fence}{language}\n{text}{newline}{fence}\n")
}

/// The text with no run of backticks or tildes longer than `longest`.
pub(super) fn shorten_runs(text: &str, longest: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut last, mut run) = ('\0', 0);
    for c in text.chars() {
        run = if c == last { run + 1 } else { 1 };
        last = c;
        if !matches!(c, '`' | '~') || run <= longest {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        assert_eq!(fenced("a\nb"), "```text\na\nb\n```\n");
        assert_eq!(fenced("x ``` y\n"), "````text\nx ``` y\n````\n");
        assert_eq!(fenced(""), "```text\n```\n");
        assert_eq!(longest_run(&fenced(&"`".repeat(500)), '`'), LONGEST_FENCE);
    }

    #[test]
    fn what_opens_and_closes() {
        let open = |text: &str| open_after(None, text).map(|fence| fence.opening());
        let table = [
            ("```", Some("```")),
            ("```rust\nfn", Some("```rust")),
            ("```rust\nfn\n```", None),
            ("````\n```\n", Some("````")),
            ("```\n````", None),
            ("```\n``` x", Some("```")),
            ("~~~ a`b\n```", Some("~~~a`b")),
            ("``` a`b", None),
            ("   ```", Some("```")),
            ("    ```", None),
            ("``", None),
            ("text ```", None),
            ("```\n```\n```", Some("```")),
        ];
        for (text, expected) in table {
            assert_eq!(open(text).as_deref(), expected, "{text:?}");
        }
    }
}
