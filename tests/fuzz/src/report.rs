//! What a job prints and leaves behind: workflow commands, tools' output, problem matchers, report files, command files.

use checkmill_agent::report::console::Console;
use checkmill_agent::report::matcher::{self, Matchers};
use checkmill_agent::report::{TestRun, junit, sarif};
use checkmill_agent::{commands, env_file};

/// Failures of one run and bytes of a failure's message, as `docs/reports.md` has them.
const FAILURES: usize = 1000;
const MESSAGE_BYTES: usize = 12 * 1001;
/// A matcher for every output.
const MATCHER: &str = r#"{"problemMatcher": [{"owner": "x", "pattern": [{"regexp": "^(.+):(\\d+):(\\d*):? (.*)$", "file": 1, "line": 2, "column": 3, "message": 4}]}]}"#;

/// Reads a text as each of them. What is kept is bounded.
pub fn report(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(run) = junit::parse(&text) {
        is_bounded(&run);
    }
    let _ = sarif::parse(&text);
    let _ = env_file::parse(&text);
    let _ = env_file::paths(&text);
    printed(&text);
    if let Ok((matchers, _)) = matcher::parse(&text) {
        let mut own = Matchers::default();
        if own.add(matchers).is_ok() {
            for line in text.lines() {
                let _ = own.line(line);
            }
        }
    }
}

fn printed(text: &str) {
    let mut console = Console::default();
    let mut matchers = Matchers::default();
    let (known, _) = matcher::parse(MATCHER).expect("a matcher");
    matchers.add(known).expect("there is room");
    for line in text.lines() {
        let _ = commands::parse(line);
        assert!(console.line(line).len() <= 2, "{line:?}");
        let _ = matchers.line(line);
    }
    let (runs, _) = console.finish();
    runs.iter().for_each(is_bounded);
}

fn is_bounded(run: &TestRun) {
    assert!(run.failures.len() <= FAILURES);
    for failure in &run.failures {
        assert!(
            failure.message.len() <= MESSAGE_BYTES,
            "{} bytes",
            failure.message.len()
        );
    }
}
