//! What is sent to make a job.

use super::command;
use super::name::JobName;
use super::settings::{JobSettings, LightningSettings};
use super::wire::START_MARGIN;
use crate::attempt::SubmitRecord;
use crate::inline::variables;
use crate::port::Submission;
use checkmill_core::Millis;
use checkmill_workflow::job::{Container, JobDescription, is_secret_variable};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

/// From the agent's start until it must have ended by itself, after the run's own limit.
const BACKSTOP: Millis = Millis::from_secs(120);

/// The body for a job in this cloud account, or why there is none.
pub(super) fn of(
    settings: &LightningSettings,
    submission: &Submission,
    name: &JobName,
    cluster: &str,
) -> Result<Value, String> {
    let mut description: JobDescription = serde_json::from_slice(&submission.description)
        .map_err(|error| format!("the job's description is none: {error}"))?;
    let job = settings.of(&submission.labels, &description.checkout.repository)?;
    let image = match settings.studio {
        Some(_) => String::new(),
        None => image(settings, &job, &mut description)?,
    };
    let record = SubmitRecord {
        key: submission.key.to_string(),
        name: submission.name.clone(),
        labels: submission.labels.clone(),
        submitted_ms: (settings.now)().0,
        backstop_ms: submission.run_timeout.0.saturating_add(BACKSTOP.0),
    };
    let latest_start = (settings.now)() + name.queue_timeout + START_MARGIN;
    let mappings = settings.mounts.iter().map(|mount| {
        json!({"connectionName": mount.connection, "connectionPath": mount.folder, "containerPath": mount.path})
    });
    Ok(json!({
        "name": name.to_string(),
        "spec": {
            "cloudspaceId": settings.studio.as_deref().unwrap_or_default(),
            "clusterId": cluster,
            "command": command::text(&submission.name, latest_start, &settings.agent),
            "entrypoint": "sh -c",
            "env": environment(settings, submission, &description, &record)?,
            "image": image,
            "imageClusterCredentials": false,
            "imageSecretRef": job.image_secret.as_deref().unwrap_or_default(),
            "instanceName": job.machine,
            // Whether it is run again is for its own policy to say.
            "maxRunAttempts": 1,
            "pathMappings": mappings.collect::<Vec<_>>(),
            "runId": submission.key.to_string(),
            "spot": description.interruptible || job.interruptible == Some(true),
            "volumes": [],
        },
    }))
}

/// The image of the job's container is the image of the whole job: its steps run there, and the agent with them.
fn image(
    settings: &LightningSettings,
    job: &JobSettings,
    description: &mut JobDescription,
) -> Result<String, String> {
    if !description.services.is_empty() {
        return Err("a job of an image has no container engine, and so no services".to_owned());
    }
    let Some(container) = description.container.take() else {
        return Ok(job.image.clone().unwrap_or_else(|| settings.image.clone()));
    };
    if let Some(what) = unusable(&container) {
        return Err(format!(
            "its container is the job itself, whose {what} Lightning AI does not take (docs/lightning.md)"
        ));
    }
    if !container.env.is_empty() {
        description.env.insert(0, container.env);
    }
    // A default that nobody asked for gives way to what the deployment says of such jobs.
    match &job.image {
        Some(image) if container.optional => Ok(image.clone()),
        _ => Ok(container.image),
    }
}

/// What a container asks of an engine.
fn unusable(container: &Container) -> Option<&'static str> {
    let asked = [
        (container.credentials.is_some(), "credentials"),
        (!container.ports.is_empty(), "ports"),
        (!container.volumes.is_empty(), "volumes"),
        (!container.options.is_empty(), "options"),
        (container.image.contains("${{"), "computed image"),
    ];
    asked
        .iter()
        .find(|(is_asked, _)| *is_asked)
        .map(|(_, what)| *what)
}

fn environment(
    settings: &LightningSettings,
    submission: &Submission,
    description: &JobDescription,
    record: &SubmitRecord,
) -> Result<Vec<Value>, String> {
    let description = serde_json::to_vec(description).map_err(|error| error.to_string())?;
    let mut variables = variables::pack(&description, record).map_err(|error| error.to_string())?;
    variables.extend(settings.environment.clone());
    for (name, value) in &submission.secrets {
        if !is_secret_variable(name) {
            return Err(format!("{name} is no variable for a secret"));
        }
        variables.push((name.clone(), value.expose_secret().to_owned()));
    }
    let pairs = variables.into_iter();
    Ok(pairs
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect())
}
