//! Every seed of the fuzzer, and what it once found, in every test run.

use std::path::PathBuf;

fn each(target: &str, check: fn(&[u8]), at_least: usize) {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target);
    let mut seeds = 0;
    for entry in std::fs::read_dir(&directory).expect("a directory of seeds") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).expect("a seed");
        let checked = std::panic::catch_unwind(|| check(&bytes));
        assert!(checked.is_ok(), "{} breaks it, see above", path.display());
        seeds += 1;
    }
    assert!(seeds >= at_least, "{target} has only {seeds} seeds");
}

#[test]
fn workflows() {
    each("workflow", checkmill_fuzz::workflow, 8);
}

#[test]
fn expressions() {
    each("expression", checkmill_fuzz::expression, 8);
}

#[test]
fn filters() {
    each("filter", checkmill_fuzz::filter, 6);
}

#[test]
fn reports() {
    each("report", checkmill_fuzz::report, 10);
}
