//! Single files of other repositories, each at a ref: all in one GraphQL request; where there is no GraphQL, three REST requests
//! each.

use super::graphql::{BLOB, Blob, GraphqlError, failure_of, listed};
use super::{Content, read};
use crate::client::api::{Api, json};
use crate::client::failure::Failure;
use crate::client::http::Request;
use crate::client::path::segments;
use crate::client::retry::Repeat;
use crate::forge::{FileAtRef, ForgeError, FoundFile, RepoRef, SourceContent};
use checkmill_core::CommitSha;
use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json as to_json};
use std::collections::HashMap;
use std::fmt::Write as _;

/// What the request found, before files are read one by one where they must be.
type Found = Result<(CommitSha, bool, Content), FoundFile>;

#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    data: Option<HashMap<String, Option<Repository>>>,
    #[serde(default)]
    errors: Vec<GraphqlError>,
}

#[derive(Debug, Deserialize)]
struct Repository {
    #[serde(rename = "isPrivate")]
    is_private: bool,
    #[serde(default)]
    commit: Option<Object>,
    #[serde(default)]
    file: Option<Blob>,
}

/// A commit, or a tag with its target.
#[derive(Debug, Deserialize)]
struct Object {
    #[serde(rename = "__typename")]
    kind: String,
    oid: String,
    #[serde(default)]
    target: Option<Box<Self>>,
}

/// None where the server answers no GraphQL.
pub(in crate::client) async fn files_by_graphql(
    api: &Api<'_>,
    repo: &RepoRef,
    wanted: &[FileAtRef],
) -> Result<Option<Vec<FoundFile>>, ForgeError> {
    let outcome = async {
        let body = to_json!({ "query": query(wanted.len()), "variables": variables(wanted) });
        let request = Request::send(Method::POST, api.url.graphql(), &body, Repeat::Safe);
        let response = match api.call(repo.installation, &request).await {
            Ok(response) => response,
            Err(
                Failure::Refused {
                    status: 404 | 405, ..
                }
                | Failure::Failed { status: 501, .. },
            ) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let found = found(wanted, json(&response.body)?)?;
        let mut files = Vec::with_capacity(wanted.len());
        for (of, found) in wanted.iter().zip(found) {
            files.push(match found {
                Ok((sha, private, content)) => complete(api, repo, of, sha, private, content).await?,
                Err(nothing) => nothing,
            });
        }
        Ok(Some(files))
    };
    outcome.await.map_err(|failure| failure.into_forge(WHAT))
}

const WHAT: &str = "the workflow files of other repositories";

/// The text of the query. What comes from outside goes into its variables, never into its text.
fn query(files: usize) -> String {
    let (mut parameters, mut fields) = (Vec::with_capacity(files), String::new());
    for at in 0..files {
        parameters.push(format!(
            "$o{at}: String!, $n{at}: String!, $c{at}: String!, $f{at}: String!"
        ));
        // Writing to a String can't fail. GitHub docs: renamed repositories are not followed here.
        let _ = write!(
            fields,
            " r{at}: repository(owner: $o{at}, name: $n{at}, followRenames: false) {{ isPrivate commit: object(expression: \
             $c{at}) {{ __typename oid ... on Tag {{ target {{ __typename oid }} }} }} file: object(expression: $f{at}) {{ \
             {BLOB} }} }}"
        );
    }
    format!("query WorkflowFiles({}) {{{fields} }}", parameters.join(", "))
}

fn variables(wanted: &[FileAtRef]) -> Map<String, Value> {
    let mut variables = Map::new();
    for (at, of) in wanted.iter().enumerate() {
        variables.insert(format!("o{at}"), to_json!(of.repository.owner()));
        variables.insert(format!("n{at}"), to_json!(of.repository.name()));
        variables.insert(format!("c{at}"), to_json!(of.git_ref));
        variables.insert(format!("f{at}"), to_json!(format!("{}:{}", of.git_ref, of.path)));
    }
    variables
}

/// A repository that is not there is an error beside the data of the others.
fn found(wanted: &[FileAtRef], answer: Answer) -> Result<Vec<Found>, Failure> {
    let is_of_one = |error: &GraphqlError| {
        let alias = error.path.first().and_then(Value::as_str);
        alias.is_some_and(|alias| alias.starts_with('r'))
            && matches!(error.kind.as_str(), "NOT_FOUND" | "FORBIDDEN")
    };
    let data = match answer.data {
        Some(data) if answer.errors.iter().all(is_of_one) => data,
        _ => return Err(failure_of(&answer.errors)),
    };
    let mut repositories = data;
    let found = wanted.iter().enumerate().map(|(at, of)| {
        let repository = repositories.remove(&format!("r{at}")).flatten();
        let repository = repository.ok_or(FoundFile::NoRepository)?;
        let sha = repository.commit.and_then(commit).ok_or(FoundFile::NoRef)?;
        let file = repository.file.and_then(|blob| listed(of.path.clone(), blob));
        let file = file.ok_or(FoundFile::NoFile)?;
        Ok((sha, repository.is_private, file.content))
    });
    Ok(found.collect())
}

fn commit(object: Object) -> Option<CommitSha> {
    match object.kind.as_str() {
        "Commit" => object.oid.parse().ok(),
        "Tag" => commit(*object.target?),
        _ => None,
    }
}

async fn complete(
    api: &Api<'_>,
    repo: &RepoRef,
    of: &FileAtRef,
    sha: CommitSha,
    private: bool,
    content: Content,
) -> Result<FoundFile, Failure> {
    let content = match content {
        Content::Known(content) => Some(content),
        Content::Unread => content_of(api, repo, of, &sha).await?,
    };
    Ok(match content {
        Some(content) => FoundFile::File {
            sha,
            private,
            content,
        },
        None => FoundFile::NoFile,
    })
}

async fn content_of(
    api: &Api<'_>,
    repo: &RepoRef,
    of: &FileAtRef,
    sha: &CommitSha,
) -> Result<Option<SourceContent>, Failure> {
    let other = RepoRef {
        name: of.repository.clone(),
        ..repo.clone()
    };
    read(api, &other, &of.path, Some(sha)).await
}

#[derive(Debug, Deserialize)]
struct RepositoryPage {
    #[serde(default)]
    private: bool,
}

#[derive(Debug, Deserialize)]
struct CommitPage {
    sha: CommitSha,
}

pub(in crate::client) async fn files_by_rest(
    api: &Api<'_>,
    repo: &RepoRef,
    wanted: &[FileAtRef],
) -> Result<Vec<FoundFile>, ForgeError> {
    let mut files = Vec::with_capacity(wanted.len());
    for of in wanted {
        let file = one_by_rest(api, repo, of).await;
        files.push(file.map_err(|failure| failure.into_forge(WHAT))?);
    }
    Ok(files)
}

async fn one_by_rest(api: &Api<'_>, repo: &RepoRef, of: &FileAtRef) -> Result<FoundFile, Failure> {
    let page: RepositoryPage = match api
        .get(repo.installation, &format!("/repos/{}", of.repository))
        .await
    {
        Ok(page) => page,
        Err(failure) if failure.is_refused_with(404) || failure.is_refused_with(403) => {
            return Ok(FoundFile::NoRepository);
        }
        Err(failure) => return Err(failure),
    };
    let path = format!("/repos/{}/commits/{}", of.repository, segments(&of.git_ref));
    let commit: CommitPage = match api.get(repo.installation, &path).await {
        Ok(commit) => commit,
        // GitHub answers 422 for a commit that is not there, 409 for an empty repository.
        Err(failure)
            if [404, 409, 422]
                .iter()
                .any(|status| failure.is_refused_with(*status)) =>
        {
            return Ok(FoundFile::NoRef);
        }
        Err(failure) => return Err(failure),
    };
    complete(api, repo, of, commit.sha, page.private, Content::Unread).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(files: &[&str]) -> Vec<FileAtRef> {
        let file = |name: &&str| FileAtRef {
            repository: "octo/shared".parse().unwrap(),
            git_ref: "v1".to_owned(),
            path: format!(".github/workflows/{name}"),
        };
        files.iter().map(file).collect()
    }

    #[test]
    fn the_query_holds_no_text_from_outside() {
        insta::assert_snapshot!(query(2), @"query WorkflowFiles($o0: String!, $n0: String!, $c0: String!, $f0: String!, $o1: String!, $n1: String!, $c1: String!, $f1: String!) { r0: repository(owner: $o0, name: $n0, followRenames: false) { isPrivate commit: object(expression: $c0) { __typename oid ... on Tag { target { __typename oid } } } file: object(expression: $f0) { ... on Blob { text byteSize isBinary isTruncated } } } r1: repository(owner: $o1, name: $n1, followRenames: false) { isPrivate commit: object(expression: $c1) { __typename oid ... on Tag { target { __typename oid } } } file: object(expression: $f1) { ... on Blob { text byteSize isBinary isTruncated } } } }");
        insta::assert_snapshot!(Value::Object(variables(&wanted(&["a.yml"]))), @r#"{"c0":"v1","f0":"v1:.github/workflows/a.yml","n0":"shared","o0":"octo"}"#);
    }

    #[test]
    fn what_is_there_and_what_is_not() {
        let sha = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";
        let commit = to_json!({"__typename": "Commit", "oid": sha});
        let tag = to_json!({"__typename": "Tag", "oid": "0".repeat(40), "target": commit});
        let blob = to_json!({"text": "on: push", "byteSize": 8, "isBinary": false, "isTruncated": false});
        let answer = to_json!({
            "data": {
                "r0": {"isPrivate": false, "commit": commit, "file": blob},
                "r1": {"isPrivate": true, "commit": tag, "file": blob},
                "r2": {"isPrivate": false, "commit": null, "file": null},
                "r3": {"isPrivate": false, "commit": commit, "file": null},
                "r4": {"isPrivate": false, "commit": commit, "file": {}},
                "r5": null,
            },
            "errors": [{"type": "NOT_FOUND", "path": ["r5"], "message": "Could not resolve"}],
        });
        let wanted = wanted(&["0", "1", "2", "3", "4", "5"]);
        let found = found(&wanted, serde_json::from_value(answer).unwrap()).unwrap();
        let there = |private| {
            let content = Content::Known(SourceContent::Text("on: push".to_owned()));
            Ok((sha.parse().unwrap(), private, content))
        };
        assert_eq!(
            found,
            [
                there(false),
                there(true),
                Err(FoundFile::NoRef),
                Err(FoundFile::NoFile),
                Err(FoundFile::NoFile),
                Err(FoundFile::NoRepository),
            ]
        );
    }

    #[test]
    fn an_error_of_all_is_no_answer() {
        let answer =
            to_json!({"data": {"r0": null}, "errors": [{"type": "RATE_LIMITED", "message": "slow"}]});
        let found = found(&wanted(&["a"]), serde_json::from_value(answer).unwrap());
        assert!(matches!(found, Err(Failure::RateLimited { .. })));
    }
}
