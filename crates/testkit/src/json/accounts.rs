//! Users, Apps and installations.

use super::{add_urls, node_id, time};
use crate::state::State;
use crate::state::account::{App, Installation, Selection, User, UserKind};
use crate::state::permission::{Access, Permissions};
use crate::timestamp;
use checkmill_core::{InstallationId, Login};
use serde_json::{Map, Value, json};

const USER_URLS: &[(&str, &str)] = &[
    ("url", ""),
    ("followers_url", "/followers"),
    ("following_url", "/following{/other_user}"),
    ("gists_url", "/gists{/gist_id}"),
    ("starred_url", "/starred{/owner}{/repo}"),
    ("subscriptions_url", "/subscriptions"),
    ("organizations_url", "/orgs"),
    ("repos_url", "/repos"),
    ("events_url", "/events{/privacy}"),
    ("received_events_url", "/received_events"),
];

const ORGANIZATION_URLS: &[(&str, &str)] = &[
    ("url", ""),
    ("repos_url", "/repos"),
    ("events_url", "/events"),
    ("hooks_url", "/hooks"),
    ("issues_url", "/issues"),
    ("members_url", "/members{/member}"),
    ("public_members_url", "/public_members{/member}"),
];

impl State {
    /// A user by login. Logins in the state are always known: [`State::user`] makes them.
    pub(crate) fn user_json(&self, login: &Login) -> Value {
        let user = self.users.get(login).cloned().unwrap_or_else(|| User {
            id: 0,
            login: login.clone(),
            kind: UserKind::User,
        });
        let mut json = json!({
            "login": user.login.as_str(),
            "id": user.id,
            "node_id": node_id("U", user.id),
            "avatar_url": format!("{}/avatars/{}", self.urls.web, user.id),
            "gravatar_id": "",
            "html_url": format!("{}/{}", self.urls.web, user.login),
            "type": user.kind.as_str(),
            "site_admin": false,
        });
        let root = format!("{}/users/{}", self.urls.api, user.login);
        add_urls(&mut json, &root, USER_URLS);
        json
    }

    /// `organization` of a webhook, where the repository's owner is one.
    pub(crate) fn organization_json(&self, owner: &str) -> Option<Value> {
        let known = self.users.values().find(|user| user.login.as_str() == owner)?;
        if known.kind != UserKind::Organization {
            return None;
        }
        let mut json = json!({
            "login": owner,
            "id": known.id,
            "node_id": node_id("O", known.id),
            "avatar_url": format!("{}/avatars/{}", self.urls.web, known.id),
            "description": null,
        });
        add_urls(
            &mut json,
            &format!("{}/orgs/{owner}", self.urls.api),
            ORGANIZATION_URLS,
        );
        Some(json)
    }

    pub(crate) fn app_json(&self, id: u64) -> Value {
        let Some(app) = self.apps.get(&id) else {
            return Value::Null;
        };
        json!({
            "id": app.id,
            "slug": app.slug,
            "node_id": node_id("A", app.id),
            "owner": self.user_json(&app.owner),
            "name": app.name,
            "description": "",
            "external_url": format!("{}/{}", self.urls.web, app.slug),
            "html_url": format!("{}/apps/{}", self.urls.web, app.slug),
            "created_at": timestamp::format(app.created_at),
            "updated_at": timestamp::format(app.created_at),
            "permissions": permissions_json(&app.permissions),
            "events": app.events,
        })
    }

    /// The App as it sees itself (`GET /app`): with more than others see.
    pub(crate) fn own_app_json(&self, app: &App) -> Value {
        let mut json = self.app_json(app.id);
        json["client_id"] = app.client_id.as_str().into();
        let count = self.installations.values().filter(|i| i.app == app.id).count();
        json["installations_count"] = count.into();
        json
    }

    pub(crate) fn installation_json(&self, installation: &Installation) -> Value {
        let selection = match installation.repositories {
            Selection::All => "all",
            Selection::Selected(_) => "selected",
        };
        let app = self.apps.get(&installation.app);
        let account = self.user_json(&installation.account);
        json!({
            "id": installation.id.0,
            "account": account,
            "repository_selection": selection,
            "access_tokens_url": format!("{}/app/installations/{}/access_tokens", self.urls.api, installation.id),
            "repositories_url": format!("{}/installation/repositories", self.urls.api),
            "html_url": format!("{}/settings/installations/{}", self.urls.web, installation.id),
            "app_id": installation.app,
            "app_slug": app.map(|app| app.slug.as_str()),
            "target_id": account["id"],
            "target_type": account["type"],
            "permissions": permissions_json(&installation.permissions),
            "events": app.map(|app| &app.events),
            "created_at": timestamp::format(installation.created_at),
            "updated_at": timestamp::format(installation.created_at),
            "single_file_name": null,
            "has_multiple_single_files": false,
            "single_file_paths": [],
            "suspended_at": time(installation.suspended_at),
            "suspended_by": null,
        })
    }
}

/// `installation` as every webhook of an App carries it.
pub(crate) fn installation_stub(id: InstallationId) -> Value {
    json!({ "id": id.0, "node_id": node_id("I", id.0) })
}

pub(crate) fn permissions_json(permissions: &Permissions) -> Value {
    let map: Map<String, Value> = permissions
        .0
        .iter()
        .map(|(permission, access)| {
            let access = match access {
                Access::Read => "read",
                Access::Write => "write",
            };
            (permission.name().to_owned(), access.into())
        })
        .collect();
    Value::Object(map)
}
