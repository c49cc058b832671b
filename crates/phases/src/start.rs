//! Start: takes the job's slot, creates its check run, mints its tokens and submits it, once however often it is called.

use crate::effects::cancel_on_backend;
use crate::error::PhaseError;
use crate::evaluate::{Source, describe};
use crate::groups::{Admission, Groups};
use crate::outcome::{self, OUT_OF_REACH, WaitSettings};
use crate::plan::may_be_approved;
use crate::ports::{self, Blobs, Clock, Engine, Jobs, Runs};
use crate::secrets::{self, SecretsError};
use crate::step::{load, step};
use crate::token::{CallbackClaims, CallbackKeys};
use crate::translate::{self, Kept};
use crate::view;
use checkmill_backends::port::{Backend, BackendError, Submission, SubmitKey};
use checkmill_backends::registry::Backends;
use checkmill_core::conclusion::CancelledBy;
use checkmill_core::execution::{ExecutionInput, PhaseOutput};
use checkmill_core::job::BackendHandle;
use checkmill_core::run::Hold;
use checkmill_core::transition::{Effect, JobEvent};
use checkmill_core::{CheckRunId, DeploymentId, End, Job, JobState, Millis, Reason, Run};
use checkmill_github::forge::{CheckState, Forge, ForgeError, NewCheck, RepoRef};
use checkmill_model::ModelId;
use checkmill_workflow::job::{Callback, JobDescription};
use secrecy::SecretString;

pub struct Start<'a> {
    pub runs: &'a dyn Runs,
    pub jobs: &'a dyn Jobs,
    pub groups: &'a dyn ports::Groups,
    pub blobs: &'a dyn Blobs,
    pub forge: &'a dyn Forge,
    /// Wakes those that wait in the job's concurrency groups, and what it cancels there.
    pub engine: &'a dyn Engine,
    pub backends: &'a Backends,
    pub secrets: &'a dyn ports::Secrets,
    pub clock: &'a dyn Clock,
    pub settings: &'a StartSettings,
}

/// What a deployment decides about starting jobs.
#[derive(Debug, Clone)]
pub struct StartSettings {
    /// Whose name the jobs carry on their backends.
    pub deployment: DeploymentId,
    /// Where jobs reach our api, without a slash at the end; none where they can't.
    pub public_url: Option<String>,
    pub callback_keys: CallbackKeys,
    pub wait: WaitSettings,
    /// The language model that `results` asks; none where it is off.
    pub model: Option<ModelId>,
}

/// What stands in a job's way, as its end.
struct Refusal {
    reason: Reason,
    detail: String,
}

/// Longer than a job may run, by this much its callback token stays good: for the last log and the verdict.
const TOKEN_MARGIN: Millis = Millis::from_minutes(15);

impl Start<'_> {
    /// Brings the attempt to where it waits, or says that it has ended already.
    ///
    /// # Errors
    /// The ports'; [`PhaseError::Claimed`] while another start holds the claim. After an error the claim is given back.
    pub async fn run(&self, input: &ExecutionInput) -> Result<PhaseOutput, PhaseError> {
        let job = load(self.jobs, &input.job).await?;
        if outcome::is_superseded(&job, input) {
            return Ok(outcome::done(input));
        }
        match job.state {
            JobState::Queued | JobState::Claimed { .. } => {}
            JobState::Parked { .. } => return self.parked(&job, input).await,
            _ => {
                return Ok(self.next(&job, input));
            }
        }
        let claimed = step(self.jobs, self.clock, &job.id, job.attempt, &JobEvent::Claim).await?;
        if !claimed.owes(Effect::CreateCheckAndSubmit) {
            return match claimed.job.state {
                JobState::Claimed { .. } => Err(PhaseError::Claimed),
                _ => Ok(self.next(&claimed.job, input)),
            };
        }
        let event = match self.launch(&claimed.job).await {
            Ok(event) => event,
            Err(error) => {
                // Where even this fails the claim runs out; what went wrong first is what the caller must hear.
                let lost = JobEvent::ClaimLost;
                if let Err(second) = step(self.jobs, self.clock, &job.id, job.attempt, &lost).await {
                    tracing::warn!(job = %job.id, error = %second, "could not give back the claim on a start");
                }
                return Err(error);
            }
        };
        let stepped = step(self.jobs, self.clock, &job.id, job.attempt, &event).await?;
        if stepped.owes(Effect::CancelOnBackend) {
            cancel_on_backend(self.backends, &stepped.job).await?;
        }
        if matches!(stepped.job.state, JobState::Parked { .. }) {
            return self.parked(&stepped.job, input).await;
        }
        Ok(self.next(&stepped.job, input))
    }

    /// Its place may have become free before its row said that somebody has to wake it.
    async fn parked(&self, job: &Job, input: &ExecutionInput) -> Result<PhaseOutput, PhaseError> {
        self.groups().look(job).await?;
        Ok(outcome::done(input))
    }

    fn groups(&self) -> Groups<'_> {
        Groups {
            groups: self.groups,
            runs: self.runs,
            jobs: self.jobs,
            engine: self.engine,
            backends: self.backends,
            clock: self.clock,
        }
    }

    fn next(&self, job: &Job, input: &ExecutionInput) -> PhaseOutput {
        let wait = self.settings.wait.of(job, self.backends);
        outcome::next(job, input, 0, self.clock.now(), &wait)
    }

    /// Everything between the claim and the record of the submit; the event that records it.
    async fn launch(&self, job: &Job) -> Result<JobEvent, PhaseError> {
        let run_id = job.id.run();
        let run = self
            .runs
            .load(&run_id)
            .await?
            .ok_or_else(|| PhaseError::Missing(format!("run {run_id}")))?;
        if let Some(refusal) = self.refusal(job, &run) {
            return Ok(self.refused(refusal));
        }
        let prepared = match self.prepare(job, &run).await? {
            Ok(prepared) => prepared,
            Err(refusal) => return Ok(self.refused(refusal)),
        };
        // Last of what can keep it from running: what is refused takes nobody's place.
        let state = match self.groups().ask(&run, job).await? {
            Admission::Free => None,
            Admission::Waits(waits) => Some(view::parked(job, &waits)),
            Admission::Lost(detail) => {
                let by = CancelledBy::Concurrency;
                return Ok(self.refused(Refusal {
                    reason: Reason::Cancelled { by },
                    detail,
                }));
            }
            Admission::Never(detail) => {
                let reason = Reason::Configuration;
                return Ok(self.refused(Refusal { reason, detail }));
            }
        };
        let is_parked = state.is_some();
        let state = state.unwrap_or_else(|| view::queued(job, &prepared.offered));
        let repo = view::repo(&run);
        let check = match self.check(job, &run, &repo, state).await {
            Ok(check) => check,
            Err(error) if error.may_be_behind() && self.clock.now().since(job.queued_at) < OUT_OF_REACH => {
                return Err(ForgeError::Transient(error.to_string()).into());
            }
            Err(error) if error.is_out_of_reach() => {
                let by = CancelledBy::Uninstalled;
                let detail = format!("Cancelled: {error}.");
                return Ok(self.refused(Refusal {
                    reason: Reason::Cancelled { by },
                    detail,
                }));
            }
            Err(error) => return Err(error),
        };
        if is_parked {
            return Ok(JobEvent::Parked { check });
        }
        self.submit(job, &repo, check, prepared).await
    }

    fn refused(&self, refusal: Refusal) -> JobEvent {
        JobEvent::Refused {
            check: None,
            end: End::new(refusal.reason, refusal.detail, self.clock.now()),
        }
    }

    /// What can be said without looking at the workflow file.
    fn refusal(&self, job: &Job, run: &Run) -> Option<Refusal> {
        if let Some(stop) = &job.stop {
            return Some(Refusal {
                reason: stop.reason.clone(),
                detail: stop.detail.clone(),
            });
        }
        if let Some((deadline, reason)) = job.deadline()
            && deadline <= self.clock.now()
        {
            let detail = view::timeout(job, &reason);
            return Some(Refusal { reason, detail });
        }
        if let Some(cancelled) = run
            .cancellation(&job.key)
            .filter(|cancelled| job.queued_at <= cancelled.at)
        {
            let by = CancelledBy::Concurrency;
            return Some(Refusal {
                reason: Reason::Cancelled { by },
                detail: cancelled.detail.clone(),
            });
        }
        if let Some(Hold::Broken(diagnosis)) = &run.hold {
            return Some(Refusal {
                reason: Reason::Configuration,
                detail: view::first_line(&diagnosis.text),
            });
        }
        // Before all that skips: a skipped check lets a merge pass, and what it says there is the stranger's.
        if !run.trust.may_run() {
            return Some(Refusal {
                reason: if may_be_approved(run) {
                    Reason::ApprovalRequired
                } else {
                    Reason::ForkRefused
                },
                detail: view::untrusted(run),
            });
        }
        match &run.hold {
            Some(Hold::SkipCi) => Some(Refusal {
                reason: Reason::Skipped,
                detail: "The head commit's message asks for no CI.".to_owned(),
            }),
            Some(Hold::Unmatched { detail, .. }) => Some(Refusal {
                reason: Reason::Skipped,
                detail: detail.clone(),
            }),
            Some(Hold::Broken(_)) | None => None,
        }
    }

    /// The description and the backend; both decided before anything outside is touched.
    async fn prepare(&self, job: &Job, run: &Run) -> Result<Result<Prepared, Refusal>, PhaseError> {
        let source = Source::load(self.blobs, run).await?;
        let (_, siblings) = self
            .runs
            .load_with_jobs(&run.id)
            .await?
            .ok_or_else(|| PhaseError::Missing(format!("run {}", run.id)))?;
        let mut description = match describe(self.blobs, &source, run, &siblings, job).await? {
            Ok(described) => described,
            Err(diagnosis) => {
                let key = crate::keys::diagnostics(&job.id, job.attempt);
                let kept = crate::keys::encode_diagnosis(&diagnosis)?;
                self.blobs.put(&key, kept).await?;
                return Ok(Err(Refusal {
                    reason: Reason::Configuration,
                    detail: view::first_line(&diagnosis.text),
                }));
            }
        };
        let environment = description.description.environment.as_ref();
        let environment = environment.map(|environment| environment.name.as_str());
        let repo = &run.event.repository.name;
        let text = serde_json::to_string(&description.description)
            .map_err(|error| crate::ports::StoreError::Corrupt(format!("the job description: {error}")))?;
        let secrets =
            match secrets::of_job(self.secrets, repo, run.may_have_secrets(), environment, &text).await {
                Ok(secrets) => secrets,
                Err(SecretsError::Store(error)) => return Err(error.into()),
                Err(unusable @ SecretsError::Unusable { .. }) => {
                    return Ok(Err(Refusal {
                        reason: Reason::Configuration,
                        detail: format!("{unusable}.").replacen("the", "The", 1),
                    }));
                }
            };
        let Some((name, backend)) = self.backends.for_labels(&job.runs_on) else {
            let detail = view::unknown_labels(&job.runs_on, self.backends);
            return Ok(Err(Refusal {
                reason: Reason::Configuration,
                detail,
            }));
        };
        let capabilities = backend.capabilities();
        if let Some(what) = missing_containers(&mut description.description, capabilities.containers) {
            let detail = view::no_containers(&what, name, &job.runs_on);
            return Ok(Err(Refusal {
                reason: Reason::Configuration,
                detail,
            }));
        }
        description.description.backend = name.to_owned();
        if capabilities.callback
            && let Some(base) = &self.settings.public_url
        {
            description.description.callback = Some(Callback {
                url: format!("{base}/jobs/{}/{}", job.id, job.attempt),
            });
        }
        let model = self.settings.model.as_ref();
        let offered = translate::offer(self.blobs, model, job, run).await?;
        let told = |offered: &[Kept]| translate::told(offered, model, run);
        description.description.translations = offered.as_deref().map(told);
        Ok(Ok(Prepared {
            backend_name: name.to_owned(),
            backend,
            description: description.description,
            permissions: description.permissions,
            secrets,
            offered: offered.unwrap_or_default(),
        }))
    }

    async fn check(
        &self,
        job: &Job,
        run: &Run,
        repo: &RepoRef,
        state: CheckState,
    ) -> Result<CheckRunId, PhaseError> {
        if let Some(check) = job.check {
            // It has said what the job waits for in a concurrency group.
            match self
                .forge
                .update_check(repo, check, &state)
                .await
                .map_err(PhaseError::from)
            {
                Err(error) if error.is_out_of_reach() => return Err(error),
                Err(error) => {
                    tracing::warn!(job = %job.id, %error, "a check goes on saying what its job waited for");
                }
                Ok(()) => {}
            }
            return Ok(check);
        }
        if job.check_uncertain
            && let Some(check) = self
                .forge
                .find_check(repo, run.check_sha(), &job.name, &job.id, job.previous_check)
                .await?
        {
            return Ok(check);
        }
        let check = NewCheck {
            name: job.name.clone(),
            sha: run.check_sha().clone(),
            job: job.id.clone(),
            state,
        };
        Ok(self.forge.create_check(repo, &check).await?)
    }

    async fn submit(
        &self,
        job: &Job,
        repo: &RepoRef,
        check: CheckRunId,
        prepared: Prepared,
    ) -> Result<JobEvent, PhaseError> {
        let token = self.forge.job_token(repo, &prepared.permissions).await?;
        let mut secrets = prepared.secrets;
        secrets.push(("GITHUB_TOKEN".to_owned(), token.token));
        if prepared.description.callback.is_some() {
            let expires_at = job.compute_wanted_at() + job.queue_timeout + job.run_timeout + TOKEN_MARGIN;
            let claims = CallbackClaims {
                job: job.id.clone(),
                attempt: job.attempt,
                expires_at,
            };
            secrets.push((
                "CHECKMILL_CALLBACK_TOKEN".to_owned(),
                self.settings.callback_keys.sign(&claims),
            ));
        }
        let mut description = prepared.description;
        description.tell_check(check);
        let description = serde_json::to_vec(&description)
            .map_err(|error| crate::ports::StoreError::Corrupt(format!("the job description: {error}")))?;
        let submission = Submission {
            key: SubmitKey {
                deployment: self.settings.deployment.clone(),
                job: job.id.clone(),
                attempt: job.attempt,
            },
            name: job.name.clone(),
            description,
            secrets,
            labels: job.runs_on.clone(),
            queue_timeout: job.queue_timeout,
            run_timeout: job.run_timeout,
        };
        match prepared.backend.submit(&submission).await {
            Ok(id) => {
                let handle = BackendHandle {
                    backend: prepared.backend_name,
                    id,
                };
                Ok(JobEvent::Submitted { check, handle })
            }
            Err(BackendError::Refused { backend, detail }) => {
                let detail = format!("The backend {backend} refuses the job: {detail}");
                let end = End::new(Reason::Infrastructure, detail, self.clock.now());
                Ok(JobEvent::Refused {
                    check: Some(check),
                    end,
                })
            }
            Err(error) => Err(error.into()),
        }
    }
}

struct Prepared {
    backend_name: String,
    backend: std::sync::Arc<dyn Backend>,
    description: JobDescription,
    permissions: checkmill_core::policy::TokenPermissions,
    /// What people keep for it, by the agent's variables.
    secrets: Vec<(String, SecretString)>,
    /// Scripts of a language model that the job may run.
    offered: Vec<Kept>,
}

/// What a job asks for that a backend without containers does not have. An image that is only the default is dropped there:
/// such a job runs on the backend's own system.
fn missing_containers(description: &mut JobDescription, has_containers: bool) -> Option<String> {
    if has_containers {
        return None;
    }
    match description.container.take() {
        Some(container) if !container.optional => Some(format!("the image {}", container.image)),
        _ => {
            let services: Vec<_> = description
                .services
                .iter()
                .map(|service| service.id.as_str())
                .collect();
            (!services.is_empty()).then(|| format!("services ({})", services.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn images_where_there_are_containers_and_where_there_are_none() {
        let image = |optional: bool| json!({"image": "ubuntu:22.04", "optional": optional});
        let none = json!(null);
        let db = json!([{"id": "db", "image": "postgres"}]);
        for (container, services, has_containers, kept, missing) in [
            (&none, json!([]), false, false, None),
            (&image(true), json!([]), false, false, None),
            (
                &image(false),
                json!([]),
                false,
                false,
                Some("the image ubuntu:22.04"),
            ),
            (&none, db.clone(), false, false, Some("services (db)")),
            (&image(true), db.clone(), false, false, Some("services (db)")),
            (&none, db.clone(), true, false, None),
            (&image(true), json!([]), true, true, None),
            (&image(false), db, true, true, None),
        ] {
            let mut description: JobDescription = serde_json::from_value(json!({
                "job": "j", "attempt": 1, "name": "n",
                "checkout": {"clone_url": "", "repository": "o/r", "sha": "", "git_ref": ""},
                "contexts": {}, "env": [], "defaults": {}, "steps": [], "outputs": {}, "timeout_ms": 1, "callback": null,
                "container": container, "services": services,
            }))
            .unwrap();
            let found = missing_containers(&mut description, has_containers);
            assert_eq!(
                (description.container.is_some(), found.as_deref()),
                (kept, missing),
                "{container} {services} {has_containers}"
            );
        }
    }
}
