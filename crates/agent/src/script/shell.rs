//! `shell`: how a script is run. GitHub docs: `jobs.<job_id>.steps[*].shell`.

/// What a step's `shell` means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shell {
    /// Programs, the first that is there is used.
    pub programs: Vec<String>,
    /// The rest of the command line; [`SCRIPT`] stands for the script's path.
    pub arguments: Vec<String>,
    pub kind: ShellKind,
    /// As the log shows it, `{0}` being the script.
    pub shown: String,
}

/// What matters about a shell beyond its command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShellKind {
    /// bash, sh and relatives: `${NAME}` reads a variable.
    Posix,
    Python,
    PowerShell,
    /// Given by its command line; what its language is we don't know.
    Custom,
}

/// Where the script's path goes.
pub const SCRIPT: &str = "{0}";

/// A `shell` that we can't run, with what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ShellError(String);

impl Shell {
    /// The shell of a step: `shell` as written, none where neither the step nor `defaults` says anything.
    ///
    /// # Errors
    /// A name that isn't a shell, a command line without `{0}`.
    pub fn parse(shell: Option<&str>) -> Result<Self, ShellError> {
        let Some(text) = shell.map(str::trim).filter(|text| !text.is_empty()) else {
            return Ok(Self::fixed(&["bash", "sh"], &["-e", SCRIPT], ShellKind::Posix));
        };
        if text.contains(SCRIPT) {
            return Self::custom(text);
        }
        match text {
            "bash" => {
                let arguments = ["--noprofile", "--norc", "-eo", "pipefail", SCRIPT];
                Ok(Self::fixed(&["bash"], &arguments, ShellKind::Posix))
            }
            "sh" => Ok(Self::fixed(&["sh"], &["-e", SCRIPT], ShellKind::Posix)),
            "python" => Ok(Self::fixed(&["python", "python3"], &[SCRIPT], ShellKind::Python)),
            "pwsh" => Ok(Self::fixed(
                &["pwsh"],
                &["-command", ". '{0}'"],
                ShellKind::PowerShell,
            )),
            "cmd" | "powershell" => Err(ShellError(format!(
                "shell: {text} is there on Windows only; use pwsh, bash, sh or python"
            ))),
            _ => Err(ShellError(format!(
                "shell: {text:?} is not bash, sh, python or pwsh, and has no {{0}} for the script's path, \
                 as in `perl {{0}}`"
            ))),
        }
    }

    fn fixed(programs: &[&str], arguments: &[&str], kind: ShellKind) -> Self {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let shown = format!("{} {}", programs[0], arguments.join(" "));
        Self {
            programs: owned(programs),
            arguments: owned(arguments),
            kind,
            shown,
        }
    }

    fn custom(text: &str) -> Result<Self, ShellError> {
        let words = split_words(text)?;
        let Some((program, arguments)) = words
            .split_first()
            .filter(|(program, _)| !program.contains(SCRIPT))
        else {
            return Err(ShellError(format!("shell: {text:?} has no program before {{0}}")));
        };
        let name = program.rsplit('/').next().unwrap_or_default();
        let kind = match name {
            "bash" | "sh" | "dash" | "ash" | "ksh" | "zsh" => ShellKind::Posix,
            "pwsh" => ShellKind::PowerShell,
            _ if name.starts_with("python") => ShellKind::Python,
            _ => ShellKind::Custom,
        };
        Ok(Self {
            programs: vec![program.clone()],
            arguments: arguments.to_vec(),
            kind,
            shown: text.to_owned(),
        })
    }

    /// Whether GitHub's own command line for `bash` or `sh` runs it: it stops at the first error, and nothing is read before.
    #[must_use]
    pub fn is_of_github(&self) -> bool {
        [None, Some("bash"), Some("sh")]
            .into_iter()
            .any(|name| Self::parse(name).as_ref() == Ok(self))
    }

    /// The end of the script's file name: some programs go by it.
    #[must_use]
    pub const fn extension(&self) -> &'static str {
        match self.kind {
            ShellKind::Posix => ".sh",
            ShellKind::Python => ".py",
            ShellKind::PowerShell => ".ps1",
            ShellKind::Custom => "",
        }
    }

    /// The script as it goes into the file. PowerShell does not stop at errors by itself, and forgets the exit code of the
    /// last program.
    #[must_use]
    pub fn script(&self, run: &str) -> String {
        match self.kind {
            ShellKind::PowerShell => format!(
                "$ErrorActionPreference = 'stop'\n{run}\n\
                 if ((Test-Path -LiteralPath variable:\\LASTEXITCODE)) {{ exit $LASTEXITCODE }}\n"
            ),
            _ => format!("{run}\n"),
        }
    }
}

/// Words between blanks; quotes hold a word together.
///
/// # Errors
/// A quote that is not closed.
pub fn split_words(text: &str) -> Result<Vec<String>, ShellError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in text.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            None => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    match quote {
        Some(quote) => Err(ShellError(format!(
            "shell: {text:?} has a {quote} that is not closed"
        ))),
        None => Ok(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_as_github_has_them() {
        let table = [
            (None, "bash -e {0}"),
            (Some(" "), "bash -e {0}"),
            (Some("bash"), "bash --noprofile --norc -eo pipefail {0}"),
            (Some("sh"), "sh -e {0}"),
            (Some("python"), "python {0}"),
            (Some("pwsh"), "pwsh -command . '{0}'"),
            (Some("perl -w {0}"), "perl -w {0}"),
        ];
        for (shell, expected) in table {
            let shell = Shell::parse(shell).unwrap();
            assert_eq!(
                format!("{} {}", shell.programs[0], shell.arguments.join(" ")),
                expected
            );
        }
        assert_eq!(Shell::parse(None).unwrap().programs, ["bash", "sh"]);
    }

    #[test]
    fn own_command_lines() {
        let shell = Shell::parse(Some("/usr/bin/env 'my prog' \"-x {0}\" ''")).unwrap();
        assert_eq!(shell.programs, ["/usr/bin/env"]);
        assert_eq!(shell.arguments, ["my prog", "-x {0}", ""]);
        assert_eq!(shell.kind, ShellKind::Custom);
        assert_eq!(Shell::parse(Some("bash -l {0}")).unwrap().kind, ShellKind::Posix);
        assert_eq!(
            Shell::parse(Some("python3.12 -u {0}")).unwrap().extension(),
            ".py"
        );
    }

    #[test]
    fn unknown_shells_are_refused_with_what_to_do() {
        let table = [
            (
                "fish",
                "shell: \"fish\" is not bash, sh, python or pwsh, and has no {0} for the script's path, as in `perl {0}`",
            ),
            (
                "powershell",
                "shell: powershell is there on Windows only; use pwsh, bash, sh or python",
            ),
            ("{0}", "shell: \"{0}\" has no program before {0}"),
            ("a 'b {0}", "shell: \"a 'b {0}\" has a ' that is not closed"),
        ];
        for (shell, expected) in table {
            assert_eq!(Shell::parse(Some(shell)).unwrap_err().to_string(), expected);
        }
    }
}
