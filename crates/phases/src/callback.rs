//! What a job's agent tells us while it runs: that it runs, its log piece by piece, its end; and what it leaves for other
//! jobs, or takes of what they left ([`crate::archives`]).

use crate::archives::{Artifacts, Caches};
use crate::effects::wake_execution;
use crate::error::PhaseError;
use crate::ports::{Blobs, Clock, Engine, Jobs, Runs};
use crate::step::step;
use crate::token::{CallbackKeys, TokenError};
use crate::{keys, verdict};
use checkmill_core::limits::{LOG_BYTES, LOG_CHUNK_BYTES};
use checkmill_core::transition::{Effect, JobEvent};
use checkmill_core::{AttemptNumber, Job, JobId, JobState};

pub struct Callback<'a> {
    pub runs: &'a dyn Runs,
    pub jobs: &'a dyn Jobs,
    pub blobs: &'a dyn Blobs,
    pub engine: &'a dyn Engine,
    pub clock: &'a dyn Clock,
    pub keys: &'a CallbackKeys,
}

/// One call of an agent: `POST /jobs/{job}/{attempt}/…`, with `running`, `log` or `end`, or with `artifacts/` or `caches/`
/// and `reserve`, `part`, `commit`, `find` or `read` (`checkmill_workflow::archive`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackRequest<'a> {
    pub path: &'a str,
    pub query: Option<&'a str>,
    /// The `Authorization` header.
    pub authorization: Option<&'a str>,
    pub body: &'a [u8],
}

/// What to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackAnswer {
    pub status: u16,
    pub content: Content,
}

/// The body of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A sentence, for the field `message` of a JSON object.
    Message(String),
    Json(String),
    Bytes(Vec<u8>),
}

impl CallbackAnswer {
    pub(crate) const fn json(text: String) -> Self {
        Self {
            status: 200,
            content: Content::Json(text),
        }
    }

    pub(crate) const fn bytes(bytes: Vec<u8>) -> Self {
        Self {
            status: 200,
            content: Content::Bytes(bytes),
        }
    }
}

pub(crate) fn answer(status: u16, message: impl Into<String>) -> CallbackAnswer {
    CallbackAnswer {
        status,
        content: Content::Message(message.into()),
    }
}

enum Verb {
    Running,
    Log,
    End,
    Archives(Kind, Act),
}

enum Kind {
    Artifacts,
    Caches,
}

enum Act {
    Reserve,
    Part,
    Commit,
    Find,
    Read,
}

fn act(name: &str) -> Option<Act> {
    match name {
        "reserve" => Some(Act::Reserve),
        "part" => Some(Act::Part),
        "commit" => Some(Act::Commit),
        "find" => Some(Act::Find),
        "read" => Some(Act::Read),
        _ => None,
    }
}

fn route(path: &str) -> Option<(JobId, AttemptNumber, Verb)> {
    let mut parts = path.strip_prefix("/jobs/")?.split('/');
    let job = parts.next()?.parse().ok()?;
    let attempt = AttemptNumber(parts.next()?.parse().ok()?);
    let verb = match parts.next()? {
        "running" => Verb::Running,
        "log" => Verb::Log,
        "end" => Verb::End,
        "artifacts" => Verb::Archives(Kind::Artifacts, act(parts.next()?)?),
        "caches" => Verb::Archives(Kind::Caches, act(parts.next()?)?),
        _ => return None,
    };
    parts.next().is_none().then_some((job, attempt, verb))
}

impl Callback<'_> {
    /// Answers one call. Every refusal has a reason: 401 for the token, 404 for the path, 409 or 410 for a job that moved on,
    /// 400 and 413 for the body.
    ///
    /// # Errors
    /// The ports': the agent tries again.
    pub async fn handle(&self, request: &CallbackRequest<'_>) -> Result<CallbackAnswer, PhaseError> {
        let Some((id, attempt, verb)) = route(request.path) else {
            return Ok(answer(
                404,
                "there is no such path; jobs post to /jobs/JOB/ATTEMPT/running, log, end, artifacts/… or caches/…",
            ));
        };
        let Some(token) = request
            .authorization
            .and_then(|value| value.strip_prefix("Bearer "))
        else {
            return Ok(answer(
                401,
                "the Authorization header with the job's own token (Bearer) is missing",
            ));
        };
        match self.keys.verify(token.trim(), self.clock.now()) {
            Ok(claims) if claims.job == id && claims.attempt == attempt => {}
            Ok(_) => return Ok(answer(401, "the token is another job's")),
            Err(error @ (TokenError::Invalid | TokenError::Expired)) => {
                return Ok(answer(401, error.to_string()));
            }
        }
        let Some(job) = self.jobs.load(&id).await? else {
            return Ok(answer(404, format!("there is no job {id}")));
        };
        if job.attempt != attempt {
            return Ok(answer(409, format!("job {id} is at attempt {} now", job.attempt)));
        }
        if job.end().is_some() {
            return Ok(answer(
                410,
                format!("attempt {attempt} of job {id} has ended; its token is void"),
            ));
        }
        match verb {
            Verb::Running => self.running(&job).await,
            Verb::Log => self.log(&job, request).await,
            Verb::End => self.end(&job, request.body).await,
            Verb::Archives(Kind::Artifacts, act) => self.artifacts(&job, &act, request).await,
            Verb::Archives(Kind::Caches, act) => self.caches(&job, &act, request).await,
        }
    }

    async fn artifacts(
        &self,
        job: &Job,
        act: &Act,
        request: &CallbackRequest<'_>,
    ) -> Result<CallbackAnswer, PhaseError> {
        let artifacts = Artifacts::new(self.blobs, job);
        match act {
            Act::Reserve => artifacts.reserve(request.body).await,
            Act::Part => artifacts.put_part(request.query, request.body).await,
            Act::Commit => artifacts.commit(request.body).await,
            Act::Find => artifacts.find().await,
            Act::Read => artifacts.read(request.body).await,
        }
    }

    async fn caches(
        &self,
        job: &Job,
        act: &Act,
        request: &CallbackRequest<'_>,
    ) -> Result<CallbackAnswer, PhaseError> {
        let Some(run) = self.runs.load(&job.id.run()).await? else {
            return Ok(answer(404, format!("there is no run {}", job.id.run())));
        };
        let caches = Caches::new(self.blobs, &run, job);
        match act {
            Act::Reserve => caches.reserve(request.body).await,
            Act::Part => caches.put_part(request.query, request.body).await,
            Act::Commit => caches.commit(request.body, self.clock.now()).await,
            Act::Find => caches.find(request.body).await,
            Act::Read => caches.read(request.body).await,
        }
    }

    async fn running(&self, job: &Job) -> Result<CallbackAnswer, PhaseError> {
        // The poll that this causes sees the backend running it and says so on the check.
        if matches!(job.state, JobState::Submitted { .. }) {
            wake_execution(self.engine, job).await?;
        }
        Ok(answer(200, "noted"))
    }

    async fn log(&self, job: &Job, request: &CallbackRequest<'_>) -> Result<CallbackAnswer, PhaseError> {
        let offset = request
            .query
            .unwrap_or("")
            .split('&')
            .find_map(|pair| pair.strip_prefix("offset="));
        let Some(offset) = offset.and_then(|text| text.parse::<u64>().ok()) else {
            return Ok(answer(
                400,
                "the query must be offset=BYTES, the position of this piece in the log",
            ));
        };
        if request.body.len() > LOG_CHUNK_BYTES {
            let limit = format!("a piece of a log has at most {LOG_CHUNK_BYTES} bytes");
            return Ok(answer(413, limit));
        }
        if offset.saturating_add(request.body.len() as u64) > (LOG_BYTES + LOG_CHUNK_BYTES) as u64 {
            return Ok(answer(413, format!("a log has at most {LOG_BYTES} bytes")));
        }
        self.blobs
            .put(
                &keys::log_chunk(&job.id, job.attempt, offset),
                request.body.to_vec(),
            )
            .await?;
        Ok(answer(200, "stored"))
    }

    async fn end(&self, job: &Job, body: &[u8]) -> Result<CallbackAnswer, PhaseError> {
        let Some(result) = verdict::parse(job, body) else {
            return Ok(answer(400, "the body is not a job's result"));
        };
        self.blobs
            .put(&keys::result(&job.id, job.attempt), body.to_vec())
            .await?;
        let end = verdict::of_result(job, &result, self.clock.now());
        let stepped = step(
            self.jobs,
            self.clock,
            &job.id,
            job.attempt,
            &JobEvent::Reported { end },
        )
        .await?;
        if stepped.owes(Effect::WakeExecution) {
            wake_execution(self.engine, &stepped.job).await?;
        }
        Ok(answer(200, "the attempt has ended"))
    }
}
