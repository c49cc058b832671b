//! How a check and a pull request's comment read: pure functions from what is known of a job to the texts that GitHub shows.
//!
//! Text that somebody else wrote (step names, logs, branch names) is made harmless on its way in; see [`escape`]. The
//! lengths that GitHub allows are kept by [`cut`], and once more by the adapter, which is the last to touch a text.

pub mod button;
mod check;
mod comment;
mod cut;
pub mod escape;
mod fence;
mod log;
mod notes;
mod span;
mod steps;
mod tests_table;
mod translations;

pub use check::{
    Attempt, Ended, LOG_HEADING, SUMMARY_HEADING, approved, completed, in_progress, parked, queued,
};
pub use comment::{JobRow, JobRowState, RunComment, comment, comment_marker};
pub use cut::{cut, cut_line};
pub use notes::{FixedBy, Note};
pub use span::span;
pub use steps::{Step, StepMark};
pub use tests_table::{FailedTest, Tests};
pub use translations::{Standing, Translated};
