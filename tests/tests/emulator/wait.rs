//! Waiting for other programs, with a limit and a history.

use anyhow::bail;
use std::time::Duration;

/// Between two looks at a program that has no way to say when it is ready.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Looks until `look` gives something; past the limit, an error with what was seen last.
pub(crate) async fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> anyhow::Result<Result<T, String>>,
) -> anyhow::Result<T> {
    let mut last = "nothing".to_owned();
    let looking = async {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        loop {
            ticks.tick().await;
            match look().await? {
                Ok(found) => return Ok(found),
                Err(seen) => last = seen,
            }
        }
    };
    match tokio::time::timeout(limit, looking).await {
        Ok(result) => result,
        Err(_) => bail!("waited {limit:?} for {what}; the last that was seen: {last}"),
    }
}
