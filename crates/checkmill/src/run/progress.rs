//! The checks in the terminal while they move: a live table with a spinner on a terminal, a line for each change otherwise.
//! Always on standard error; standard output is for results.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

/// A check as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CheckLine {
    pub(crate) name: String,
    /// `queued`, `in progress`, or the conclusion.
    pub(crate) state: String,
    /// Whether it has ended.
    pub(crate) ended: bool,
    /// Whether it has ended in a way that lets a merge pass.
    pub(crate) passes: bool,
    /// Since it was created or started, or how long it took.
    pub(crate) elapsed_ms: u64,
}

pub(crate) struct Progress {
    view: View,
    shown: BTreeMap<u64, CheckLine>,
}

enum View {
    Live {
        bars: MultiProgress,
        by_check: BTreeMap<u64, ProgressBar>,
    },
    Plain,
}

/// Between two frames of the spinner.
const FRAME: Duration = Duration::from_millis(100);

impl Progress {
    /// Live on a terminal, plain elsewhere.
    #[must_use]
    pub(crate) fn new() -> Self {
        let live = std::io::stderr().is_terminal();
        let view = if live {
            let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
            View::Live {
                bars,
                by_check: BTreeMap::new(),
            }
        } else {
            View::Plain
        };
        Self {
            view,
            shown: BTreeMap::new(),
        }
    }

    /// Shows the checks as they are now, by their number.
    pub(crate) fn update(&mut self, checks: &BTreeMap<u64, CheckLine>) {
        for (id, line) in checks {
            let before = self.shown.get(id);
            match &mut self.view {
                View::Live { bars, by_check } => {
                    let bar = by_check.entry(*id).or_insert_with(|| spinner(bars));
                    if line.ended && !bar.is_finished() {
                        bar.set_style(ended_style());
                        bar.finish_with_message(text(line));
                    } else if !line.ended {
                        bar.set_message(text(line));
                    }
                }
                View::Plain => {
                    if before.is_none_or(|before| before.state != line.state) {
                        // A closed standard error must not end the run.
                        let _ = writeln!(std::io::stderr(), "{}", text(line));
                    }
                }
            }
            self.shown.insert(*id, line.clone());
        }
    }

    /// Prints a line above the table.
    pub(crate) fn say(&self, line: &str) {
        match &self.view {
            View::Live { bars, .. } => {
                let _ = bars.println(line);
            }
            View::Plain => {
                let _ = writeln!(std::io::stderr(), "{line}");
            }
        }
    }
}

fn spinner(bars: &MultiProgress) -> ProgressBar {
    // Among the others first: one that turns before would draw itself, outside of the table.
    let bar = bars.add(ProgressBar::new_spinner());
    bar.set_style(
        ProgressStyle::with_template("{spinner:.cyan} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    bar.enable_steady_tick(FRAME);
    bar
}

fn ended_style() -> ProgressStyle {
    ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn text(line: &CheckLine) -> String {
    let mark = match (line.ended, line.passes) {
        (false, _) => "",
        (true, true) => "✓ ",
        (true, false) => "✗ ",
    };
    format!(
        "{mark}{}  {}  {}",
        line.name,
        line.state,
        duration(line.elapsed_ms)
    )
}

/// A span of time for people: `0.4 s`, `12.3 s`, `2 min 05 s`, `1 h 02 min`.
#[must_use]
pub(crate) fn duration(ms: u64) -> String {
    match ms {
        0..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        60_000..3_600_000 => format!("{} min {:02} s", ms / 60_000, ms / 1000 % 60),
        _ => format!("{} h {:02} min", ms / 3_600_000, ms / 60_000 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        let texts = [0, 450, 12_345, 125_000, 3_725_000].map(duration);
        assert_eq!(texts, ["0.0 s", "0.4 s", "12.3 s", "2 min 05 s", "1 h 02 min"]);
    }

    #[test]
    fn a_line_says_name_state_and_time() {
        let line = CheckLine {
            name: "CI / test".to_owned(),
            state: "failure".to_owned(),
            ended: true,
            passes: false,
            elapsed_ms: 1200,
        };
        assert_eq!(text(&line), "✗ CI / test  failure  1.2 s");
    }
}
