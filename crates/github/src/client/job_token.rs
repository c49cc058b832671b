//! The token of one job.

use super::api::{Api, expiry};
use crate::forge::{ForgeError, JobToken, RepoRef};
use checkmill_core::policy::{Access, TokenPermissions};
use serde_json::json;
use std::collections::BTreeMap;

/// A token for one repository with what was asked for and the installation grants. GitHub refuses the whole request (422) when
/// one permission is more than the installation has, so those are taken out before, with a word in the log.
pub(super) async fn mint(
    api: &Api<'_>,
    repo: &RepoRef,
    wanted: &TokenPermissions,
) -> Result<JobToken, ForgeError> {
    let what = || format!("a token for a job of {}", repo.name);
    let own = api
        .token(repo.installation)
        .await
        .map_err(|failure| failure.into_forge(&what()))?;
    let allowed = if own.permissions.is_empty() {
        wanted.clone()
    } else {
        wanted.intersect(&granted(&own.permissions))
    };
    for (name, access) in &wanted.0 {
        if allowed.0.get(name) != Some(access) {
            tracing::warn!(
                repository = %repo.name,
                permission = %name,
                "a job asks for a permission that the App's installation does not have"
            );
        }
    }
    let scope = scope(repo, &allowed);
    let minted = api
        .mint(repo.installation, &scope)
        .await
        .map_err(|failure| failure.into_forge(&what()))?;
    let expires_at = expiry(&minted).map_err(|failure| failure.into_forge(&what()))?;
    Ok(JobToken {
        token: minted.token,
        expires_at,
    })
}

fn granted(permissions: &BTreeMap<String, String>) -> TokenPermissions {
    let access = |text: &str| match text {
        "read" => Some(Access::Read),
        "write" | "admin" => Some(Access::Write),
        _ => None,
    };
    TokenPermissions(
        permissions
            .iter()
            .filter_map(|(name, text)| Some((name.clone(), access(text)?)))
            .collect(),
    )
}

/// GitHub docs, "Create an installation access token": without permissions it would have all of the App's. `metadata` is what
/// every token can read; naming it makes sure that the list is never empty.
fn scope(repo: &RepoRef, allowed: &TokenPermissions) -> serde_json::Value {
    let text = |access: Access| match access {
        Access::Read => "read",
        Access::Write => "write",
    };
    let mut permissions: BTreeMap<&str, &str> = allowed
        .0
        .iter()
        .map(|(name, access)| (name.as_str(), text(*access)))
        .collect();
    permissions.insert("metadata", "read");
    json!({ "repository_ids": [repo.id], "permissions": permissions })
}

#[cfg(test)]
mod tests {
    use super::*;
    use checkmill_core::{InstallationId, RepositoryId};

    #[test]
    fn the_list_of_permissions_is_never_empty() {
        let repo = RepoRef {
            installation: InstallationId(1),
            id: RepositoryId(2),
            name: "o/r".parse().unwrap(),
        };
        assert_eq!(
            scope(&repo, &TokenPermissions::default()),
            json!({"repository_ids": [2], "permissions": {"metadata": "read"}})
        );
        assert_eq!(
            scope(&repo, &TokenPermissions::read_only()),
            json!({"repository_ids": [2], "permissions": {"contents": "read", "metadata": "read"}})
        );
    }

    #[test]
    fn what_the_installation_grants() {
        let said = [
            ("contents", "read"),
            ("checks", "write"),
            ("organization_projects", "admin"),
            ("x", "none"),
        ];
        let said = said
            .map(|(name, access)| (name.to_owned(), access.to_owned()))
            .into();
        let expected = [
            ("checks", Access::Write),
            ("contents", Access::Read),
            ("organization_projects", Access::Write),
        ];
        assert_eq!(
            granted(&said).0,
            expected.map(|(name, access)| (name.to_owned(), access)).into()
        );
    }
}
