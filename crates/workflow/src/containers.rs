//! What a job's `container` and `services` come to, for its agent.

use crate::diagnostic::Diagnostics;
use crate::dialect::actions::{self, Given};
use crate::expand::scope;
use crate::expr::JobStatus;
use crate::job::{CONTAINER_WORK, Container, Service, workspace_name};
use crate::model::{self, Settings};
use crate::read::Reader;
use crate::resolve::Resolver;
use crate::source::Source;
use crate::text::has_expression;
use crate::yaml::{Entry, Node, Value};
use checkmill_core::policy::ContainerPolicy;
use serde_json::{Map, Value as Json};

/// The container that the steps run in, and those beside it.
///
/// # Errors
/// Expressions that can't be evaluated or give what can't be; what the policy does not allow.
pub(crate) fn containers(
    source: &Source,
    settings: &Settings,
    contexts: &Map<String, Json>,
    repository: &str,
    policy: ContainerPolicy,
) -> Result<(Option<Container>, Vec<Service>), Diagnostics> {
    let contexts = with_workspace(contexts, repository);
    let resolver = Resolver {
        source,
        scope: scope(&contexts, JobStatus::Success),
    };
    let mut reader = Reader::new(source);
    let container = match &settings.container {
        None => None,
        Some(model::Container::Image { image, optional }) => Some(Container {
            image: image.clone(),
            optional: *optional,
            engine_socket: policy == ContainerPolicy::Any,
            ..Container::default()
        }),
        Some(model::Container::Written(node)) => {
            let (node, given) = one(&resolver, node, policy)?;
            actions::container(&mut reader, &node, given)
        }
    };
    let services = match &settings.services {
        None => Vec::new(),
        Some(node) if is_expression(node) => {
            actions::services(&mut reader, &resolver.node(node)?, Given::Made(policy))
        }
        Some(node) => each(&mut reader, &resolver, node, policy)?,
    };
    reader.finish(Some((container, services)))
}

/// The services of a mapping, any of which may be an expression.
fn each(
    reader: &mut Reader<'_>,
    resolver: &Resolver<'_>,
    node: &Node,
    policy: ContainerPolicy,
) -> Result<Vec<Service>, Diagnostics> {
    let mut services = Vec::new();
    for entry in node.entries().unwrap_or_default() {
        let (value, given) = one(resolver, &entry.value, policy)?;
        let alone = Node {
            span: node.span,
            value: Value::Map(vec![Entry {
                value,
                ..entry.clone()
            }]),
        };
        services.extend(actions::services(reader, &alone, given));
    }
    Ok(services)
}

/// A container without expressions but in `env` and `credentials`, which may read secrets and are the agent's to evaluate.
fn one(resolver: &Resolver<'_>, node: &Node, policy: ContainerPolicy) -> Result<(Node, Given), Diagnostics> {
    let Value::Map(entries) = &node.value else {
        let given = match is_expression(node) {
            true => Given::Made(policy),
            false => Given::Evaluated(policy),
        };
        return Ok((resolver.node(node)?, given));
    };
    let mut entries = entries.clone();
    for entry in &mut entries {
        if !matches!(entry.key.as_str(), "env" | "credentials") {
            entry.value = resolver.node(&entry.value)?;
        }
    }
    let node = Node {
        span: node.span,
        value: Value::Map(entries),
    };
    Ok((node, Given::Evaluated(policy)))
}

fn is_expression(node: &Node) -> bool {
    matches!(&node.value, Value::Text(text) if has_expression(text))
}

/// `github.workspace`, as the job's containers have it: which directory of a machine that is, nobody knows yet.
fn with_workspace(contexts: &Map<String, Json>, repository: &str) -> Map<String, Json> {
    let mut contexts = contexts.clone();
    if let Some(Json::Object(github)) = contexts.get_mut("github") {
        let name = workspace_name(repository);
        github.insert(
            "workspace".to_owned(),
            format!("{CONTAINER_WORK}/{name}/{name}").into(),
        );
    }
    contexts
}
