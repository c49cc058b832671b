//! What is asked of Lightning's API, by its own words.

use super::client::{Call, Fault};
use super::name::{JobName, LightningId};
use super::settings::Teamspace;
use super::state::Phase;
use super::wire::{Job, Jobs, Memberships, Project};
use super::{Inner, is_of};
use reqwest::Method;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};

/// Of a list of jobs, for each page.
const PAGE_JOBS: &str = "100";
/// Of such a list: ten thousand jobs that nobody has removed.
const PAGES: usize = 100;

/// What was looked up once.
#[derive(Default, Clone)]
pub(super) struct Place {
    project: Option<String>,
    cluster: Option<String>,
}

impl Inner {
    async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, &str)]) -> Result<T, Fault> {
        let call = Call {
            method: Method::GET,
            path,
            query,
            body: None,
            secrets: &[],
        };
        self.client.call(&self.settings, call).await
    }

    async fn change(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Value,
    ) -> Result<(), Fault> {
        let call = Call {
            method,
            path,
            query,
            body: Some(body),
            secrets: &[],
        };
        let IgnoredAny = self.client.call(&self.settings, call).await?;
        Ok(())
    }

    fn place(&self) -> Place {
        self.place.lock().map(|place| place.clone()).unwrap_or_default()
    }

    /// The teamspace's id.
    pub(super) async fn project(&self) -> Result<String, Fault> {
        let name = match &self.settings.teamspace {
            Teamspace::Id(id) => return Ok(id.clone()),
            Teamspace::Name(name) => name,
        };
        if let Some(project) = self.place().project {
            return Ok(project);
        }
        let answer: Memberships = self.get(&["memberships"], &[("filterByUserId", "True")]).await?;
        let found: Vec<_> = answer
            .memberships
            .iter()
            .filter(|one| one.name == *name)
            .collect();
        let project = match found[..] {
            [one] => one.project_id.clone(),
            [] => {
                let names: Vec<_> = answer.memberships.iter().map(|one| one.name.as_str()).collect();
                let names = names.join(", ");
                return Err(Fault::Refused(format!(
                    "there is no teamspace {name}; we are a member of {names}"
                )));
            }
            _ => {
                let ids: Vec<_> = found.iter().map(|one| one.project_id.as_str()).collect();
                let ids = ids.join(", ");
                return Err(Fault::Refused(format!(
                    "there are several teamspaces {name}; `project` is one of {ids}"
                )));
            }
        };
        if let Ok(mut place) = self.place.lock() {
            place.project = Some(project.clone());
        }
        Ok(project)
    }

    /// The cloud account of new jobs.
    pub(super) async fn cluster(&self, project: &str) -> Result<String, Fault> {
        if let Some(cluster) = self.settings.cluster.clone().or(self.place().cluster) {
            return Ok(cluster);
        }
        let answer: Project = self.get(&["projects", project], &[]).await?;
        let cluster = answer.project_settings.preferred_cluster;
        if cluster.is_empty() {
            let text = "the teamspace has no preferred cloud account; `cluster` names one";
            return Err(Fault::Refused(text.to_owned()));
        }
        if let Ok(mut place) = self.place.lock() {
            place.cluster = Some(cluster.clone());
        }
        Ok(cluster)
    }

    /// The job of this name, if there is one.
    pub(super) async fn find(&self, project: &str, name: &JobName) -> Result<Option<Job>, Fault> {
        let name = name.to_string();
        let path = ["projects", project, "jobs", "find"];
        match self.get::<Job>(&path, &[("name", &name)]).await {
            Ok(job) => Ok(Some(job).filter(|job| job.name == name && Phase::of(job) != Phase::Gone)),
            Err(Fault::Missing(_)) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// The job of an id that is still that job.
    pub(super) async fn job(&self, project: &str, id: &LightningId) -> Result<Option<Job>, Fault> {
        match self
            .get::<Job>(&["projects", project, "jobs", &id.job], &[])
            .await
        {
            Ok(job) => Ok(Some(job).filter(|job| is_of(job, id) && Phase::of(job) != Phase::Gone)),
            Err(Fault::Missing(_)) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Every job of any Checkmill in the teamspace.
    pub(super) async fn jobs(&self, project: &str) -> Result<Vec<Job>, Fault> {
        let mut jobs = Vec::new();
        let mut token = String::new();
        for _ in 0..PAGES {
            let mut query = vec![("limit", PAGE_JOBS)];
            if !token.is_empty() {
                query.push(("pageToken", token.as_str()));
            }
            let page: Jobs = self.get(&["projects", project, "jobs"], &query).await?;
            let next = page.next_page_token.clone();
            let (ours, all) = page.ours().map_err(|error| {
                Fault::Transient(format!(
                    "what Lightning says of a job of ours is not understood: {error}"
                ))
            })?;
            jobs.extend(ours.into_iter().filter(|job| Phase::of(job) != Phase::Gone));
            if next.is_empty() || next == token || all == 0 {
                return Ok(jobs);
            }
            token = next;
        }
        // Half a list must not pass for all of it.
        Err(Fault::Transient(format!(
            "the teamspace has more than {PAGES} pages of jobs; remove old ones"
        )))
    }

    /// Tells a job to stop, which it does by and by. One that is over or not there is fine.
    pub(super) async fn stop(&self, project: &str, job: &str) -> Result<(), Fault> {
        let path = ["projects", project, "jobs", job];
        match self
            .change(Method::PUT, &path, &[], json!({"state": "stop"}))
            .await
        {
            Ok(()) | Err(Fault::Missing(_)) => Ok(()),
            Err(Fault::Refused(said)) => match self.get::<Job>(&path, &[]).await {
                Ok(job) if !Phase::of(&job).is_final() => Err(Fault::Transient(said)),
                Ok(_) | Err(Fault::Missing(_)) => Ok(()),
                Err(fault) => Err(fault),
            },
            Err(fault) => Err(fault),
        }
    }

    pub(super) async fn delete(&self, project: &str, job: &str) -> Result<(), Fault> {
        let path = ["projects", project, "jobs", job];
        // Empty for a job of an image, as in its spec.
        let studio = self.settings.studio.as_deref().unwrap_or_default();
        let query = [("cloudspaceId", studio)];
        match self.change(Method::DELETE, &path, &query, json!({})).await {
            Ok(()) | Err(Fault::Missing(_)) => Ok(()),
            Err(fault) => Err(fault),
        }
    }
}
