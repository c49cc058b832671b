//! The events of a repository that have no type of their own: one reader for all, which keeps the payload as it is but for
//! what is large and of no use.

use super::{Kind, Need, PayloadError, Reader, cut, shown, wire};
use checkmill_core::EventKind;
use checkmill_core::event::{Activities, GitRef, Origin, RepositoryEvent, RepositoryEventName, Subject};
use checkmill_core::limits::{BODY_CHARS, EVENT_PAYLOAD_BYTES};
use serde_json::{Map, Value};

/// Fields of every payload: jobs get those from the event itself.
const COMMON: [&str; 5] = [
    "repository",
    "sender",
    "installation",
    "organization",
    "enterprise",
];
/// What is kept of a user or organisation. The rest are addresses of its API.
const ACCOUNT: [&str; 5] = ["id", "login", "type", "html_url", "email"];
/// What is kept of a repository, likewise.
const REPOSITORY: [&str; 9] = [
    "id",
    "name",
    "full_name",
    "owner",
    "private",
    "fork",
    "default_branch",
    "html_url",
    "clone_url",
];
/// Fields whose values somebody has made up: they are kept to the letter, or the event not at all.
const MADE_UP: [&str; 2] = ["client_payload", "payload"];
/// To how many characters texts are cut, until the payload is small enough.
const CUTS: [usize; 3] = [BODY_CHARS, 1024, 128];

impl Reader<'_> {
    pub(super) fn repository_event(&self, need: Need, payload: &wire::Payload) -> Result<Kind, PayloadError> {
        let Some(name) = RepositoryEventName::parse(need.event) else {
            return Ok(Err("it is no event of a repository".to_owned()));
        };
        let action = match name.activities() {
            Activities::None => None,
            Activities::Types(_) | Activities::Custom => Some(need.text(payload.action.clone(), "action")?),
        };
        if !name.starts_on(action.as_deref()) {
            return Ok(Err(format!(
                "nothing follows from `{}` that is `{}`",
                need.event,
                shown(action.as_deref().unwrap_or_default())
            )));
        }
        let subject = match self.subject(name, need, action.as_deref())? {
            Ok(subject) => subject,
            Err(reason) => return Ok(Err(reason)),
        };
        let Some(payload) = kept(self.json(need)?) else {
            return Ok(Err(format!(
                "its payload is too large to be kept: at most {EVENT_PAYLOAD_BYTES} bytes of it can be"
            )));
        };
        Ok(Ok(EventKind::Repository(RepositoryEvent {
            name,
            action,
            subject,
            payload,
        })))
    }

    /// The commit that it is for, as GitHub's table of events has it; or why there is none.
    fn subject(
        &self,
        name: RepositoryEventName,
        need: Need,
        action: Option<&str>,
    ) -> Result<Result<Subject, String>, PayloadError> {
        Ok(Ok(match name {
            RepositoryEventName::PullRequestReview | RepositoryEventName::PullRequestReviewComment => {
                let action = action.unwrap_or_default().to_owned();
                Subject::PullRequest {
                    pull: self.pull(need, action)?,
                }
            }
            RepositoryEventName::Create => {
                let made: wire::RefPayload = self.json(need)?;
                let git_ref = need.text(made.name, "ref")?;
                match need.text(made.ref_type, "ref_type")?.as_str() {
                    "branch" => Subject::Ref {
                        git_ref: GitRef::Branch(git_ref),
                    },
                    "tag" => Subject::Ref {
                        git_ref: GitRef::Tag(git_ref),
                    },
                    other => return Ok(Err(format!("a `{}` is neither a branch nor a tag", shown(other)))),
                }
            }
            RepositoryEventName::Deployment | RepositoryEventName::DeploymentStatus => {
                let body: wire::DeploymentPayload = self.json(need)?;
                let state = body.deployment_status.and_then(|status| status.state);
                if state.as_deref() == Some("inactive") {
                    return Ok(Err(
                        "nothing follows from a deployment that becomes inactive".to_owned()
                    ));
                }
                let deployment = need.value(body.deployment, "deployment")?;
                Subject::Deployed {
                    sha: need.id(deployment.sha, "deployment.sha")?,
                    written: need.text(deployment.git_ref, "deployment.ref")?,
                    origin: Origin::Unknown,
                }
            }
            _ => Subject::DefaultBranch,
        }))
    }
}

/// The payload as it is kept; none where it stays too large.
fn kept(mut fields: Map<String, Value>) -> Option<String> {
    fields.retain(|name, _| !COMMON.contains(&name.as_str()));
    let mut payload = Value::Object(fields);
    CUTS.into_iter().find_map(|chars| {
        trim(&mut payload, chars);
        let text = payload.to_string();
        (text.len() <= EVENT_PAYLOAD_BYTES).then_some(text)
    })
}

fn trim(value: &mut Value, chars: usize) {
    match value {
        Value::String(text) => {
            if text.len() > chars {
                *text = cut(std::mem::take(text), chars);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| trim(item, chars)),
        Value::Object(fields) => {
            let kept: Option<&[&str]> = if fields.contains_key("login") {
                Some(&ACCOUNT)
            } else if fields.contains_key("full_name") && fields.contains_key("owner") {
                Some(&REPOSITORY)
            } else {
                None
            };
            fields
                .retain(|name, _| name != "_links" && kept.is_none_or(|kept| kept.contains(&name.as_str())));
            for (name, value) in fields.iter_mut() {
                if !MADE_UP.contains(&name.as_str()) {
                    trim(value, chars);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
