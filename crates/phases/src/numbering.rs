//! Which run of its workflow file a new run is: the number is taken once, before the run's row is written with it.

use crate::error::PhaseError;
use crate::ports::{Numbers, StoreError};
use checkmill_core::limits::STORE_CONFLICT_RETRIES;
use checkmill_core::{RepositoryId, RunId, RunNumbers, WorkflowId};

pub(crate) struct Numbering<'a> {
    pub(crate) numbers: &'a dyn Numbers,
}

impl Numbering<'_> {
    /// The number of a run that has no row yet. Planning that was cut off before it wrote that row, and the same delivery
    /// planned twice at once, get the number that was taken.
    ///
    /// # Errors
    /// The store's, among them a conflict that lasted through [`STORE_CONFLICT_RETRIES`] reloads: the queue brings the
    /// delivery again.
    pub(crate) async fn take(
        &self,
        repository: RepositoryId,
        path: &str,
        run: &RunId,
        is_own: bool,
    ) -> Result<u64, PhaseError> {
        let id = WorkflowId::derive(path);
        for _ in 0..STORE_CONFLICT_RETRIES {
            let stored = self.numbers.load(repository, &id).await?;
            let numbers = stored.unwrap_or_else(|| RunNumbers::new(repository, path));
            if let Some(number) = numbers.of(run) {
                return Ok(number);
            }
            let next = numbers.with(run, is_own);
            match self.numbers.save(&next).await {
                Ok(()) => return Ok(next.last),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }
}
