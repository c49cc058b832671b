//! YAML to a tree of [`Node`]s with places. The one module that knows the crate `serde-saphyr`.

mod align;
mod cause;
mod error;
mod json;
mod node;
mod scalar;

pub(crate) use align::offset_in_source;
pub(crate) use node::{Entry, Node, Value};

use crate::diagnostic::Diagnostic;
use crate::rule::Rule;
use crate::source::{Source, Span};
use checkmill_core::limits::WORKFLOW_FILE_BYTES;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Location, Options};

/// Nodes of a file, those that aliases repeat counted each time. GitHub's reader: 50,000.
pub(crate) const NODES: usize = 50_000;
/// How deep mappings and lists may nest. Workflows stay below ten; the library takes some 40 KB of stack a level in a debug
/// build, of the 2 MiB that a thread has.
pub(crate) const DEPTH: usize = 20;

/// Parses a file of one document. Anchors and aliases are understood, as GitHub does since 2025; merge keys (`<<`) are
/// refused, as GitHub does.
///
/// # Errors
/// The first thing that isn't YAML or is past a limit. There is only one: what follows it can't be trusted.
pub(crate) fn parse(source: &Source) -> Result<Node, Diagnostic> {
    let text = source.text();
    if text.len() > WORKFLOW_FILE_BYTES {
        let message = format!(
            "the file has {} bytes; Checkmill reads files of at most {} MiB",
            text.len(),
            WORKFLOW_FILE_BYTES / (1024 * 1024)
        );
        return Err(Diagnostic::new(source, Span::default(), message)
            .of_rule(Rule::Yaml)
            .with_hint("move long scripts into files of the repository and call them"));
    }
    node::read(text, options()).map_err(|error| error::diagnostic(source, &error))
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH,
            flow_nesting_limit: DEPTH,
            max_nodes: NODES,
            max_events: 4 * NODES,
            max_recorded_anchor_events: 4 * NODES,
            // The second one has a message of its own.
            max_documents: 2,
            // A block of commented-out lines is no attack.
            max_buffered_comment_events: NODES,
            // What aliases repeat is limited by itself, below.
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: NODES,
            max_replay_stack_depth: 16,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
        // `scalar` decides what a number is.
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
    }
}

/// Where it is in bytes; errors of the scanner know only line and column.
fn span_of(source: &Source, location: Location) -> Span {
    let span = location.span();
    match (span.byte_offset(), span.byte_len()) {
        (Some(start), Some(length)) => {
            let start = usize::try_from(start)
                .unwrap_or(usize::MAX)
                .min(source.text().len());
            let end = start
                .saturating_add(usize::try_from(length).unwrap_or(0))
                .min(source.text().len());
            Span::new(start, end)
        }
        _ => {
            let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
            let start = source.offset(number(location.line()), number(location.column()));
            Span::new(start, start)
        }
    }
}
