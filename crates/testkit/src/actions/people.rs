//! The rest of what happens: comments, dispatches, and what owners do with the App.

use super::{login, repo_name};
use crate::error::FakeError;
use crate::json::node_id;
use crate::state::State;
use crate::state::account::Selection;
use crate::state::repository::{Comment, Repository, Role};
use crate::timestamp;
use crate::webhook::Webhook;
use checkmill_core::event::RepositoryEventName;
use checkmill_core::{CommitSha, DeliveryId, InstallationId, RepositoryId};
use serde_json::{Map, Value, json};

impl State {
    /// A comment on a pull request, by a person.
    pub(crate) fn comment(
        &mut self,
        repo: &str,
        number: u64,
        by: &str,
        body: &str,
    ) -> Result<u64, FakeError> {
        let name = repo_name(repo)?;
        self.pull(&name, number)?;
        let repository = self.repo(&name)?.id;
        let author = login(by)?;
        self.user(&author);
        let comment = self.new_comment(repository, number, author, None, body);
        self.announce_comment(&comment, "created");
        Ok(comment.id)
    }

    pub(crate) fn new_comment(
        &mut self,
        repository: RepositoryId,
        number: u64,
        author: checkmill_core::Login,
        app: Option<u64>,
        body: &str,
    ) -> Comment {
        let now = self.now();
        let comment = Comment {
            id: self.next_id("comment", 7000),
            repository,
            number,
            author,
            app,
            body: body.to_owned(),
            created_at: now,
            updated_at: now,
            edits: 0,
        };
        self.comments.insert(comment.id, comment.clone());
        comment
    }

    /// An App's own comments come back to it as echoes.
    pub(crate) fn announce_comment(&mut self, comment: &Comment, action: &'static str) {
        let webhook = Webhook {
            event: "issue_comment",
            action: Some(action),
            payload: self.comment_payload(comment, action, &comment.author),
            echo: comment.app.is_some(),
        };
        self.emit(comment.repository, None, &webhook);
    }

    /// "Run workflow" of a file at a branch or tag (a full ref, or a branch's name). Inputs that the file there does not take are
    /// refused, as by GitHub (422 `Unexpected inputs provided`, `Required input … not provided`); what reads as no workflow is not
    /// judged.
    pub(crate) fn dispatch_workflow(
        &mut self,
        repo: &str,
        workflow: &str,
        git_ref: &str,
        inputs: &[(&str, &str)],
        by: &str,
    ) -> Result<Option<DeliveryId>, FakeError> {
        let by = login(by)?;
        self.user(&by);
        let repo = self.repo(&repo_name(repo)?)?;
        let full = if git_ref.starts_with("refs/") {
            git_ref.to_owned()
        } else {
            format!("refs/heads/{git_ref}")
        };
        let Some(head) = repo.refs.get(&full) else {
            return Err(FakeError::NoRef(repo.name.to_string(), full));
        };
        self.check_inputs(repo, head, workflow, inputs)?;
        let id = repo.id;
        let inputs: Map<String, Value> = inputs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).into()))
            .collect();
        let webhook = Webhook {
            event: "workflow_dispatch",
            action: None,
            payload: self.dispatch_payload(repo, workflow, &full, inputs, &by),
            echo: false,
        };
        self.note(format!("{by} dispatched {workflow} at {full}"));
        Ok(self.emit(id, None, &webhook).into_iter().next())
    }

    fn check_inputs(
        &self,
        repo: &Repository,
        head: &CommitSha,
        workflow: &str,
        inputs: &[(&str, &str)],
    ) -> Result<(), FakeError> {
        let objects = self.objects_of(repo);
        let tree = objects.tree(head);
        let file = tree.as_ref().and_then(|tree| tree.0.get(workflow));
        let text = file.and_then(|file| objects.blob(&file.id)).unwrap_or_default();
        let Ok(parsed) = checkmill_workflow::parse(workflow, &String::from_utf8_lossy(&text)) else {
            return Ok(());
        };
        let given = inputs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        checkmill_workflow::dispatch_inputs(&parsed, &given)
            .map(|_| ())
            .map_err(|wrong| FakeError::Inputs(wrong.summary()))
    }

    /// Somebody publishes a release of a tag that is there.
    pub(crate) fn publish_release(
        &mut self,
        repo: &str,
        tag: &str,
        notes: &str,
        by: &str,
    ) -> Result<Option<DeliveryId>, FakeError> {
        let by = login(by)?;
        self.user(&by);
        let repo = self.repo(&repo_name(repo)?)?.id;
        let release = self.next_id("release", 9000);
        let repository = self.repo_by_id(repo);
        let full = format!("refs/tags/{tag}");
        if !repository.refs.contains_key(&full) {
            return Err(FakeError::NoRef(repository.name.to_string(), full));
        }
        let webhook = Webhook {
            event: "release",
            action: Some("published"),
            payload: self.release_payload(repository, release, tag, notes, &by),
            echo: false,
        };
        self.note(format!("{by} published the release {tag}"));
        Ok(self.emit(repo, None, &webhook).into_iter().next())
    }

    /// A merge queue asks for checks of a branch of its own, which has been pushed before.
    pub(crate) fn request_merge_group(
        &mut self,
        repo: &str,
        branch: &str,
        base: &str,
    ) -> Result<Option<DeliveryId>, FakeError> {
        // GitHub does it in the name of a bot.
        let by = login("github-merge-queue")?;
        self.user(&by);
        let repo = self.repo(&repo_name(repo)?)?;
        let id = repo.id;
        let find = |branch: &str| {
            let full = format!("refs/heads/{branch}");
            let sha = repo.refs.get(&full).cloned();
            sha.map(|sha| (full.clone(), sha))
                .ok_or_else(|| FakeError::NoRef(repo.name.to_string(), full))
        };
        let (head_ref, head) = find(branch)?;
        let (base_ref, base) = find(base)?;
        let webhook = Webhook {
            event: "merge_group",
            action: Some("checks_requested"),
            payload: self.merge_group_payload(repo, (&head_ref, &head), (&base_ref, &base), &by),
            echo: false,
        };
        self.note(format!("the merge queue asks for checks of {head_ref}"));
        Ok(self.emit(id, None, &webhook).into_iter().next())
    }

    /// The App hears of this event from now on, as when its owner ticks it in the settings.
    pub(crate) fn subscribe(&mut self, app: u64, event: RepositoryEventName) -> Result<(), FakeError> {
        let known = self.apps.get_mut(&app).ok_or(FakeError::NoApp(app))?;
        known.events.insert(event.as_str().to_owned());
        Ok(())
    }

    /// Something happens in a repository; `fields` are the payload but for `repository`, `sender` and `installation`.
    pub(crate) fn happen(
        &mut self,
        repo: &str,
        event: RepositoryEventName,
        fields: Value,
        by: &str,
    ) -> Result<Option<DeliveryId>, FakeError> {
        let by = login(by)?;
        self.user(&by);
        let repository = self.repo(&repo_name(repo)?)?;
        let id = repository.id;
        let mut payload = fields;
        payload["repository"] = self.repository_json(repository);
        payload["sender"] = self.user_json(&by);
        self.note(format!("{by}: {} in {repo}", event.as_str()));
        let webhook = Webhook {
            event: event.as_str(),
            action: None,
            payload,
            echo: false,
        };
        Ok(self.emit(id, None, &webhook).into_iter().next())
    }

    /// Somebody reviews a pull request: `approved`, `commented` or `changes_requested`.
    pub(crate) fn review(
        &mut self,
        repo: &str,
        number: u64,
        by: &str,
        verdict: &str,
        body: &str,
    ) -> Result<Option<DeliveryId>, FakeError> {
        let name = repo_name(repo)?;
        let reviewer = login(by)?;
        self.user(&reviewer);
        let repository = self.repo(&name)?;
        let pull = self.pull(&name, number)?;
        let fields = json!({
            "action": "submitted",
            "review": {
                "id": 80 + number,
                "node_id": node_id("PRR", 80 + number),
                "user": self.user_json(&reviewer),
                "body": body,
                "commit_id": pull.head_sha.as_str(),
                "submitted_at": timestamp::format(self.now()),
                "state": verdict,
                "author_association": "NONE",
            },
            "pull_request": self.pull_json(repository, pull),
        });
        self.happen(repo, RepositoryEventName::PullRequestReview, fields, by)
    }

    pub(crate) fn set_role(&mut self, repo: &str, who: &str, role: Option<Role>) -> Result<(), FakeError> {
        let id = self.repo(&repo_name(repo)?)?.id;
        let who = login(who)?;
        self.user(&who);
        let collaborators = &mut self.repo_mut(id).collaborators;
        match role {
            Some(role) => collaborators.insert(who, role),
            None => collaborators.remove(&who),
        };
        Ok(())
    }

    /// The App's webhook is pinged, as when it is set up.
    pub(crate) fn ping(&mut self, app: u64) -> Result<Option<DeliveryId>, FakeError> {
        let known = self.apps.get(&app).ok_or(FakeError::NoApp(app))?;
        let hook_id = 400_000_000 + app;
        let now = timestamp::format(self.now());
        let url = format!("{}/app/hook", self.urls.api);
        let payload = json!({
            "zen": "Design for failure.",
            "hook_id": hook_id,
            "hook": {
                "type": "App",
                "id": hook_id,
                "name": "web",
                "active": true,
                "events": known.events,
                "config": { "content_type": "json", "insecure_ssl": "0", "url": "********" },
                "updated_at": now,
                "created_at": now,
                "app_id": app,
                "deliveries_url": format!("{url}/deliveries"),
            },
        });
        let webhook = Webhook {
            event: "ping",
            action: None,
            payload: payload.clone(),
            echo: false,
        };
        Ok(self.deliver(app, None, None, &webhook, &payload))
    }

    fn installation_event(
        &mut self,
        id: InstallationId,
        event: &'static str,
        action: &'static str,
        extra: Value,
    ) -> Result<Option<DeliveryId>, FakeError> {
        let installation = self
            .installations
            .get(&id)
            .ok_or(FakeError::NoInstallation(id.0))?;
        let app = installation.app;
        let mut payload = json!({
            "action": action,
            "installation": self.installation_json(installation),
            "sender": self.user_json(&installation.account),
        });
        // Unlike the REST API, these events count seconds.
        for key in ["created_at", "updated_at"] {
            payload["installation"][key] = (installation.created_at.0 / 1000).into();
        }
        if event == "installation_repositories" {
            payload["repository_selection"] = payload["installation"]["repository_selection"].clone();
        }
        if let Value::Object(extra) = extra {
            for (key, value) in extra {
                payload[key] = value;
            }
        }
        let account = installation.account.clone();
        self.note(format!("{account}: {event}.{action}"));
        let webhook = Webhook {
            event,
            action: Some(action),
            payload: Value::Null,
            echo: false,
        };
        Ok(self.deliver(app, Some(id), None, &webhook, &payload))
    }

    fn covered(&self, id: InstallationId) -> Value {
        let Some(installation) = self.installations.get(&id) else {
            return Value::Null;
        };
        self.repositories
            .values()
            .filter(|repo| self.covers(installation, repo))
            .map(listed)
            .collect::<Vec<_>>()
            .into()
    }

    /// The App is installed with the repositories it was granted.
    pub(crate) fn announce_installation(
        &mut self,
        id: InstallationId,
    ) -> Result<Option<DeliveryId>, FakeError> {
        let extra = json!({ "repositories": self.covered(id), "requester": null });
        self.installation_event(id, "installation", "created", extra)
    }

    /// Suspends or resumes. A suspended installation's tokens stop working.
    pub(crate) fn set_suspended(
        &mut self,
        id: InstallationId,
        suspended: bool,
    ) -> Result<Option<DeliveryId>, FakeError> {
        let now = self.now();
        let installation = self
            .installations
            .get_mut(&id)
            .ok_or(FakeError::NoInstallation(id.0))?;
        installation.suspended_at = suspended.then_some(now);
        let action = if suspended { "suspend" } else { "unsuspend" };
        self.installation_event(id, "installation", action, json!({}))
    }

    /// Removes the installation and its tokens.
    pub(crate) fn uninstall(&mut self, id: InstallationId) -> Result<Option<DeliveryId>, FakeError> {
        let extra = json!({ "repositories": self.covered(id) });
        let guid = self.installation_event(id, "installation", "deleted", extra)?;
        self.installations.remove(&id);
        Ok(guid)
    }

    /// Gives or takes access to a repository.
    pub(crate) fn set_access(
        &mut self,
        id: InstallationId,
        repo: &str,
        access: bool,
    ) -> Result<Option<DeliveryId>, FakeError> {
        let repository = self.repo(&repo_name(repo)?)?.id;
        let entry = listed(self.repo_by_id(repository));
        let all: Vec<RepositoryId> = self.repositories.keys().copied().collect();
        let installation = self
            .installations
            .get_mut(&id)
            .ok_or(FakeError::NoInstallation(id.0))?;
        if installation.repositories == Selection::All {
            installation.repositories = Selection::Selected(all.into_iter().collect());
        }
        if let Selection::Selected(list) = &mut installation.repositories {
            if access {
                list.insert(repository);
            } else {
                list.remove(&repository);
            }
        }
        let (added, removed) = if access {
            (json!([entry]), json!([]))
        } else {
            (json!([]), json!([entry]))
        };
        let action = if access { "added" } else { "removed" };
        let extra =
            json!({ "repositories_added": added, "repositories_removed": removed, "requester": null });
        self.installation_event(id, "installation_repositories", action, extra)
    }
}

/// A repository as installation events list it.
fn listed(repo: &Repository) -> Value {
    json!({
        "id": repo.id.0,
        "node_id": node_id("R", repo.id.0),
        "name": repo.name.name(),
        "full_name": repo.name.to_string(),
        "private": repo.private,
    })
}
