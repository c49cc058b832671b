//! How long the webhook function takes from the start of its process to its first request for work, and how large it is.
//!
//! `cargo bench -p checkmill-webhook --profile lambda` measures what is deployed and fails past the limits; without the
//! profile it only reports. The Runtime API and the AWS services are threads of this program: what is measured is the
//! process, with its TLS roots, its clients and one call of each, not a network.

#![expect(clippy::print_stdout, reason = "a bench's result is its output")]

#[expect(dead_code, reason = "the bench hands out no work")]
#[path = "../tests/fake_lambda/mod.rs"]
mod fake_lambda;

use fake_lambda::{FakeLambda, News};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The limits: the binary, and the median start.
const SIZE_BYTES: u64 = 5_000_000;
const START: Duration = Duration::from_millis(10);

const STARTS: usize = 50;
/// Starts before those that count, which bring the binary into the page cache.
const UNCOUNTED: usize = 3;

fn main() -> ExitCode {
    let binary = Path::new(env!("CARGO_BIN_EXE_checkmill-webhook"));
    let size = binary.metadata().expect("cargo built the binary").len();
    let lambda = FakeLambda::new();
    let mut starts: Vec<Duration> = (0..UNCOUNTED + STARTS).map(|_| start(&lambda)).collect();
    starts.drain(..UNCOUNTED);
    starts.sort();
    let median = starts[STARTS / 2];
    let millis = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
    println!(
        "size    {:.2} MB (at most {:.2})",
        size as f64 / 1e6,
        SIZE_BYTES as f64 / 1e6
    );
    println!(
        "start   median {} (at most {}), min {}, max {}, of {STARTS}",
        millis(median),
        millis(START),
        millis(starts[0]),
        millis(starts[STARTS - 1])
    );
    if !binary.components().any(|part| part.as_os_str() == "lambda") {
        println!("not the profile that is deployed: add --profile lambda");
        return ExitCode::SUCCESS;
    }
    if size > SIZE_BYTES || median > START {
        println!("FAILED: past a limit");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Starts the function, waits until it asks for work, ends it.
#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn start(lambda: &FakeLambda) -> Duration {
    let before = Instant::now();
    let mut process = lambda.start();
    let asked = loop {
        if let News::AskedForWork(at) = lambda.next() {
            break at;
        }
    };
    process.kill().expect("a child of ours can be killed");
    process.wait().expect("a child of ours can be waited for");
    asked.duration_since(before)
}
