//! What a ref points to, and who may write.

use super::api::Api;
use super::failure::Failure;
use super::path::{segment, segments};
use crate::forge::{ForgeError, RepoRef};
use checkmill_core::event::GitRef;
use checkmill_core::{CommitSha, Login};
use serde::Deserialize;

/// An annotated tag may point to another; git itself has no limit.
const TAGS_DEEP: u32 = 5;

#[derive(Debug, Deserialize)]
struct Pointer {
    object: Object,
}

#[derive(Debug, Deserialize)]
struct Object {
    sha: String,
    #[serde(rename = "type")]
    kind: String,
}

/// GitHub docs: "Get a reference", and "Get a tag" for annotated ones.
pub(super) async fn resolve(
    api: &Api<'_>,
    repo: &RepoRef,
    git_ref: &GitRef,
) -> Result<Option<CommitSha>, ForgeError> {
    let what = || format!("the ref {git_ref} of {}", repo.name);
    let short = match git_ref {
        GitRef::Branch(name) => format!("heads/{}", segments(name)),
        GitRef::Tag(name) => format!("tags/{}", segments(name)),
    };
    let path = format!("/repos/{}/git/ref/{short}", repo.name);
    let mut pointer: Pointer = match api.get(repo.installation, &path).await {
        Ok(pointer) => pointer,
        // 409: the repository is empty.
        Err(failure) if failure.is_refused_with(404) || failure.is_refused_with(409) => return Ok(None),
        Err(failure) => return Err(failure.into_forge(&what())),
    };
    for _ in 0..TAGS_DEEP {
        if pointer.object.kind != "tag" {
            break;
        }
        let path = format!("/repos/{}/git/tags/{}", repo.name, segment(&pointer.object.sha));
        pointer = api
            .get(repo.installation, &path)
            .await
            .map_err(|failure| failure.into_forge(&what()))?;
    }
    if pointer.object.kind != "commit" {
        // A tag of a file or a tree: there is nothing to run.
        return Ok(None);
    }
    let sha = pointer.object.sha.parse();
    sha.map(Some)
        .map_err(|error| Failure::Garbled(format!("{error}")).into_forge(&what()))
}

/// `permission` is the base role (admin, write, read, none); `role_name` the precise one, `maintain` and an organisation's own
/// roles among them.
#[derive(Debug, Deserialize)]
struct Permission {
    permission: String,
    #[serde(default)]
    role_name: Option<String>,
}

/// GitHub docs, "Get repository permissions for a user": `permission` gives `write` for the role `maintain`.
pub(super) async fn may_write(api: &Api<'_>, repo: &RepoRef, login: &Login) -> Result<bool, ForgeError> {
    let path = format!(
        "/repos/{}/collaborators/{}/permission",
        repo.name,
        segment(login.as_str())
    );
    match api.get::<Permission>(repo.installation, &path).await {
        Ok(found) => {
            let base = matches!(found.permission.as_str(), "admin" | "write" | "maintain");
            let role = matches!(found.role_name.as_deref(), Some("admin" | "write" | "maintain"));
            Ok(base || role)
        }
        // Not a user, or the App may not see the repository: either way nobody who may write.
        Err(failure) if failure.is_refused_with(404) => Ok(false),
        Err(failure) => Err(failure.into_forge(&format!("the permission of {login} in {}", repo.name))),
    }
}
