//! Where rules end: scripts of a language model for steps that a machine can't run.
//!
//! An attempt that meets such a step ends with the configuration error that it is. Only then, where the policy of the default
//! branch wants it, `results` asks the model, keeps the answer and shows it on that attempt's check. The next attempt may
//! use it: at once, or after somebody has run the job again. So nothing of a model's runs before it was shown, no compute
//! waits for a model, and no key comes near a job.
//!
//! ```text
//! translations/{repository}/{key}.json         an answer; the key is of the step, the prompt and the model
//! translations/{repository}/jobs/{job}.json    the keys that a job's attempts came to need
//! translations/{repository}/asking/{key}.json  somebody asks now
//! runs/{run}/not-translated/{attempt}/{key}    why there is no answer, for the other legs
//! runs/{run}/{job}/{attempt}/translations.json what came of asking for this attempt
//! runs/{run}/{job}/{attempt}/offered.json      what this attempt was given
//! ```

mod kept;
mod offer;
#[cfg(test)]
mod tests;

pub(crate) use kept::{Asked, Kept, fitting};
pub(crate) use offer::{offer, told, used};

use crate::error::PhaseError;
use crate::keys;
use crate::ports::{Blobs, Clock};
use checkmill_core::limits::{
    MODEL_CLAIM, MODEL_TIME, TRANSLATIONS, TRANSLATIONS_KNOWN, TRANSLATIONS_STORED,
};
use checkmill_core::policy::{ModelPolicy, TranslatePolicy};
use checkmill_core::retry::RetryCause;
use checkmill_core::{AttemptNumber, End, Job, Reason, RepositoryId, Run, UnixMillis};
use checkmill_model::{
    Model, ModelFault, ModelId, key_of, translation, translation_key, translation_question,
};
use checkmill_workflow::job::JobResult;
use checkmill_workflow::translation::{StepKind, Untranslatable, Wanted};
use kept::{Answer, index, read, write};
use serde::{Deserialize, Serialize};

/// Somebody is asking; the others wait for the answer.
#[derive(Debug, Serialize, Deserialize)]
struct Claim {
    at: UnixMillis,
}

/// Asks for what an attempt came to need.
pub(crate) struct Translator<'a> {
    pub(crate) blobs: &'a dyn Blobs,
    pub(crate) clock: &'a dyn Clock,
    /// None where none is configured.
    pub(crate) model: Option<&'a dyn Model>,
}

impl Translator<'_> {
    /// What came of asking, once for each attempt however often it is called. Nothing where the attempt needs nothing, or the
    /// policy or the run's trust has something against it.
    ///
    /// # Errors
    /// The store's; [`PhaseError::Claimed`] while another attempt asks about the same step. Whatever is wrong with a model is an
    /// answer.
    pub(crate) async fn ask(
        &self,
        job: &Job,
        run: &Run,
        end: &End,
        result: Option<&JobResult>,
    ) -> Result<Asked, PhaseError> {
        let wanted = result.map_or(&[][..], |result| &result.wanted);
        if wanted.is_empty()
            || end.reason != Reason::Configuration
            || run.policy.model.translate == TranslatePolicy::Never
            || !run.trust.may_run()
        {
            return Ok(Asked::default());
        }
        let key = keys::translations(&job.id, job.attempt);
        if let Some(asked) = read(self.blobs, &key).await? {
            return Ok(asked);
        }
        let mut asked = Asked::default();
        let started = self.clock.now();
        let mut down: Option<String> = None;
        for Wanted { step, what } in wanted.iter().take(TRANSLATIONS) {
            let answer = self.answer(run, job.attempt, what, started, &mut down).await?;
            asked.steps.push((step.clone(), answer));
        }
        let all_made = asked.problems().next().is_none();
        let at_once = run.policy.model.translate == TranslatePolicy::Always;
        asked.retry = all_made && at_once && job.may_be_retried_for(RetryCause::Translated);
        self.remember(job, run, &asked).await?;
        write(self.blobs, &key, &asked).await?;
        Ok(asked)
    }

    /// `down` is why the model needs not be asked any more.
    async fn answer(
        &self,
        run: &Run,
        attempt: AttemptNumber,
        what: &Untranslatable,
        started: UnixMillis,
        down: &mut Option<String>,
    ) -> Result<Answer, PhaseError> {
        let not = |problem: &str| Ok(Answer::Not(problem.to_owned()));
        let Some(model) = self.model else {
            return not("the policy allows one, and none is configured where this Checkmill runs");
        };
        if let Some(problem) = against(run.policy.model, what.kind()) {
            return not(problem);
        }
        // The agent keeps to them; this came from where jobs run.
        if !what.is_within_limits() {
            return not("there is more to tell of it than a model is told");
        }
        let key = translation_key(what, model.id());
        if let Some(kept) = read(self.blobs, &keys::translation(run.event.repository.id, &key)).await? {
            return Ok(Answer::Made(kept));
        }
        // The legs of a matrix come here at once with the same step: one asks, and its answer is everybody's.
        let failed = keys::not_translated(&run.id, attempt, &key);
        if let Some(problem) = read(self.blobs, &failed).await? {
            return Ok(Answer::Not(problem));
        }
        if let Some(problem) = down {
            return not(problem);
        }
        let said = self.question(model, run, &key, what, started).await?;
        Ok(match said {
            Ok(kept) => Answer::Made(kept),
            Err(fault) => {
                tracing::warn!(run = %run.id, model = %model.id(), %fault, "a model does not help");
                let problem = problem(model.id(), &fault);
                if fault.is_the_servers() {
                    *down = Some(problem.clone());
                }
                write(self.blobs, &failed, &problem).await?;
                Answer::Not(problem)
            }
        })
    }

    /// Asks the model, while nobody else asks it the same, and keeps its answer.
    async fn question(
        &self,
        model: &dyn Model,
        run: &Run,
        key: &str,
        what: &Untranslatable,
        started: UnixMillis,
    ) -> Result<Result<Kept, ModelFault>, PhaseError> {
        let repository = run.event.repository.id;
        let (place, claim) = (keys::translation(repository, key), keys::asking(repository, key));
        self.claim(&claim).await?;
        // Whoever had the claim before may have been quick.
        if let Some(kept) = read(self.blobs, &place).await? {
            self.blobs.delete(&claim).await?;
            return Ok(Ok(kept));
        }
        let left = (started + MODEL_TIME).since(self.clock.now());
        let said = match model.answer(&translation_question(what), left).await {
            Ok(answer) => translation(&answer),
            Err(fault) => Err(fault),
        };
        let said = said.map(|translation| Kept {
            stands_for: what.stands_for(),
            kind: what.kind(),
            digest: what.digest(),
            model: model.id().clone(),
            translation,
            made_at: self.clock.now(),
            accepted: false,
        });
        if let Ok(kept) = &said {
            write(self.blobs, &place, kept).await?;
            self.evict(repository).await?;
        }
        self.blobs.delete(&claim).await?;
        Ok(said)
    }

    /// Takes the question, unless somebody asks it now.
    async fn claim(&self, key: &str) -> Result<(), PhaseError> {
        let now = self.clock.now();
        match read::<Claim>(self.blobs, key).await? {
            Some(claim) if now.since(claim.at) < MODEL_CLAIM => Err(PhaseError::Claimed),
            // Whoever asked is gone.
            Some(_) => write(self.blobs, key, &Claim { at: now }).await,
            None => {
                let claim = serde_json::to_vec(&Claim { at: now });
                let claim = claim.map_err(|error| crate::ports::StoreError::Corrupt(error.to_string()))?;
                match self.blobs.put_new(key, claim).await? {
                    true => Ok(()),
                    false => Err(PhaseError::Claimed),
                }
            }
        }
    }

    /// Removes the oldest of a repository's translations past their limit.
    async fn evict(&self, repository: RepositoryId) -> Result<(), PhaseError> {
        let mut all = self
            .blobs
            .describe(&keys::translations_of_repository(repository))
            .await?;
        all.sort_by_key(|blob| blob.modified);
        let surplus = all.len().saturating_sub(TRANSLATIONS_STORED);
        for blob in &all[..surplus] {
            self.blobs.delete(&blob.key).await?;
        }
        Ok(())
    }

    /// Adds the new ones to what the job's later attempts are given; past the limit the oldest go.
    async fn remember(&self, job: &Job, run: &Run, asked: &Asked) -> Result<(), PhaseError> {
        let index = index(job, run);
        let mut known: Vec<String> = read(self.blobs, &index).await?.unwrap_or_default();
        for (_, kept) in asked.made() {
            let key = key_of(&kept.digest, kept.kind, &kept.model);
            known.retain(|other| *other != key);
            known.push(key);
        }
        let surplus = known.len().saturating_sub(TRANSLATIONS_KNOWN);
        known.drain(..surplus);
        if asked.made().next().is_some() {
            write(self.blobs, &index, &known).await?;
        }
        Ok(())
    }
}

/// What the policy has against translating steps of this kind.
const fn against(policy: ModelPolicy, kind: StepKind) -> Option<&'static str> {
    match kind {
        StepKind::ContainerEngine if !policy.containers => {
            Some("the policy lets no action of a container become a script (`containers` of `model`)")
        }
        StepKind::Run if !policy.run_steps => {
            Some("the policy lets no script of a `run` step be sent to a model (`run-steps` of `model`)")
        }
        StepKind::Node | StepKind::ContainerEngine | StepKind::Run => None,
    }
}

fn problem(model: &ModelId, fault: &ModelFault) -> String {
    crate::mask::mask(&format!("{model} {fault}"))
}
