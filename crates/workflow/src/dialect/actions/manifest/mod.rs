//! `action.yml`: what an action takes and how it runs.
//!
//! Source: GitHub docs, "Metadata syntax for GitHub Actions"; for what is accepted without a word, its runner's
//! `ActionManifestManager` and schema `action_yaml.json`. Other people's files are read as GitHub reads them: a key that it
//! doesn't know is left alone, except in the steps of a composite action, where it is a mistake there too.

mod composite;
mod docker;
mod inputs;

use super::common;
use crate::diagnostic::{Diagnostic, Diagnostics, quoted};
use crate::expr::Place;
use crate::manifest::{ActionManifest, Hook, Runs};
use crate::read::Reader;
use crate::source::Source;
use crate::yaml::{self, Node, Value};

/// The JavaScript runtimes that GitHub has or had. All run with the `node` that is there, as GitHub runs the old ones with a
/// newer one.
const NODES: [&str; 4] = ["node12", "node16", "node20", "node24"];

pub(crate) fn parse(path: &str, text: &str) -> Result<ActionManifest, Diagnostics> {
    let source = Source::new(path, text);
    let node = yaml::parse(&source)?;
    if node.value == Value::Null {
        return Err(Diagnostic::new(&source, node.span, "the file is empty")
            .with_hint("an action needs at least `name` and `runs`")
            .into());
    }
    let mut reader = Reader::new(&source);
    let manifest = manifest(&mut reader, &node);
    reader.finish(manifest)
}

fn manifest(reader: &mut Reader<'_>, node: &Node) -> Option<ActionManifest> {
    reader.map(node, "an action")?;
    let name = node.get("name").filter(|node| node.value != Value::Null);
    let name = name.and_then(|node| reader.text(node, "`name`"));
    let inputs = node.get("inputs").map(|node| inputs::inputs(reader, node));
    let Some(runs) = node.get("runs") else {
        let hint = "say how the action runs, such as `runs: {using: composite, steps: […]}`";
        reader.report_with(node.span, "`runs` is missing", hint);
        return None;
    };
    Some(ActionManifest {
        name: name.map(|text| text.value),
        inputs: inputs.unwrap_or_default(),
        runs: self::runs(reader, runs, node.get("outputs"))?,
    })
}

fn runs(reader: &mut Reader<'_>, node: &Node, outputs: Option<&Node>) -> Option<Runs> {
    reader.map(node, "`runs`")?;
    let Some(using) = node.get("using") else {
        let hint = "it is `composite`, `docker` or one of node12, node16, node20 and node24";
        reader.report_with(node.span, "`using` is missing in `runs`", hint);
        return None;
    };
    let using = reader.nonempty_text(using, "`using`")?;
    let kind = using.value.trim().to_ascii_lowercase();
    match kind.as_str() {
        "composite" => composite::runs(reader, node, outputs),
        "docker" => docker::runs(reader, node),
        _ if NODES.contains(&kind.as_str()) => javascript(reader, node, kind),
        _ => {
            let message = format!("`using` can't be `{}`", quoted(&using.value));
            let hint = "it is `composite`, `docker` or one of node12, node16, node20 and node24";
            reader.report_with(using.span, message, hint);
            None
        }
    }
}

fn javascript(reader: &mut Reader<'_>, node: &Node, using: String) -> Option<Runs> {
    let main = required(reader, node, "main", "the JavaScript file that the action runs");
    let pre = hook(reader, node, "pre", "pre-if");
    let post = hook(reader, node, "post", "post-if");
    Some(Runs::JavaScript {
        using,
        main: main?,
        pre,
        post,
    })
}

/// A text of `runs` that has to be there.
fn required(reader: &mut Reader<'_>, node: &Node, key: &str, what: &str) -> Option<String> {
    let Some(value) = node.get(key) else {
        reader.report_with(
            node.span,
            format!("`{key}` is missing in `runs`"),
            format!("it is {what}"),
        );
        return None;
    };
    let text = reader.nonempty_text(value, &format!("`{key}`"))?;
    Some(text.value)
}

/// A program before or after, with its condition.
fn hook(reader: &mut Reader<'_>, node: &Node, key: &str, condition: &str) -> Option<Hook> {
    let condition = node
        .get(condition)
        .and_then(|node| reader.template(node, &format!("`{condition}`"), Place::StepIf));
    let program = match &node.get(key)?.value {
        Value::Null => return None,
        _ => reader.text(node.get(key)?, &format!("`{key}`"))?,
    };
    Some(Hook {
        program: Some(program.value).filter(|text| !text.trim().is_empty())?,
        condition: condition
            .map(|text| text.value)
            .filter(|text| !text.trim().is_empty()),
    })
}
