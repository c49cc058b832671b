//! All files in one GraphQL request.

use super::{Content, Listed, ListedAt, Wanted, complete, is_workflow_file, too_large};
use crate::client::api::{Api, json};
use crate::client::failure::Failure;
use crate::client::http::Request;
use crate::client::retry::Repeat;
use crate::forge::{Beside, ForgeError, PlanningFiles, SourceContent};
use checkmill_core::{CommitSha, Millis};
use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::fmt::Write as _;

/// A webhook can be faster than GitHub's own copies: a commit that is not known is asked for once more, after this.
const COMMIT_WAIT: Millis = Millis::from_secs(2);

pub(super) const BLOB: &str = "... on Blob { text byteSize isBinary isTruncated }";

pub(in crate::client) enum ByGraphql {
    Files(PlanningFiles),
    /// The answer is larger than we take: other, huge files lie in the directories. One by one will do.
    TooMuch,
    NoGraphql,
}

#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    data: Option<Data>,
    #[serde(default)]
    errors: Vec<GraphqlError>,
}

#[derive(Debug, Deserialize)]
struct Data {
    #[serde(default)]
    repository: Option<Repository>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Repository {
    #[serde(default)]
    is_archived: bool,
    /// The aliases of the query.
    #[serde(flatten)]
    objects: HashMap<String, Option<Object>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct GraphqlError {
    #[serde(default)]
    message: String,
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    /// The aliases that it is about.
    #[serde(default)]
    pub(super) path: Vec<Value>,
}

/// A Git object of any kind; the fields of the other kinds are absent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Object {
    message: Option<String>,
    oid: Option<CommitSha>,
    entries: Option<Vec<Entry>>,
    #[serde(flatten)]
    blob: Blob,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Blob {
    text: Option<String>,
    byte_size: Option<u64>,
    is_binary: Option<bool>,
    is_truncated: bool,
}

#[derive(Debug, Deserialize)]
struct Entry {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    object: Option<Blob>,
}

/// What the query found, before files are read one by one where they must be.
#[derive(Debug)]
enum Read {
    Found {
        policy: Option<Listed>,
        listed: Vec<Listed>,
        default_branch: Option<ListedAt>,
        message: String,
        archived: bool,
    },
    NoCommit,
    TooMuch,
    NoGraphql,
}

pub(in crate::client) async fn by_graphql(
    api: &Api<'_>,
    wanted: &Wanted<'_>,
) -> Result<ByGraphql, ForgeError> {
    let what = || format!("the workflow files of {}", wanted.repo.name);
    let mut read = ask(api, wanted)
        .await
        .map_err(|failure| failure.into_forge(&what()))?;
    if matches!(read, Read::NoCommit) {
        (api.sleep)(COMMIT_WAIT).await;
        read = ask(api, wanted)
            .await
            .map_err(|failure| failure.into_forge(&what()))?;
    }
    match read {
        Read::Found {
            policy,
            listed,
            default_branch,
            message,
            archived,
        } => {
            let files = complete(api, wanted, policy, listed, default_branch, message).await;
            files
                .map(|files| ByGraphql::Files(PlanningFiles { archived, ..files }))
                .map_err(|failure| failure.into_forge(&what()))
        }
        Read::NoCommit => Err(ForgeError::NotFound(format!(
            "commit {} in {}",
            wanted.sha.short(),
            wanted.repo.name
        ))),
        Read::TooMuch => Ok(ByGraphql::TooMuch),
        Read::NoGraphql => Ok(ByGraphql::NoGraphql),
    }
}

async fn ask(api: &Api<'_>, wanted: &Wanted<'_>) -> Result<Read, Failure> {
    let body = json!({ "query": query(wanted.dirs.len(), wanted.beside), "variables": variables(wanted) });
    // A query changes nothing.
    let request = Request::send(Method::POST, api.url.graphql(), &body, Repeat::Safe);
    let response = match api.call(wanted.repo.installation, &request).await {
        Ok(response) => response,
        Err(Failure::Refused {
            status: 404 | 405, ..
        }) => return Ok(Read::NoGraphql),
        Err(Failure::Failed { status: 501, .. }) => return Ok(Read::NoGraphql),
        Err(Failure::TooLong { .. }) => return Ok(Read::TooMuch),
        Err(failure) => return Err(failure),
    };
    let answer: Answer = json(&response.body)?;
    let repository = match answer.data.and_then(|data| data.repository) {
        Some(repository) if answer.errors.is_empty() => repository,
        _ => return Err(failure_of(&answer.errors)),
    };
    Ok(found(wanted, repository))
}

/// The alias of a directory at the commit, and of one at the default branch's head.
const AT_COMMIT: &str = "d";
const AT_HEAD: &str = "h";

const fn trees(beside: Beside) -> &'static [&'static str] {
    match beside {
        Beside::Nothing => &[AT_COMMIT],
        Beside::DefaultBranch => &[AT_COMMIT, AT_HEAD],
    }
}

/// The text of the query. What comes from outside goes into its variables, never into its text.
fn query(dirs: usize, beside: Beside) -> String {
    let mut parameters = String::from("$owner: String!, $name: String!, $policy: String!, $commit: String!");
    let mut fields = String::new();
    if beside == Beside::DefaultBranch {
        parameters.push_str(", $head: String!");
        fields.push_str(" head: object(expression: $head) { ... on Commit { oid } }");
    }
    for at in 0..dirs {
        for alias in trees(beside) {
            // Writing to a String can't fail.
            let _ = write!(parameters, ", ${alias}{at}: String!");
            let _ = write!(
                fields,
                " {alias}{at}: object(expression: ${alias}{at}) {{ ... on Tree {{ entries {{ name type object {{ {BLOB} }} }} }} }}"
            );
        }
    }
    format!(
        "query PlanningFiles({parameters}) {{ repository(owner: $owner, name: $name) {{ \
         isArchived policy: object(expression: $policy) {{ {BLOB} }} \
         commit: object(expression: $commit) {{ ... on Commit {{ message }} }}{fields} }} }}"
    )
}

/// `HEAD:PATH` and `SHA:PATH` are git's own expressions; GitHub's HEAD is the default branch.
fn variables(wanted: &Wanted<'_>) -> Map<String, Value> {
    let mut variables = Map::from_iter([
        ("owner".to_owned(), json!(wanted.repo.name.owner())),
        ("name".to_owned(), json!(wanted.repo.name.name())),
        ("policy".to_owned(), json!(format!("HEAD:{}", wanted.policy))),
        ("commit".to_owned(), json!(wanted.sha)),
    ]);
    for (at, dir) in wanted.dirs.iter().enumerate() {
        variables.insert(format!("{AT_COMMIT}{at}"), json!(format!("{}:{dir}", wanted.sha)));
        if wanted.beside == Beside::DefaultBranch {
            variables.insert(format!("{AT_HEAD}{at}"), json!(format!("HEAD:{dir}")));
        }
    }
    if wanted.beside == Beside::DefaultBranch {
        variables.insert("head".to_owned(), json!("HEAD"));
    }
    variables
}

fn found(wanted: &Wanted<'_>, mut repository: Repository) -> Read {
    let mut take = |alias: &str| repository.objects.remove(alias).flatten();
    let Some(message) = take("commit").and_then(|commit| commit.message) else {
        return Read::NoCommit;
    };
    let policy = take("policy").and_then(|object| listed(wanted.policy.to_owned(), object.blob));
    let files = files(wanted, AT_COMMIT, &mut take);
    let head = take("head").and_then(|commit| commit.oid);
    let default_branch = head.map(|sha| ListedAt {
        sha,
        files: self::files(wanted, AT_HEAD, &mut take),
    });
    Read::Found {
        policy,
        listed: files,
        default_branch,
        message,
        archived: repository.is_archived,
    }
}

/// The workflow files of the directories under this alias.
fn files(wanted: &Wanted<'_>, alias: &str, take: &mut dyn FnMut(&str) -> Option<Object>) -> Vec<Listed> {
    let mut files = Vec::new();
    for (at, dir) in wanted.dirs.iter().enumerate() {
        let entries = take(&format!("{alias}{at}"))
            .and_then(|tree| tree.entries)
            .unwrap_or_default();
        let of_dir = entries
            .into_iter()
            .filter(|entry| entry.kind == "blob" && is_workflow_file(&entry.name));
        files.extend(of_dir.filter_map(|entry| {
            listed(format!("{dir}/{}", entry.name), entry.object.unwrap_or_default()).or_else(|| {
                Some(Listed {
                    path: format!("{dir}/{}", entry.name),
                    content: Content::Unread,
                })
            })
        }));
    }
    files
}

/// None where the object is no blob.
pub(super) fn listed(path: String, blob: Blob) -> Option<Listed> {
    let bytes = blob.byte_size?;
    let content = match blob.text {
        _ if too_large(bytes) => Content::Known(SourceContent::TooLarge(bytes)),
        _ if blob.is_binary == Some(true) => Content::Known(SourceContent::Binary),
        // GraphQL cuts texts above half a MiB.
        Some(text) if !blob.is_truncated => Content::Known(SourceContent::Text(text)),
        _ => Content::Unread,
    };
    Some(Listed { path, content })
}

/// GitHub answers 200 to a query that failed, and says in the errors how.
pub(super) fn failure_of(errors: &[GraphqlError]) -> Failure {
    let Some(first) = errors.first() else {
        return Failure::Refused {
            status: 404,
            message: "no such repository".to_owned(),
        };
    };
    let message: String = first
        .message
        .chars()
        .filter(|c| !c.is_control())
        .take(300)
        .collect();
    match first.kind.as_str() {
        "NOT_FOUND" => Failure::Refused { status: 404, message },
        "FORBIDDEN" | "INSUFFICIENT_SCOPES" => Failure::Refused { status: 403, message },
        "RATE_LIMITED" | "RATE_LIMIT" => Failure::RateLimited {
            wait: Millis::from_secs(60),
            message,
        },
        // "Something went wrong while executing your query": a time limit of GitHub's, or a fault.
        "" | "MAX_NODE_LIMIT_EXCEEDED" | "SERVICE_UNAVAILABLE" => Failure::Failed { status: 200, message },
        _ => Failure::Refused { status: 422, message },
    }
}

#[cfg(test)]
mod tests;
