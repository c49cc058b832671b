//! `permissions`: what a job's token may do.

use super::keys;
use crate::diagnostic::quoted;
use crate::keys::Support;
use crate::read::Reader;
use crate::yaml::{Node, Value};
use checkmill_core::policy::{Access, TokenPermissions};
use std::collections::BTreeMap;

/// Permissions that GitHub grants for reading only.
const READ_ONLY: [&str; 1] = ["vulnerability-alerts"];

/// Permissions by the names that GitHub's API has for them: `pull_requests` where workflow files say `pull-requests`.
/// What isn't named is not granted, once one is named. GitHub docs: "permissions".
pub(crate) fn permissions(reader: &mut Reader<'_>, node: &Node) -> Option<TokenPermissions> {
    match &node.value {
        Value::Text(text) if text == "read-all" => Some(all(Access::Read)),
        Value::Text(text) if text == "write-all" => Some(all(Access::Write)),
        Value::Map(_) => mapping(reader, node),
        _ => {
            reader.report_with(
                node.span,
                "`permissions` must be `read-all`, `write-all` or a mapping",
                "such as `contents: read`; `{}` grants nothing",
            );
            None
        }
    }
}

fn mapping(reader: &mut Reader<'_>, node: &Node) -> Option<TokenPermissions> {
    let fields = reader.fields(node, &keys::PERMISSIONS, "`permissions`")?;
    let mut granted = BTreeMap::new();
    for name in keys::PERMISSIONS.usable() {
        let Some(node) = fields.get(name) else { continue };
        let access = match reader
            .text(node, &format!("`{name}`"))
            .as_ref()
            .map(|text| text.value.as_str())
        {
            Some("read") => Some(Access::Read),
            Some("write") if READ_ONLY.contains(&name) => {
                reader.report(node.span, format!("`{name}` can only be `read` or `none`"));
                None
            }
            Some("write") => Some(Access::Write),
            Some("none") | None => None,
            Some(other) => {
                let message = format!("`{}` is no access to `{name}`", quoted(other));
                reader.report_with(node.span, message, "write `read`, `write` or `none`");
                None
            }
        };
        granted.extend(access.map(|access| (api_name(name), access)));
    }
    Some(TokenPermissions(granted))
}

fn api_name(name: &str) -> String {
    name.replace('-', "_")
}

fn all(access: Access) -> TokenPermissions {
    let supported = keys::PERMISSIONS
        .keys
        .iter()
        .filter(|key| key.support == Support::Full);
    let grant = |name: &str| {
        if READ_ONLY.contains(&name) {
            Access::Read
        } else {
            access
        }
    };
    TokenPermissions(
        supported
            .map(|key| (api_name(key.name), grant(key.name)))
            .collect(),
    )
}
