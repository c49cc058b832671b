//! What a file says of its run and a parameter of the same name may say otherwise.

use super::parametrize::Parameters;
use super::scalar::{boolean, is_falsy, nonempty, written};
use crate::diagnostic::quoted;
use crate::read::{Fields, Reader};
use crate::text::Text;
use crate::yaml::{Entry, Node, Value};

/// The keys that parameters replace.
pub(super) const KEYS: [&str; 5] = ["name", "image", "machine", "interruptible", "timeout"];

/// Characters of an image reference. Ours: a registry's name has 253, a repository's 255, a tag's 128.
const IMAGE_CHARS: usize = 512;

/// Reports what is wrong with a value of one of [`KEYS`].
pub(super) fn check(reader: &mut Reader<'_>, key: &str, node: &Node) {
    match key {
        "name" => drop(name(reader, node)),
        "image" => drop(image(reader, node)),
        "machine" => drop(machine(reader, node)),
        "interruptible" => drop(interruptible(reader, node)),
        "timeout" => drop(minutes(reader, node)),
        _ => {}
    }
}

/// The value of a key: the parameter's where it says something, else the file's.
pub(super) fn find<'n>(
    reader: &Reader<'_>,
    fields: &Fields<'n>,
    parameters: &Parameters<'n>,
    key: &str,
) -> Option<&'n Node> {
    let parameter = parameters.iter().find(|(name, _)| *name == key);
    parameter
        .map(|(_, node)| *node)
        .filter(|node| !is_falsy(reader, node))
        .or_else(|| fields.get(key))
        .filter(|node| node.value != Value::Null)
}

pub(super) fn name(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    nonempty(reader, node, "`name`").map(|text| text.value)
}

/// An image reference, in the characters that one can have: it is handed to programs that start containers.
pub(super) fn image(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let Text { value, span } = nonempty(reader, node, "`image`")?;
    let value = value.trim().to_owned();
    let known = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    if value.starts_with(|c: char| c.is_ascii_alphanumeric())
        && value.chars().all(known)
        && value.len() <= IMAGE_CHARS
    {
        return Some(value);
    }
    let message = format!("`{}` is not an image reference", quoted(&value));
    reader.report_with(
        span,
        message,
        "write it as `ubuntu:22.04` or `ghcr.io/owner/image:tag`",
    );
    None
}

/// The machine's name, which is the job's label.
pub(super) fn machine(reader: &mut Reader<'_>, node: &Node) -> Option<Text> {
    nonempty(reader, node, "`machine`")
}

pub(super) fn interruptible(reader: &mut Reader<'_>, node: &Node) -> Option<bool> {
    boolean(reader, node, "`interruptible`")
}

/// `timeout`, which may be a number or one in quotes.
pub(super) fn timeout(reader: &mut Reader<'_>, node: &Node) -> Option<Entry> {
    let minutes = minutes(reader, node)?;
    Some(Entry {
        key_span: node.span,
        key: "timeout".to_owned(),
        value: Node {
            span: node.span,
            value: Value::Number(minutes),
        },
    })
}

fn minutes(reader: &mut Reader<'_>, node: &Node) -> Option<f64> {
    let minutes = match &node.value {
        Value::Number(minutes) => Some(*minutes),
        Value::Text(_) => written(reader, node, "`timeout`")?.value.trim().parse().ok(),
        _ => None,
    };
    match minutes {
        Some(minutes) if minutes > 0.0 => Some(minutes),
        Some(_) => {
            reader.report(node.span, "`timeout` must be more than 0");
            None
        }
        None => {
            reader.wrong_type(node, "`timeout`", "a number of minutes");
            None
        }
    }
}
