//! The objects that a query walks over, and their fields.

use super::execute::{Arguments, Outcome};
use super::schema::TypeName;
use crate::content::{Commit, Entry, File, FileMode, Tree};
use crate::git_object::Signature;
use crate::json::node_id;
use crate::server::auth::Principal;
use crate::state::State;
use crate::state::permission::{Access, Permission};
use crate::state::repository::{Repository, TagObject};
use crate::timestamp;
use checkmill_core::CommitSha;
use serde_json::Value;
use std::sync::Arc;

/// GitHub cuts `Blob.text` at 512,000 bytes and says so in `isTruncated` (seen by sveltia/sveltia-cms #950; the limit is
/// not documented). That the cut keeps characters whole is assumed.
const BLOB_TEXT_BYTES: usize = 512_000;
/// Git calls a file binary when its first 8,000 bytes hold a NUL.
const BINARY_PROBE_BYTES: usize = 8000;

#[derive(Clone)]
pub(super) enum Node<'s> {
    Query,
    Repository(&'s Repository),
    Owner(&'s Repository),
    /// With its full name.
    Ref(&'s Repository, String, CommitSha),
    Commit(&'s Repository, Arc<Commit>),
    Directory(&'s Repository, Arc<Tree>, String),
    Tag(&'s Repository, &'s TagObject),
    Blob(&'s Repository, File),
    /// A path of a tree.
    TreeEntry(&'s Repository, Arc<Tree>, String),
    Actor(Signature),
    RateLimit,
}

impl Node<'_> {
    pub(super) const fn type_name(&self) -> TypeName {
        match self {
            Self::Query => TypeName::Query,
            Self::Repository(_) => TypeName::Repository,
            Self::Owner(_) => TypeName::RepositoryOwner,
            Self::Ref(..) => TypeName::Ref,
            Self::Commit(..) => TypeName::Commit,
            Self::Directory(..) => TypeName::Tree,
            Self::Tag(..) => TypeName::Tag,
            Self::Blob(..) => TypeName::Blob,
            Self::TreeEntry(..) => TypeName::TreeEntry,
            Self::Actor(_) => TypeName::GitActor,
            Self::RateLimit => TypeName::RateLimit,
        }
    }
}

/// A field that the schema has. A name that slips through gives null; validation refuses it before.
pub(super) fn resolve<'s>(
    state: &'s State,
    principal: &Principal,
    node: &Node<'s>,
    name: &str,
    arguments: &Arguments<'_, '_, '_, '_>,
) -> Outcome<'s> {
    match node {
        Node::Query => query(state, principal, name, arguments),
        Node::Repository(repo) => repository(state, principal, repo, name, arguments),
        Node::Owner(repo) => owner(state, repo, name),
        Node::Ref(repo, full, sha) => git_ref(state, repo, full, sha, name),
        Node::Commit(repo, commit) => of_commit(state, repo, commit, name, arguments),
        Node::Directory(repo, tree, path) => directory(repo, tree, path, name),
        Node::Tag(repo, tag) => Outcome::Scalar(match name {
            "name" => tag.name.as_str().into(),
            "message" => tag.message.as_str().into(),
            "target" => return commit_node(state, repo, &tag.target),
            _ => object_id(&tag.id, name),
        }),
        Node::Blob(repo, file) => Outcome::Scalar(blob(state, repo, file, name)),
        Node::TreeEntry(repo, tree, path) => tree_entry(repo, tree, path, name),
        Node::Actor(who) => Outcome::Scalar(match name {
            "name" => who.name.as_str().into(),
            "email" => who.email.as_str().into(),
            "date" => who.date().into(),
            _ => Value::Null,
        }),
        Node::RateLimit => Outcome::Scalar(rate_limit(state, principal, name)),
    }
}

fn query<'s>(
    state: &'s State,
    principal: &Principal,
    name: &str,
    arguments: &Arguments<'_, '_, '_, '_>,
) -> Outcome<'s> {
    if name == "rateLimit" {
        return Outcome::Node(Some(Node::RateLimit));
    }
    let owner = arguments.text("owner").unwrap_or_default();
    let repo_name = arguments.text("name").unwrap_or_default();
    let visible = state
        .repository_named(&owner, &repo_name)
        .filter(|repo| !repo.private || principal.reaches(state, repo));
    match visible {
        Some(repo) => Outcome::Node(Some(Node::Repository(repo))),
        None => Outcome::Error(
            "NOT_FOUND",
            format!("Could not resolve to a Repository with the name '{owner}/{repo_name}'."),
        ),
    }
}

fn repository<'s>(
    state: &'s State,
    principal: &Principal,
    repo: &'s Repository,
    name: &str,
    arguments: &Arguments<'_, '_, '_, '_>,
) -> Outcome<'s> {
    let reads_code = matches!(name, "object" | "ref" | "defaultBranchRef");
    let denied = || {
        principal
            .check(state, repo, Access::Read, &[Permission::Contents])
            .is_err()
    };
    if reads_code && denied() {
        return Outcome::Error("FORBIDDEN", "Resource not accessible by integration".to_owned());
    }
    Outcome::Scalar(match name {
        "id" => node_id("R", repo.id.0),
        "databaseId" => repo.id.0.into(),
        "name" => repo.name.name().into(),
        "nameWithOwner" => repo.name.to_string().into(),
        "isPrivate" => repo.private.into(),
        "isArchived" => repo.archived.into(),
        "isFork" => repo.fork_of.is_some().into(),
        "url" => state.repository_web_url(repo).into(),
        "owner" => return Outcome::Node(Some(Node::Owner(repo))),
        "defaultBranchRef" => return named_ref(repo, &format!("refs/heads/{}", repo.default_branch)),
        "ref" => {
            let given = arguments.text("qualifiedName").unwrap_or_default();
            let full = [
                given.clone(),
                format!("refs/heads/{given}"),
                format!("refs/tags/{given}"),
            ];
            let known = full.iter().find(|name| repo.refs.contains_key(*name));
            return known.map_or(Outcome::Node(None), |name| named_ref(repo, name));
        }
        "object" => {
            let expression = arguments.text("expression").or_else(|| arguments.text("oid"));
            return Outcome::Node(expression.and_then(|e| object(state, repo, &e)));
        }
        _ => Value::Null,
    })
}

fn named_ref<'s>(repo: &'s Repository, full: &str) -> Outcome<'s> {
    let sha = repo.refs.get(full);
    Outcome::Node(sha.map(|sha| Node::Ref(repo, full.to_owned(), sha.clone())))
}

/// A revision as git writes it: `REV` is a commit, `REV:PATH` what the commit has there. `REV:` is its root.
fn object<'s>(state: &'s State, repo: &'s Repository, expression: &str) -> Option<Node<'s>> {
    let objects = state.objects_of(repo);
    let (revision, path) = match expression.split_once(':') {
        Some((revision, path)) => (revision, Some(path)),
        None => (expression, None),
    };
    let sha = state.resolve(repo, revision)?;
    let Some(path) = path else {
        if let Some(tag) = state.tag_object(repo, revision) {
            return Some(Node::Tag(repo, tag));
        }
        return Some(Node::Commit(repo, Arc::new(objects.commit(&sha)?)));
    };
    at(repo, objects.tree(&sha)?, path.trim_end_matches('/'))
}

fn at<'s>(repo: &'s Repository, tree: Arc<Tree>, path: &str) -> Option<Node<'s>> {
    let file = match tree.at(path)? {
        Entry::File(file) => Some(file.clone()),
        Entry::Directory(_) => None,
    };
    Some(match file {
        Some(file) => Node::Blob(repo, file),
        None => Node::Directory(repo, tree, path.to_owned()),
    })
}

fn owner<'s>(state: &'s State, repo: &Repository, name: &str) -> Outcome<'s> {
    let login = repo.name.owner();
    let user = login.parse().map_or(Value::Null, |login| state.user_json(&login));
    Outcome::Scalar(match name {
        "login" => login.into(),
        "url" => user["html_url"].clone(),
        _ => user["node_id"].clone(),
    })
}

fn git_ref<'s>(
    state: &'s State,
    repo: &'s Repository,
    full: &str,
    sha: &CommitSha,
    name: &str,
) -> Outcome<'s> {
    let split = full.rfind('/').filter(|_| !full.starts_with("refs/"));
    let (prefix, short) = match split {
        Some(at) => full.split_at(at + 1),
        None => {
            let prefix = if full.starts_with("refs/tags/") {
                "refs/tags/"
            } else {
                "refs/heads/"
            };
            (prefix, full.strip_prefix(prefix).unwrap_or(full))
        }
    };
    Outcome::Scalar(match name {
        "id" => format!("REF_{full}").into(),
        "name" => short.into(),
        "prefix" => prefix.into(),
        _ => {
            return match repo.tag_objects.get(full) {
                Some(tag) => Outcome::Node(Some(Node::Tag(repo, tag))),
                None => commit_node(state, repo, sha),
            };
        }
    })
}

fn commit_node<'s>(state: &'s State, repo: &'s Repository, sha: &CommitSha) -> Outcome<'s> {
    let commit = state.objects_of(repo).commit(sha);
    Outcome::Node(commit.map(|commit| Node::Commit(repo, Arc::new(commit))))
}

fn of_commit<'s>(
    state: &'s State,
    repo: &'s Repository,
    commit: &Commit,
    name: &str,
    arguments: &Arguments<'_, '_, '_, '_>,
) -> Outcome<'s> {
    let (headline, body) = commit.message.split_once('\n').unwrap_or((&commit.message, ""));
    let tree = || state.objects_of(repo).tree(&commit.sha);
    Outcome::Scalar(match name {
        "message" => commit.message.as_str().into(),
        "messageHeadline" => headline.into(),
        "messageBody" => body.trim_start_matches('\n').into(),
        "authoredDate" => commit.author.date().into(),
        "committedDate" => commit.committer.date().into(),
        "author" => return Outcome::Node(Some(Node::Actor(commit.author.clone()))),
        "committer" => return Outcome::Node(Some(Node::Actor(commit.committer.clone()))),
        "tree" => return Outcome::Node(tree().map(|tree| Node::Directory(repo, tree, String::new()))),
        "file" => {
            let path = arguments.text("path").unwrap_or_default();
            let entry = tree().filter(|tree| tree.at(&path).is_some());
            return Outcome::Node(entry.map(|tree| Node::TreeEntry(repo, tree, path)));
        }
        _ => object_id(commit.sha.as_str(), name),
    })
}

fn object_id(id: &str, name: &str) -> Value {
    match name {
        "oid" => id.into(),
        "abbreviatedOid" => id.get(..7).unwrap_or(id).into(),
        "id" => format!("GO_{id}").into(),
        _ => Value::Null,
    }
}

fn directory<'s>(repo: &'s Repository, tree: &Arc<Tree>, path: &str, name: &str) -> Outcome<'s> {
    if name != "entries" {
        return Outcome::Scalar(object_id(&tree.directory_id(path), name));
    }
    let children = tree.children(path).unwrap_or_default();
    let entries = children.keys().map(|name| {
        let path = if path.is_empty() {
            (*name).to_owned()
        } else {
            format!("{path}/{name}")
        };
        Node::TreeEntry(repo, Arc::clone(tree), path)
    });
    Outcome::List(entries.collect())
}

fn tree_entry<'s>(repo: &'s Repository, tree: &Arc<Tree>, path: &str, name: &str) -> Outcome<'s> {
    let file_name = path.rsplit('/').next().unwrap_or(path);
    let (kind, id, mode, size) = match tree.at(path) {
        Some(Entry::File(file)) => {
            let mode = match file.mode {
                FileMode::Regular => 0o100_644,
                FileMode::Executable => 0o100_755,
                FileMode::SymbolicLink => 0o120_000,
            };
            ("blob", file.id.clone(), mode, file.size_bytes)
        }
        Some(Entry::Directory(id)) => ("tree", id, 0o040_000, 0),
        None => return Outcome::Scalar(Value::Null),
    };
    Outcome::Scalar(match name {
        "name" => file_name.into(),
        "path" => path.into(),
        "type" => kind.into(),
        "mode" => mode.into(),
        "oid" => id.into(),
        "size" => size.into(),
        "extension" => file_name.rfind('.').map_or("", |dot| &file_name[dot..]).into(),
        _ => return Outcome::Node(at(repo, Arc::clone(tree), path)),
    })
}

fn blob(state: &State, repo: &Repository, file: &File, name: &str) -> Value {
    if name == "byteSize" {
        return file.size_bytes.into();
    }
    let content = state.objects_of(repo).blob(&file.id).unwrap_or_default();
    let probe = &content[..content.len().min(BINARY_PROBE_BYTES)];
    let text = if probe.contains(&0) {
        None
    } else {
        std::str::from_utf8(&content).ok()
    };
    match name {
        "isBinary" => text.is_none().into(),
        "isTruncated" => (content.len() > BLOB_TEXT_BYTES).into(),
        "text" => text
            .map(|text| &text[..text.floor_char_boundary(BLOB_TEXT_BYTES)])
            .into(),
        _ => object_id(&file.id, name),
    }
}

fn rate_limit(state: &State, principal: &Principal, name: &str) -> Value {
    let usage = state.usage_of(&principal.to_string());
    match name {
        "limit" => state.rate_limit.into(),
        "cost" | "nodeCount" => 1.into(),
        "used" => usage.used.into(),
        "remaining" => state.rate_limit.saturating_sub(usage.used).into(),
        _ => timestamp::format(usage.resets_at).into(),
    }
}
