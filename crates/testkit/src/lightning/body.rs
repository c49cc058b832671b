//! What the service takes as a new job, and nothing else.

use serde_json::Value;

/// Of a spec: those that must be there, and those that may.
const REQUIRED: [&str; 7] = [
    "cloudspaceId",
    "clusterId",
    "command",
    "entrypoint",
    "env",
    "image",
    "instanceName",
];
const OPTIONAL: [&str; 14] = [
    "imageClusterCredentials",
    "imageSecretRef",
    "keepMachineAfterStop",
    "machineImageVersion",
    "maxRunAttempts",
    "pathMappings",
    "placementGroupId",
    "requestedRunDurationSeconds",
    "reserveMachinesTimeoutMinutes",
    "restartPolicy",
    "runId",
    "shutdownTimeoutSeconds",
    "spot",
    "volumes",
];
/// Slugs of this account.
const SLUGS: [&str; 8] = [
    "cpu-2",
    "cpu-4",
    "cpu-8",
    "cpu-16",
    "lit-t4-1",
    "lit-l4-1",
    "lit-l4-2",
    "lit-h100-8",
];
/// Linux: of one string of an environment or argument, in bytes.
const STRING_BYTES: usize = 128 * 1024;

/// What is wrong with it.
pub(super) fn wrong(body: &Value) -> Option<String> {
    let fields = body.as_object().into_iter().flatten();
    for (name, _) in fields {
        if !matches!(name.as_str(), "name" | "spec" | "tags") {
            return Some(format!("unknown field \"{name}\""));
        }
    }
    let name = body["name"].as_str().unwrap_or_default();
    if name.is_empty() || name.len() > 63 {
        return Some("name: 1 to 63 characters".to_owned());
    }
    let Some(spec) = body["spec"].as_object() else {
        return Some("spec is required".to_owned());
    };
    let missing = REQUIRED.iter().find(|name| !spec.contains_key(**name));
    if let Some(name) = missing {
        return Some(format!("spec.{name} is required"));
    }
    for (name, value) in spec {
        if !REQUIRED.contains(&name.as_str()) && !OPTIONAL.contains(&name.as_str()) {
            return Some(format!("unknown field \"spec.{name}\""));
        }
        if !has_form(name, value) {
            return Some(format!("invalid value for spec.{name}: {value}"));
        }
    }
    let text = |name: &str| spec[name].as_str().unwrap_or_default();
    if text("clusterId") != super::CLUSTER {
        return Some(format!("cluster {:?} not found", text("clusterId")));
    }
    if !SLUGS.contains(&text("instanceName")) {
        return Some(format!(
            "instance type {:?} is not available",
            text("instanceName")
        ));
    }
    match (text("image"), text("cloudspaceId")) {
        ("", super::STUDIO) => None,
        ("", _) => Some("either image or cloudspaceId is required".to_owned()),
        (_, "") => None,
        _ => Some("image and cloudspaceId exclude each other".to_owned()),
    }
}

fn has_form(name: &str, value: &Value) -> bool {
    let all = |fits: fn(&Value) -> bool| value.as_array().is_some_and(|items| items.iter().all(fits));
    match name {
        "imageClusterCredentials" | "keepMachineAfterStop" | "spot" => value.is_boolean(),
        "maxRunAttempts" | "shutdownTimeoutSeconds" | "reserveMachinesTimeoutMinutes" => value.is_u64(),
        "env" => all(is_pair),
        "pathMappings" => all(is_mapping),
        "volumes" => value.is_array(),
        _ => value.as_str().is_some_and(|text| text.len() < STRING_BYTES),
    }
}

fn has_exactly(value: &Value, names: &[&str]) -> bool {
    let fields = value.as_object();
    fields.is_some_and(|fields| {
        fields.len() == names.len()
            && names
                .iter()
                .all(|name| fields.get(*name).is_some_and(Value::is_string))
    })
}

fn is_pair(value: &Value) -> bool {
    let length = |name: &str| value[name].as_str().unwrap_or_default().len();
    has_exactly(value, &["name", "value"])
        && length("name") > 0
        && length("name") + length("value") < STRING_BYTES
}

fn is_mapping(value: &Value) -> bool {
    has_exactly(value, &["connectionName", "connectionPath", "containerPath"])
}
