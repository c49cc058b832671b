//! Logs as JSON lines, as CloudWatch Logs Insights reads them: the message and its fields at the top level, no time (Lambda
//! stamps each line). The level comes from the function's logging configuration; no per-module filters, whose parser would
//! bring a regular-expression engine into every function.

use tracing::level_filters::LevelFilter;

/// AWS docs, "advanced logging controls": Lambda sets it from `ApplicationLogLevel`.
const LAMBDA_LEVEL: &str = "AWS_LAMBDA_LOG_LEVEL";
const LEVEL: &str = "RUST_LOG";

pub(super) fn init() {
    let known =
        [LAMBDA_LEVEL, LEVEL].map(|name| std::env::var_os(name).and_then(|value| value.into_string().ok()));
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .without_time()
        .with_max_level(level(known.iter().flatten().map(String::as_str)))
        .init();
}

/// The first of these texts that is a level, else INFO.
fn level<'a>(texts: impl IntoIterator<Item = &'a str>) -> LevelFilter {
    let known = texts
        .into_iter()
        .find_map(|text| match text.trim().to_ascii_uppercase().as_str() {
            "TRACE" => Some(LevelFilter::TRACE),
            "DEBUG" => Some(LevelFilter::DEBUG),
            "INFO" => Some(LevelFilter::INFO),
            "WARN" => Some(LevelFilter::WARN),
            // Lambda's FATAL has no counterpart of its own.
            "ERROR" | "FATAL" => Some(LevelFilter::ERROR),
            "OFF" => Some(LevelFilter::OFF),
            _ => None,
        });
    known.unwrap_or(LevelFilter::INFO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_level_that_is_one_holds() {
        for (texts, expected) in [
            (&["DEBUG", "error"][..], LevelFilter::DEBUG),
            (&["", "warn"], LevelFilter::WARN),
            (&["FATAL"], LevelFilter::ERROR),
            (&["checkmill=debug,info"], LevelFilter::INFO),
            (&[], LevelFilter::INFO),
        ] {
            assert_eq!(level(texts.iter().copied()), expected, "{texts:?}");
        }
    }
}
