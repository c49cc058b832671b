//! The API's paths.

use super::cloud::{Cloud, State};
use crate::timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use checkmill_core::UnixMillis;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Of a page of jobs, whatever is asked for.
const PAGE_JOBS: usize = 100;

/// A request without the server's part of it.
pub(super) struct Asked {
    pub(super) method: String,
    /// Without `/v1/`.
    pub(super) path: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) authorization: Option<String>,
    pub(super) body: Vec<u8>,
}

/// Status and body.
pub(super) type Answer = (u16, Vec<u8>);

fn said(status: u16, code: u32, message: &str) -> Answer {
    let body = json!({"code": code, "message": message, "details": []});
    (status, body.to_string().into_bytes())
}

fn shown(value: &Value) -> Answer {
    (200, value.to_string().into_bytes())
}

pub(super) fn answer(cloud: &Arc<Cloud>, asked: &Asked) -> Answer {
    if let Some(id) = asked.path.strip_prefix("files/") {
        return file(cloud, asked, id);
    }
    if !is_known(&cloud.lock(), asked.authorization.as_deref()) {
        return said(401, 16, "unauthenticated");
    }
    let parts: Vec<&str> = asked.path.split('/').collect();
    let allowed: &[&str] = match (asked.method.as_str(), &parts[..]) {
        ("GET", ["memberships"]) => &["filterByUserId"],
        ("GET", ["projects", _, "jobs"]) => &[
            "standalone",
            "state",
            "limit",
            "pageToken",
            "sortBy",
            "sortOrder",
            "tagIds",
            "userId",
        ],
        ("GET", ["projects", _, "jobs", "find"]) => &["name"],
        ("GET", ["projects", _, "page-logs"]) => &[
            "jobIds",
            "since",
            "until",
            "query",
            "severity",
            "pageSize",
            "pageToken",
        ],
        ("DELETE", ["projects", _, "jobs", _]) => &["cloudspaceId"],
        _ => &[],
    };
    if let Some(name) = asked.query.keys().find(|name| !allowed.contains(&name.as_str())) {
        return said(400, 3, &format!("unknown parameter {name:?}"));
    }
    let rest = match &parts[..] {
        ["memberships"] if asked.method == "GET" => {
            return shown(&json!({"memberships": [
                {"projectId": "p-00", "name": "research", "ownerId": "o-1", "ownerType": "organization"},
                {"projectId": super::PROJECT, "name": super::TEAMSPACE, "ownerId": super::USER, "ownerType": "user"},
            ]}));
        }
        ["projects", super::PROJECT, rest @ ..] => rest,
        ["projects", ..] => return said(404, 5, "project not found"),
        _ => return said(404, 5, "Not Found"),
    };
    match (asked.method.as_str(), rest) {
        ("GET", []) => shown(&json!({
            "id": super::PROJECT, "name": super::TEAMSPACE,
            "projectSettings": {"preferredCluster": super::CLUSTER, "startStudioOnSpotInstance": false},
        })),
        ("GET", ["jobs"]) => list(&cloud.lock(), asked),
        ("POST", ["jobs"]) => match serde_json::from_slice(&asked.body) {
            Ok(body) => match super::body::wrong(&body) {
                Some(wrong) => said(400, 3, &wrong),
                None => shown(&cloud.make(&body)),
            },
            Err(error) => said(400, 3, &error.to_string()),
        },
        ("GET", ["page-logs"]) => page(cloud, asked),
        ("GET", ["jobs", "find"]) => {
            let state = cloud.lock();
            let found = state
                .jobs
                .iter()
                .find(|job| Some(&job.name) == asked.query.get("name"));
            found.map_or_else(|| said(404, 5, "job not found"), |job| shown(&job.shown(&state)))
        }
        (method, ["jobs", id, rest @ ..]) => one(cloud, asked, method, id, rest),
        _ => said(404, 5, "Not Found"),
    }
}

fn is_known(state: &State, authorization: Option<&str>) -> bool {
    let basic = STANDARD.encode(format!("{}:{}", super::USER, super::KEY));
    let known = [
        format!("Basic {basic}"),
        format!("Bearer {}", super::KEY),
        format!("Bearer {}", state.token),
    ];
    authorization.is_some_and(|sent| known.iter().any(|known| known == sent))
}

fn list(state: &State, asked: &Asked) -> Answer {
    let from: usize = match asked.query.get("pageToken").map(|token| token.parse()) {
        None => 0,
        Some(Ok(from)) => from,
        Some(Err(_)) => return said(400, 3, "invalid page token"),
    };
    let limit = asked
        .query
        .get("limit")
        .and_then(|limit| limit.parse().ok())
        .unwrap_or(PAGE_JOBS);
    let to = state.jobs.len().min(from + limit.clamp(1, PAGE_JOBS));
    let jobs: Vec<Value> = state
        .jobs
        .get(from..to)
        .unwrap_or_default()
        .iter()
        .map(|job| job.shown(state))
        .collect();
    let next = if to < state.jobs.len() {
        to.to_string()
    } else {
        String::new()
    };
    shown(&json!({"jobs": jobs, "nextPageToken": next}))
}

fn page(cloud: &Cloud, asked: &Asked) -> Answer {
    let mut state = cloud.lock();
    let Some(most) = state.page_entries else {
        return said(404, 5, "Not Found");
    };
    let Some(id) = asked.query.get("jobIds") else {
        return said(400, 3, "jobIds is required");
    };
    let Some(job) = state.job(id) else {
        return shown(&json!({"entries": [], "nextPageToken": "", "followUrl": ""}));
    };
    let from: usize = match asked.query.get("pageToken").map(|token| token.parse()) {
        None => 0,
        Some(Ok(from)) => from,
        Some(Err(_)) => return said(400, 3, "invalid page token"),
    };
    let size = asked
        .query
        .get("pageSize")
        .and_then(|size| size.parse().ok())
        .unwrap_or(most);
    let all = job.entries();
    let to = all.len().min(from + size.clamp(1, most));
    let entries: Vec<Value> = all.get(from..to).unwrap_or_default().iter().enumerate().map(|(line, (at, message))| {
        json!({"message": message, "timestamp": timestamp::format(UnixMillis(*at)), "line": (from + line).to_string(), "severity": "INFO", "resourceId": id})
    }).collect();
    let next = if to < all.len() {
        to.to_string()
    } else {
        String::new()
    };
    shown(&json!({"entries": entries, "nextPageToken": next, "followUrl": format!("{}/follow", cloud.url)}))
}

fn one(cloud: &Cloud, asked: &Asked, method: &str, id: &str, rest: &[&str]) -> Answer {
    let now = cloud.now();
    let mut state = cloud.lock();
    let has_download = state.has_download;
    let Some(job) = state.job(id) else {
        return said(404, 5, "job not found");
    };
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    match (method, rest) {
        ("GET", []) => {
            let job = job.clone();
            shown(&job.shown(&state))
        }
        ("PUT", []) if body != json!({"state": "stop"}) => said(400, 3, "invalid body"),
        ("PUT", []) if job.is_final() => said(400, 9, "the job is in a final state"),
        ("PUT", []) => {
            job.stop(now);
            let job = job.clone();
            shown(&job.shown(&state))
        }
        ("DELETE", []) if !asked.query.contains_key("cloudspaceId") => {
            said(400, 3, "cloudspaceId is required")
        }
        ("DELETE", []) if body != json!({}) => said(400, 3, "invalid body"),
        ("DELETE", []) if !job.is_final() => said(400, 9, "the job has not ended"),
        ("DELETE", []) => {
            state.jobs.retain(|job| job.id != id);
            shown(&json!({}))
        }
        ("GET", ["download-logs"]) if has_download && job.is_final() => {
            shown(&json!({"url": format!("{}/v1/files/{id}?signature=of-the-store", cloud.url)}))
        }
        ("GET", ["download-logs"]) => said(404, 5, "no logs"),
        _ => said(404, 5, "Not Found"),
    }
}

/// The store of files, which is another service and takes no other way to ask.
fn file(cloud: &Cloud, asked: &Asked, id: &str) -> Answer {
    if asked.authorization.is_some() {
        return (400, b"<Error>Only one auth mechanism allowed</Error>".to_vec());
    }
    if asked.query.get("signature").map(String::as_str) != Some("of-the-store") {
        return (403, b"<Error>AccessDenied</Error>".to_vec());
    }
    let mut state = cloud.lock();
    let Some(job) = state.job(id) else {
        return (404, b"<Error>NoSuchKey</Error>".to_vec());
    };
    let lines = job.entries().into_iter();
    let text: String = lines
        .map(|(at, line)| format!("[{}] {line}\n", timestamp::format(UnixMillis(at))))
        .collect();
    (200, text.into_bytes())
}
