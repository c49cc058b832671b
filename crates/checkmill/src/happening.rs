//! Events of a repository that `run` and `plan` make up: the fields of the webhook's payload that the command line and the
//! commit give.

use crate::cli::HappeningArgs;
use crate::source::Source;
use anyhow::{Context as _, bail};
use checkmill_core::event::{Activities, GitRef, RepositoryEventName};
use serde_json::{Map, Value, json};

/// The payload but for `repository`, `sender` and `installation`; of an event of a pull request without that.
///
/// # Errors
/// A type that the event hasn't, or a file that is no JSON object.
pub(crate) fn payload(
    name: RepositoryEventName,
    args: &HappeningArgs,
    source: &Source,
) -> anyhow::Result<Value> {
    let mut fields = made_up(name, source);
    if let Some(action) = activity(name, args.activity.as_deref())? {
        fields.insert("action".to_owned(), Value::String(action));
    }
    if let Some(path) = &args.payload {
        let shown = path.display();
        let text = std::fs::read(path).with_context(|| format!("{shown} can't be read."))?;
        let given: Map<String, Value> =
            serde_json::from_slice(&text).with_context(|| format!("{shown} must be a JSON object."))?;
        fields.extend(given);
    }
    Ok(Value::Object(fields))
}

/// Whether these arguments are for another event than this one.
///
/// # Errors
/// Where they are there.
pub(crate) fn refuse(args: &HappeningArgs) -> anyhow::Result<()> {
    if args.activity.is_some() || args.payload.is_some() {
        bail!("--type and --payload go with the event of a repository, such as --event issues.");
    }
    Ok(())
}

fn activity(name: RepositoryEventName, given: Option<&str>) -> anyhow::Result<Option<String>> {
    let event = name.as_str();
    match (name.activities(), given) {
        (Activities::None, None) => Ok(None),
        (Activities::None, Some(_)) => bail!("{event} has no activity types."),
        (Activities::Custom, None) => bail!("Name the type of {event} with --type."),
        (Activities::Types(types), None) => Ok(types.first().map(|first| (*first).to_owned())),
        (Activities::Types(types), Some(given)) if !types.contains(&given) => {
            bail!("{event} has no type {given:?}. There is: {}.", types.join(", "))
        }
        (_, Some(given)) => Ok(Some(given.to_owned())),
    }
}

/// What an event can't do without.
fn made_up(name: RepositoryEventName, source: &Source) -> Map<String, Value> {
    let git_ref = GitRef::parse(&source.git_ref);
    let short = git_ref.as_ref().map_or("main", GitRef::short);
    let deployment = json!({
        "id": 1,
        "sha": source.sha.as_str(),
        "ref": short,
        "task": "deploy",
        "environment": "production",
        "payload": {},
    });
    let fields = match name {
        RepositoryEventName::Create => json!({
            "ref": short,
            "ref_type": if matches!(git_ref, Some(GitRef::Tag(_))) { "tag" } else { "branch" },
        }),
        RepositoryEventName::Delete => json!({ "ref": "old", "ref_type": "branch" }),
        RepositoryEventName::Deployment => json!({ "deployment": deployment }),
        RepositoryEventName::DeploymentStatus => json!({
            "deployment": deployment,
            "deployment_status": { "id": 1, "state": "success", "environment": "production" },
        }),
        RepositoryEventName::CheckRun => json!({
            "check_run": {
                "id": 1,
                "name": "build",
                "head_sha": source.sha.as_str(),
                "status": "completed",
                "conclusion": "success",
                "app": { "id": 0, "slug": "another" },
            },
        }),
        RepositoryEventName::CheckSuite => json!({
            "check_suite": {
                "id": 1,
                "head_sha": source.sha.as_str(),
                "status": "completed",
                "conclusion": "success",
                "app": { "id": 0, "slug": "another" },
            },
        }),
        RepositoryEventName::Status => json!({
            "sha": source.sha.as_str(),
            "state": "success",
            "context": "default",
        }),
        RepositoryEventName::RepositoryDispatch => json!({ "branch": short, "client_payload": {} }),
        _ => json!({}),
    };
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
