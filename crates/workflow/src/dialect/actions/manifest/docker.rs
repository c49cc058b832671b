//! `runs` of an action in a container.

use super::{common, hook, required};
use crate::expr::Place;
use crate::manifest::{DockerImage, DockerRuns, Runs};
use crate::read::Reader;
use crate::yaml::{Node, Value};

/// Arguments of a container: what a command line of any use has.
const ARGS: usize = 1000;

pub(super) fn runs(reader: &mut Reader<'_>, node: &Node) -> Option<Runs> {
    let image = required(
        reader,
        node,
        "image",
        "`docker://image`, or the path of a Dockerfile in the action's directory",
    );
    let entrypoint = node
        .get("entrypoint")
        .filter(|node| node.value != Value::Null)
        .and_then(|node| reader.text(node, "`entrypoint`"));
    let args = node.get("args").map(|node| args(reader, node));
    let env = node
        .get("env")
        .map(|node| common::texts(reader, node, "`env`", Place::DockerRuns));
    let pre = hook(reader, node, "pre-entrypoint", "pre-if");
    let post = hook(reader, node, "post-entrypoint", "post-if");
    let image = image?;
    Some(Runs::Docker(DockerRuns {
        image: match image.trim().strip_prefix("docker://") {
            Some(name) => DockerImage::Registry(name.to_owned()),
            None => DockerImage::File(image.trim().to_owned()),
        },
        entrypoint: entrypoint.map(|text| text.value).filter(|text| !text.is_empty()),
        args: args.unwrap_or_default(),
        env: env.unwrap_or_default(),
        pre,
        post,
    }))
}

fn args(reader: &mut Reader<'_>, node: &Node) -> Vec<String> {
    if node.value == Value::Null {
        return Vec::new();
    }
    let Some(items) = reader.list(node, "`args`") else {
        return Vec::new();
    };
    if let Some(item) = items.get(ARGS) {
        reader.report(
            item.span,
            format!("a container can have at most {ARGS} arguments"),
        );
    }
    let text = |node: &Node| reader.template(node, "an item of `args`", Place::DockerRuns);
    items
        .iter()
        .take(ARGS)
        .filter_map(text)
        .map(|text| text.value)
        .collect()
}
