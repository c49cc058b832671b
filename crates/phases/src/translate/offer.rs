//! What an attempt is given of the translations that are kept.

use super::kept::{Asked, Kept, fitting, index, read, write};
use crate::error::PhaseError;
use crate::keys;
use crate::ports::Blobs;
use checkmill_core::policy::TranslatePolicy;
use checkmill_core::{AttemptNumber, Job, Run};
use checkmill_model::{ModelId, key_of};
use checkmill_workflow::job::JobResult;
use checkmill_workflow::translation::{KnownTranslation, Translations};

/// The translations that an attempt may use; none where the policy wants none. Without a model there are none either: who
/// switches it off switches its scripts off. An attempt that somebody asked for accepts what the one before it showed.
///
/// # Errors
/// The store's.
pub(crate) async fn offer(
    blobs: &dyn Blobs,
    model: Option<&ModelId>,
    job: &Job,
    run: &Run,
) -> Result<Option<Vec<Kept>>, PhaseError> {
    let policy = run.policy.model;
    if policy.translate == TranslatePolicy::Never || !run.trust.may_run() {
        return Ok(None);
    }
    let Some(model) = model else {
        return Ok(Some(Vec::new()));
    };
    let repository = run.event.repository.id;
    if policy.translate == TranslatePolicy::Review {
        accept(blobs, job, run).await?;
    }
    let keys: Vec<String> = read(blobs, &index(job, run)).await?.unwrap_or_default();
    let mut offered = Vec::new();
    for key in keys {
        let kept: Option<Kept> = read(blobs, &keys::translation(repository, &key)).await?;
        let may_be_used = |kept: &Kept| {
            // Of this model and prompt.
            key == key_of(&kept.digest, kept.kind, model)
                && (kept.accepted || policy.translate == TranslatePolicy::Always)
                && super::against(policy, kept.kind).is_none()
                && kept.translation.check().is_ok()
        };
        offered.extend(kept.filter(may_be_used));
    }
    // The newest first. What could not be shown in full is not used.
    offered.reverse();
    offered.truncate(fitting(offered.iter()));
    if !offered.is_empty() {
        write(blobs, &keys::offered(&job.id, job.attempt), &offered).await?;
    }
    Ok(Some(offered))
}

/// Where translations are reviewed, an attempt that showed new ones is never followed by one that nobody asked for: whoever
/// runs the job again may write, and has them before their eyes.
async fn accept(blobs: &dyn Blobs, job: &Job, run: &Run) -> Result<(), PhaseError> {
    let Some(before) = job.attempt.0.checked_sub(1) else {
        return Ok(());
    };
    let shown: Option<Asked> = read(blobs, &keys::translations(&job.id, AttemptNumber(before))).await?;
    for (_, kept) in shown.iter().flat_map(Asked::made) {
        let key = keys::translation(
            run.event.repository.id,
            &key_of(&kept.digest, kept.kind, &kept.model),
        );
        let accepted = Kept {
            accepted: true,
            ..kept.clone()
        };
        write(blobs, &key, &accepted).await?;
    }
    Ok(())
}

/// What the agent is told of them. Without a model a `run` step is run as it is: nothing is better known for not beginning it.
pub(crate) fn told(offered: &[Kept], model: Option<&ModelId>, run: &Run) -> Translations {
    let known = offered.iter().map(|kept| KnownTranslation {
        digest: kept.digest.clone(),
        model: kept.model.to_string(),
        translation: kept.translation.clone(),
    });
    Translations {
        known: known.collect(),
        run_steps: model.is_some() && run.policy.model.run_steps,
    }
}

/// Those that an ended attempt has used, of those that it was given.
///
/// # Errors
/// The store's.
pub(crate) async fn used(
    blobs: &dyn Blobs,
    job: &Job,
    result: Option<&JobResult>,
) -> Result<Vec<Kept>, PhaseError> {
    let digests = result.map_or(&[][..], |result| &result.translated);
    if digests.is_empty() {
        return Ok(Vec::new());
    }
    let offered: Vec<Kept> = read(blobs, &keys::offered(&job.id, job.attempt))
        .await?
        .unwrap_or_default();
    Ok(offered
        .into_iter()
        .filter(|kept| digests.contains(&kept.digest))
        .collect())
}
