//! Text that functions produce, within [`limits::PRODUCED_BYTES`] for a whole expression.

use super::error::ErrorKind;
use super::limits;
use std::cell::Cell;

/// What went wrong inside a function; the evaluator knows where. It must not hold a value.
#[derive(Debug, PartialEq)]
pub(super) struct Fault {
    pub(super) kind: ErrorKind,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Fault {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::Evaluation,
            message: message.into(),
            hint: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The bytes an expression may still produce.
pub(super) struct Budget {
    left: Cell<usize>,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            left: Cell::new(bytes),
        }
    }

    pub(super) fn take(&self, bytes: usize) -> Result<(), Fault> {
        let Some(left) = self.left.get().checked_sub(bytes) else {
            let message = format!(
                "the expression makes more than {} bytes of text",
                limits::PRODUCED_BYTES
            );
            return Err(Fault {
                kind: ErrorKind::Limit,
                message,
                hint: None,
            });
        };
        self.left.set(left);
        Ok(())
    }
}

/// A growing text that asks the budget first.
pub(super) struct Output<'b> {
    text: String,
    budget: &'b Budget,
}

impl<'b> Output<'b> {
    pub(super) fn new(budget: &'b Budget) -> Self {
        Self {
            text: String::new(),
            budget,
        }
    }

    pub(super) fn push(&mut self, text: &str) -> Result<(), Fault> {
        self.budget.take(text.len())?;
        self.text.push_str(text);
        Ok(())
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}
