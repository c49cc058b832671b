//! What held and what did not, in the words of Rust's own test runner.

use std::process::ExitCode;
use std::time::Instant;

#[derive(Debug, Default)]
pub(crate) struct Report {
    passed: u32,
    failed: Vec<String>,
}

impl Report {
    /// Runs one check and goes on whatever comes of it. True where it held.
    pub(crate) async fn check(
        &mut self,
        name: &str,
        check: impl Future<Output = anyhow::Result<()>>,
    ) -> bool {
        #[expect(
            clippy::disallowed_methods,
            reason = "a report that shows how long a check took"
        )]
        let begun = Instant::now();
        let result = check.await;
        let seconds = begun.elapsed().as_secs_f32();
        match result {
            Ok(()) => {
                println!("test {name} ... ok ({seconds:.1}s)");
                self.passed += 1;
                true
            }
            Err(error) => {
                println!("test {name} ... FAILED ({seconds:.1}s)\n{error:#}\n");
                self.failed.push(name.to_owned());
                false
            }
        }
    }

    /// What can't be checked here, loudly; whoever runs this counts such lines.
    pub(crate) fn skip(&self, what: &str, why: &str) {
        println!("SKIPPED: {what} — {why}");
    }

    pub(crate) fn has_failures(&self) -> bool {
        !self.failed.is_empty()
    }

    pub(crate) fn finish(self) -> ExitCode {
        for name in &self.failed {
            println!("failed: {name}");
        }
        let (word, code) = if self.failed.is_empty() {
            ("ok", 0)
        } else {
            ("FAILED", 101)
        };
        println!(
            "\ntest result: {word}. {} passed; {} failed; 0 ignored; 0 measured; 0 filtered out",
            self.passed,
            self.failed.len()
        );
        ExitCode::from(code)
    }
}
