//! What a step prints, on its way to the log: lines are masked and written, commands among them obeyed.

use crate::commands::{self, Annotation, Command};
use crate::container;
use crate::log::lines::{Line, Lines};
use crate::log::writer::LogWriter;
use crate::report::collect::Reports;
use crate::report::console::Console;
use crate::report::paths::Paths;
use checkmill_core::limits::{FAILURE_TAIL_LINES, MATCHED_LINE_BYTES};
use checkmill_workflow::job::ResultLevel;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// A line of a failing step's tail is cut here, in characters: it is shown in a table.
const TAIL_LINE_CHARS: usize = 500;

/// The output of one step.
pub struct StepOutput<'a> {
    log: &'a mut LogWriter,
    reports: &'a mut Reports,
    workspace: &'a Path,
    /// By which names the step sees the machine's directories, where it is in a container.
    seen: Option<&'a container::paths::Paths>,
    /// What the tools of the step name their files from.
    paths: Paths,
    /// None where the job wants nothing recognised that it has not said itself.
    console: Option<Console>,
    /// `RUNNER_DEBUG`: `::debug::` is shown.
    debug: bool,
    lines: Lines,
    /// The word that ends `::stop-commands::`.
    paused_until: Option<String>,
    said: Said,
}

/// What a step has said besides its text.
#[derive(Debug, Default)]
pub struct Said {
    /// `::set-output::`, in order.
    pub outputs: Vec<(String, String)>,
    /// `::save-state::`, in order.
    pub state: Vec<(String, String)>,
    /// The last lines, masked.
    pub tail: VecDeque<String>,
    /// A command that GitHub has disabled: the step fails, lest it goes unnoticed.
    pub disabled: Option<String>,
}

impl<'a> StepOutput<'a> {
    pub fn new(log: &'a mut LogWriter, reports: &'a mut Reports, workspace: &'a Path, debug: bool) -> Self {
        reports.begin_step();
        let paths = reports.paths(workspace, workspace);
        Self {
            log,
            reports,
            workspace,
            seen: None,
            paths,
            console: Some(Console::default()),
            debug,
            lines: Lines::default(),
            paused_until: None,
            said: Said::default(),
        }
    }

    /// The step runs in this directory.
    #[must_use]
    pub fn in_directory(mut self, directory: &Path) -> Self {
        self.paths = self.reports.paths(self.workspace, directory);
        self
    }

    /// The step is in a container that has these names for the machine's directories.
    #[must_use]
    pub fn seen_through(mut self, seen: &'a container::paths::Paths) -> Self {
        self.paths = self.paths.seen_as(Path::new(&seen.inside(self.workspace)));
        self.seen = Some(seen);
        self
    }

    /// Whether known tools are recognised by what they print.
    #[must_use]
    pub fn recognising(mut self, wanted: bool) -> Self {
        self.console = wanted.then(Console::default);
        self
    }

    /// Takes bytes as they come; whether the log still takes them.
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        for line in self.lines.push(bytes, self.log.masks()) {
            self.line(&line);
        }
        self.log.flush();
        self.log.fault().is_none()
    }

    /// Nothing will follow.
    #[must_use]
    pub fn finish(mut self) -> Said {
        if let Some(line) = self.lines.finish() {
            self.line(&line);
        }
        if let Some((runs, found)) = self.console.take().map(Console::finish) {
            self.reports.printed(runs, &self.paths, self.log.masks());
            for annotation in found {
                self.reports.found(annotation, &self.paths);
            }
        }
        self.log.flush();
        for line in &mut self.said.tail {
            // Between control sequences a secret is none, and without them it is one again.
            let plain = self.log.masks().apply(&strip_ansi(line));
            *line = plain.chars().take(TAIL_LINE_CHARS).collect();
        }
        self.said
    }

    fn line(&mut self, line: &Line) {
        if line.continued {
            let masked = self.log.output(&line.text);
            return self.keep(&masked);
        }
        if let Some(word) = &self.paused_until {
            let ends = line
                .text
                .trim()
                .strip_prefix("::")
                .and_then(|text| text.strip_suffix("::"));
            if ends == Some(word) {
                self.paused_until = None;
            }
            return self.plain(&line.text);
        }
        match commands::parse(&line.text) {
            Some(command) => self.command(command, &line.text),
            None => self.plain(&line.text),
        }
    }

    fn plain(&mut self, text: &str) {
        let masked = self.log.output(text);
        self.keep(&masked);
        self.report(&masked);
    }

    /// Looks for what a line says about the code.
    fn report(&mut self, masked: &str) {
        if masked.len() > MATCHED_LINE_BYTES {
            return;
        }
        // Between control sequences a secret is none, and without them it is one again.
        let plain = self.log.masks().apply(&strip_ansi(masked));
        if self.reports.line(&plain, self.console.as_mut(), &self.paths) {
            self.say_full();
        }
    }

    fn say_full(&mut self) {
        self.log.text(
            "##[warning]The job has reached the limit of annotations; further ones are only in this log.",
        );
    }

    fn keep(&mut self, masked: &str) {
        if self.said.tail.len() == FAILURE_TAIL_LINES {
            self.said.tail.pop_front();
        }
        self.said.tail.push_back(masked.to_owned());
    }

    fn command(&mut self, command: Command, text: &str) {
        match command {
            Command::Group(title) => {
                self.log.text(&format!("##[group]{}", title.replace('\n', " ")));
            }
            Command::EndGroup => {
                self.log.text("##[endgroup]");
            }
            Command::Annotation(annotation) => self.annotation(annotation),
            Command::Debug(message) if self.debug => {
                self.log.text(&format!("##[debug]{message}"));
            }
            Command::Debug(_) | Command::Echo => {}
            Command::AddMask(value) => {
                self.log.masks_mut().add(&value);
                self.log.framed("::add-mask::***", "");
            }
            Command::StopCommands(word) => {
                self.plain(text);
                self.paused_until = Some(word);
            }
            Command::SetOutput { name, value } => self.said.outputs.push((name, value)),
            Command::SaveState { name, value } => self.said.state.push((name, value)),
            Command::Disabled(name) => {
                let instead = if name == "set-env" {
                    "GITHUB_ENV"
                } else {
                    "GITHUB_PATH"
                };
                let message =
                    format!("The command ::{name}:: is disabled, as on GitHub; write to ${instead} instead.");
                self.log.text(&format!("##[error]{message}"));
                self.said.disabled.get_or_insert(message);
            }
            Command::AddMatcher(file) => {
                for problem in self.reports.add_matchers(&self.outside(&file)) {
                    self.log
                        .text(&format!("##[warning]Problem matchers of {file}: {problem}."));
                }
            }
            Command::RemoveMatcher { owner, file } => {
                let path = self.outside(&file);
                if let Some(problem) = self.reports.remove_matchers(owner.as_deref(), &path) {
                    self.log
                        .text(&format!("##[warning]Problem matchers of {file}: {problem}."));
                }
            }
            Command::Malformed(problem) => {
                self.log.text(&format!(
                    "##[warning]A workflow command was not understood: {problem}."
                ));
            }
        }
    }

    /// A file that the step names, as the machine has it.
    fn outside(&self, file: &str) -> PathBuf {
        let seen = self.seen.and_then(|seen| seen.outside(Path::new(file)));
        seen.unwrap_or_else(|| self.workspace.join(file))
    }

    fn named_outside(&self, file: String) -> String {
        let seen = self.seen.and_then(|seen| seen.outside(Path::new(&file)));
        seen.map_or(file, |path| path.to_string_lossy().into_owned())
    }

    fn annotation(&mut self, annotation: Annotation) {
        let mark = match annotation.level {
            ResultLevel::Error => "error",
            ResultLevel::Warning => "warning",
            ResultLevel::Notice => "notice",
        };
        let masked = self.log.text(&format!("##[{mark}]{}", annotation.message));
        masked
            .trim_start_matches(&format!("##[{mark}]"))
            .lines()
            .for_each(|line| self.keep(line));
        let masks = self.log.masks();
        let mask = |text: Option<String>| text.map(|text| masks.apply(&text));
        let masked = Annotation {
            message: masks.apply(&annotation.message),
            title: mask(annotation.title),
            file: mask(annotation.file.map(|file| self.named_outside(file))),
            ..annotation
        };
        if self.reports.annotations_mut().add(masked, self.workspace) {
            self.say_full();
        }
    }
}

/// The text without terminal control sequences: they are for the log, not for tables.
pub(crate) fn strip_ansi(text: &str) -> String {
    let mut stripped = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            // CSI: up to a letter or one of @ [ \ ] ^ _ ` { | } ~.
            ('\u{1b}', Some('[')) => {
                chars.next();
                while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
            }
            // OSC: up to BEL or ESC \.
            ('\u{1b}', Some(']')) => {
                while let Some(c) = chars.next() {
                    if c == '\u{7}' || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
                        break;
                    }
                }
            }
            ('\u{1b}', Some(_)) => {
                chars.next();
            }
            (c, _) if c.is_control() && c != '\t' => {}
            (c, _) => stripped.push(c),
        }
    }
    stripped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::spill::LOG_LIMITS;
    use crate::log::writer::LogWriter;
    use crate::mask::Masks;
    use crate::report::repository::Repository;
    use crate::testing::clock_at;
    use checkmill_core::UnixMillis;
    use checkmill_workflow::job::ResultAnnotation;

    fn printed(text: &str, debug: bool) -> (String, Said, Vec<ResultAnnotation>) {
        let temp = tempfile::tempdir().unwrap();
        let mut log =
            LogWriter::create(temp.path(), "log", clock_at(0), LOG_LIMITS, Masks::default()).unwrap();
        let mut reports = Reports::new(UnixMillis(0), Repository::default());
        let mut output = StepOutput::new(&mut log, &mut reports, Path::new("/w"), debug);
        for chunk in text.as_bytes().chunks(7) {
            assert!(output.push(chunk));
        }
        let said = output.finish();
        log.finish().unwrap();
        let text = std::fs::read_to_string(temp.path().join("log")).unwrap();
        (
            text.replace("1970-01-01T00:00:00.000Z ", "| "),
            said,
            reports.finish().0,
        )
    }

    #[test]
    fn commands_are_obeyed_and_shown_as_marks() {
        let text = "\u{1b}[31mred\u{1b}[0m\n::group::Setup\nin it\n::endgroup::\n::error file=/w/a.rs,line=2::bad%0Aworse\n\
                    ::warning::hm\n::notice::psst\n::debug::quiet\n::add-mask::hunter2\nhunter2 and aHVudGVyMg==\n\
                    ::set-output name=x::1\n::add-matcher::m.json\n::set-env name=A::b\n::set-output::\n\
                    ##[step]9/9 fake\nlast";
        let (log, said, annotations) = printed(text, false);
        insta::assert_snapshot!(log.replace('\u{1b}', "^["), @r"
        | ^[[31mred^[[0m
        | ##[group]Setup
        | in it
        | ##[endgroup]
        | ##[error]bad
        | worse
        | ##[warning]hm
        | ##[notice]psst
        | ::add-mask::***
        | *** and ***
        | ##[warning]Problem matchers of m.json: it can't be read: No such file or directory (os error 2).
        | ##[error]The command ::set-env:: is disabled, as on GitHub; write to $GITHUB_ENV instead.
        | ##[warning]A workflow command was not understood: set-output needs a name.
        |  ##[step]9/9 fake
        | last
        ");
        insta::assert_debug_snapshot!(said, @r###"
        Said {
            outputs: [
                (
                    "x",
                    "1",
                ),
            ],
            state: [],
            tail: [
                "red",
                "in it",
                "bad",
                "worse",
                "hm",
                "psst",
                "*** and ***",
                "##[step]9/9 fake",
                "last",
            ],
            disabled: Some(
                "The command ::set-env:: is disabled, as on GitHub; write to $GITHUB_ENV instead.",
            ),
        }
        "###);
        let kept: Vec<_> = annotations
            .into_iter()
            .map(|kept| (kept.level, kept.message, kept.path))
            .collect();
        use ResultLevel::{Error, Notice, Warning};
        let expected = [
            (Error, "bad\nworse", Some("a.rs")),
            (Warning, "hm", None),
            (Notice, "psst", None),
        ];
        let expected =
            expected.map(|(level, message, path)| (level, message.to_owned(), path.map(str::to_owned)));
        assert_eq!(kept, expected);
    }

    #[test]
    fn between_stop_commands_and_its_word_nothing_is_a_command() {
        let text = "::stop-commands::pause\n::error::not one\n::other::\n::pause::\n::error::one\n";
        let (log, _, annotations) = printed(text, false);
        assert_eq!(
            log,
            "| ::stop-commands::pause\n| ::error::not one\n| ::other::\n| ::pause::\n| ##[error]one\n"
        );
        assert_eq!(annotations.len(), 1);
    }

    #[test]
    fn debug_lines_show_in_debug_runs() {
        assert_eq!(printed("::debug::x\n", true).0, "| ##[debug]x\n");
    }

    #[test]
    fn control_sequences() {
        let table = [
            ("\u{1b}[1;31mred\u{1b}[0m", "red"),
            ("\u{1b}]8;;http://x\u{7}link\u{1b}]8;;\u{1b}\\", "link"),
            ("a\tb\r\u{8}c\u{1b}", "a\tbc"),
            ("\u{1b}(Bx", "Bx"),
        ];
        for (text, expected) in table {
            assert_eq!(strip_ansi(text), expected, "{text:?}");
        }
    }
}
