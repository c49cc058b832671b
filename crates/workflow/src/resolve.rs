//! From a tree with expressions to a tree without.

use crate::diagnostic::Diagnostic;
use crate::expr::{self, ExprError, Scope};
use crate::read::expression_diagnostic;
use crate::source::{Source, Span};
use crate::text::{Text, has_expression};
use crate::yaml::{Node, Value};

/// Evaluates what stands in a file.
#[derive(Clone, Copy)]
pub(crate) struct Resolver<'a> {
    pub(crate) source: &'a Source,
    pub(crate) scope: Scope<'a>,
}

impl Resolver<'_> {
    /// A text with its expressions replaced by their values as text.
    pub(crate) fn text(&self, text: &Text) -> Result<String, Diagnostic> {
        expr::interpolate(&text.value, &self.scope).map_err(|error| self.wrong(text, &error))
    }

    pub(crate) fn condition(&self, text: &Text) -> Result<bool, Diagnostic> {
        expr::condition(&text.value, &self.scope).map_err(|error| self.wrong(text, &error))
    }

    /// A value with all its expressions evaluated. What an expression gives has that expression's place.
    pub(crate) fn node(&self, node: &Node) -> Result<Node, Diagnostic> {
        let value = match &node.value {
            Value::Text(text) if has_expression(text) => return self.expression(text, node.span),
            Value::List(items) => Value::List(
                items
                    .iter()
                    .map(|item| self.node(item))
                    .collect::<Result<_, _>>()?,
            ),
            Value::Map(entries) => {
                let mut entries = entries.clone();
                for entry in &mut entries {
                    entry.value = self.node(&entry.value)?;
                }
                Value::Map(entries)
            }
            other => other.clone(),
        };
        Ok(Node {
            span: node.span,
            value,
        })
    }

    fn expression(&self, text: &str, span: Span) -> Result<Node, Diagnostic> {
        let wrong = |error: ExprError| {
            self.wrong(
                &Text {
                    value: text.to_owned(),
                    span,
                },
                &error,
            )
        };
        if let Some(argument) = json_argument(text)
            && let Ok(serde_json::Value::String(json)) = expr::evaluate(argument, &self.scope)
            && let Some(node) = Node::parse_json(&json, span)
        {
            return Ok(node);
        }
        let value = expr::interpolate_value(text, &self.scope).map_err(wrong)?;
        Ok(Node::from_json(value, span))
    }

    fn wrong(&self, text: &Text, error: &ExprError) -> Diagnostic {
        expression_diagnostic(self.source, text, error)
    }
}

/// The argument, where the whole text is one `${{ fromJSON(…) }}`. It is read with the order of its keys, which the values
/// of expressions don't have: the order of a matrix' axes is the order of its legs and of the values in their names.
fn json_argument(text: &str) -> Option<&str> {
    const NAME: &str = "fromjson(";
    let inside = text.trim().strip_prefix("${{")?.strip_suffix("}}")?.trim();
    let name = inside.get(..NAME.len())?;
    let argument = inside[NAME.len()..].strip_suffix(')')?;
    let mut depth = 0_usize;
    let mut quoted = false;
    for byte in argument.bytes() {
        match byte {
            b'\'' => quoted = !quoted,
            _ if quoted => {}
            b'(' => depth += 1,
            // The parenthesis that closed `fromJSON` stands before the end.
            b')' if depth == 0 => return None,
            b')' => depth -= 1,
            _ => {}
        }
    }
    (name.eq_ignore_ascii_case(NAME) && !quoted).then_some(argument)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::JobStatus;
    use serde_json::json;

    #[test]
    fn one_from_json_alone_is_recognised() {
        for (text, expected) in [
            ("${{ fromJSON(needs.a.outputs.m) }}", Some("needs.a.outputs.m")),
            (" ${{fromjson(format('{0})', x))}} ", Some("format('{0})', x)")),
            ("${{ fromJSON(a).b }}", None),
            ("${{ fromJSON(a) || fromJSON(b) }}", None),
            ("x${{ fromJSON(a) }}", None),
            ("${{ toJSON(a) }}", None),
            ("${{ ü }}", None),
        ] {
            assert_eq!(json_argument(text), expected, "{text}");
        }
    }

    #[test]
    fn json_keeps_the_order_of_its_keys() {
        let source = Source::new("ci.yml", "");
        let contexts =
            json!({"needs": {"a": {"outputs": {"m": r#"{"os": ["b"], "arch": [{"z": 1, "a": 2}]}"#}}}});
        let scope = Scope {
            contexts: contexts.as_object().unwrap(),
            status: JobStatus::Success,
            files: None,
        };
        let resolver = Resolver {
            source: &source,
            scope,
        };
        let text = "${{ fromJSON(needs.a.outputs.m) }}".to_owned();
        let node = resolver
            .node(&Node {
                span: Span::default(),
                value: Value::Text(text),
            })
            .unwrap();
        let keys: Vec<&str> = node
            .entries()
            .unwrap()
            .iter()
            .map(|entry| entry.key.as_str())
            .collect();
        assert_eq!(keys, ["os", "arch"]);
    }

    #[test]
    fn json_that_is_none_is_an_error_at_its_place() {
        let source = Source::new("ci.yml", "matrix: ${{ fromJSON('{') }}");
        let contexts = serde_json::Map::new();
        let scope = Scope {
            contexts: &contexts,
            status: JobStatus::Success,
            files: None,
        };
        let node = crate::yaml::parse(&source).unwrap();
        let error = Resolver {
            source: &source,
            scope,
        }
        .node(&node)
        .unwrap_err();
        assert!(error.message.contains("fromJSON"), "{error}");
        assert_eq!((error.line, error.column), (1, 13));
    }
}
