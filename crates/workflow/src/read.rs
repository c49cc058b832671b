//! Reading a tree of nodes into types, collecting what is wrong on the way.

use crate::diagnostic::{Diagnostic, Diagnostics, quoted};
use crate::expr::{self, Place};
use crate::keys::{Keys, Support};
use crate::nearest::nearest;
use crate::rule::Rule;
use crate::source::{Source, Span};
use crate::text::{Text, has_expression, number_text};
use crate::yaml::{Entry, Node, Value, offset_in_source};

pub(crate) struct Reader<'s> {
    pub(crate) source: &'s Source,
    found: Vec<Diagnostic>,
    /// Mistakes past [`KEPT`], which are only counted.
    more: usize,
}

/// Mistakes of a file that are worked out. Each costs a walk through the file for its line.
const KEPT: usize = 200;

/// The values of a mapping with fixed keys.
pub(crate) struct Fields<'n> {
    entries: Vec<&'n Entry>,
}

impl<'n> Fields<'n> {
    pub(crate) fn entry(&self, key: &str) -> Option<&'n Entry> {
        self.entries.iter().find(|entry| entry.key == key).copied()
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// A text that may be empty; none also where the key stands alone. GitHub's reader takes nothing for an empty text.
    pub(crate) fn given(&self, key: &str) -> Option<&'n Node> {
        self.get(key).filter(|node| node.value != Value::Null)
    }
}

impl<'s> Reader<'s> {
    pub(crate) const fn new(source: &'s Source) -> Self {
        Self {
            source,
            found: Vec::new(),
            more: 0,
        }
    }

    pub(crate) fn report(&mut self, span: Span, message: impl Into<String>) {
        self.push(|source| Diagnostic::new(source, span, message));
    }

    pub(crate) fn report_with(&mut self, span: Span, message: impl Into<String>, hint: impl Into<String>) {
        self.push(|source| Diagnostic::new(source, span, message).with_hint(hint));
    }

    /// A mistake of a kind that has a rule of its own.
    pub(crate) fn report_as(
        &mut self,
        rule: Rule,
        span: Span,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.push(|source| {
            let diagnostic = Diagnostic::new(source, span, message).of_rule(rule);
            match hint {
                Some(hint) => diagnostic.with_hint(hint),
                None => diagnostic,
            }
        });
    }

    fn push(&mut self, diagnostic: impl FnOnce(&Source) -> Diagnostic) {
        if self.found.len() < KEPT {
            self.found.push(diagnostic(self.source));
        } else {
            self.more += 1;
        }
    }

    /// What was read, or what is wrong with it.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, Diagnostics> {
        match (Diagnostics::of(self.found, self.more), value) {
            (Some(found), _) => Err(found),
            (None, Some(value)) => Ok(value),
            (None, None) => {
                // No reader gives nothing without a word; should one, the user still gets an error, not a panic.
                Err(Diagnostic::new(self.source, Span::default(), "the file could not be read").into())
            }
        }
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.found.is_empty()
    }

    /// How many mistakes have been found so far.
    pub(crate) fn count(&self) -> usize {
        self.found.len() + self.more
    }

    /// A mapping with fixed keys. Unknown and unsupported ones are reported; the others can be asked for.
    pub(crate) fn fields<'n>(&mut self, node: &'n Node, keys: &Keys, what: &str) -> Option<Fields<'n>> {
        let entries = self.map(node, what)?;
        let known = entries.iter().filter(|entry| self.is_usable(entry, keys, what));
        Some(Fields {
            entries: known.collect(),
        })
    }

    /// Whether one of these keys stands there; if not, it is reported.
    pub(crate) fn is_usable(&mut self, entry: &Entry, keys: &Keys, what: &str) -> bool {
        match keys.find(&entry.key).map(|key| key.support) {
            Some(Support::Full | Support::Partly(_) | Support::NoEffect(_)) => true,
            Some(Support::Refused(instead)) => {
                let message = format!("`{}` is not supported yet in this version", entry.key);
                self.report_as(
                    Rule::Unsupported,
                    entry.key_span,
                    message,
                    Some(instead.to_owned()),
                );
                false
            }
            None => {
                let message = format!("unknown {} `{}` in {what}", keys.noun, quoted(&entry.key));
                let hint = match nearest(&entry.key, keys.keys.iter().map(|key| key.name)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if keys.keys.is_empty() => "remove it: the event has no settings".to_owned(),
                    None => format!("the {}s here are {}", keys.noun, list_of(keys.usable())),
                };
                self.report_as(Rule::UnknownKey, entry.key_span, message, Some(hint));
                false
            }
        }
    }

    /// A mapping whose keys are the user's.
    pub(crate) fn map<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Entry]> {
        let Some(entries) = node.entries() else {
            self.wrong_type(node, what, "a mapping");
            return None;
        };
        for entry in entries.iter().filter(|entry| has_expression(&entry.key)) {
            self.report(entry.key_span, "a key can't hold an expression");
        }
        Some(entries)
    }

    pub(crate) fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        match &node.value {
            Value::List(items) => Some(items),
            _ => {
                self.wrong_type(node, what, "a list");
                None
            }
        }
    }

    pub(crate) fn wrong_type(&mut self, node: &Node, what: &str, expected: &str) {
        self.report(
            node.span,
            format!("{what} must be {expected}, not {}", node.kind()),
        );
    }

    /// A scalar as text; a number or boolean is taken as GitHub writes it.
    pub(crate) fn text(&mut self, node: &Node, what: &str) -> Option<Text> {
        let value = match &node.value {
            Value::Text(text) => text.clone(),
            Value::Bool(value) => value.to_string(),
            Value::Number(value) => number_text(*value),
            Value::Null | Value::List(_) | Value::Map(_) => {
                self.wrong_type(node, what, "a text");
                return None;
            }
        };
        Some(Text {
            value,
            span: node.span,
        })
    }

    pub(crate) fn nonempty_text(&mut self, node: &Node, what: &str) -> Option<Text> {
        let text = self.text(node, what)?;
        if text.value.trim().is_empty() {
            self.report(text.span, format!("{what} must not be empty"));
            return None;
        }
        Some(text)
    }

    /// A text in which GitHub evaluates nothing.
    pub(crate) fn literal(&mut self, node: &Node, what: &str) -> Option<Text> {
        let text = self.nonempty_text(node, what)?;
        if text.has_expression() {
            self.report(text.span, format!("{what} can't hold an expression"));
            return None;
        }
        Some(text)
    }

    /// One literal text or a list of them.
    pub(crate) fn literals(&mut self, node: &Node, what: &str) -> Vec<Text> {
        match &node.value {
            Value::List(items) => {
                let item = format!("an item of {what}");
                items
                    .iter()
                    .filter_map(|node| self.literal(node, &item))
                    .collect()
            }
            Value::Map(_) | Value::Null => {
                self.wrong_type(node, what, "a text or a list of texts");
                Vec::new()
            }
            _ => self.literal(node, what).into_iter().collect(),
        }
    }

    /// A text whose expressions may use what is available at `place`.
    pub(crate) fn template(&mut self, node: &Node, what: &str, place: Place) -> Option<Text> {
        let text = self.text(node, what)?;
        self.check(&text, place);
        Some(text)
    }

    pub(crate) fn check(&mut self, text: &Text, place: Place) {
        for error in expr::check(&text.value, place) {
            self.push(|source| expression_diagnostic(source, text, &error));
        }
    }

    /// `true` or `false`, written out.
    pub(crate) fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        match &node.value {
            Value::Bool(value) => Some(*value),
            _ => {
                self.wrong_type(node, what, "`true` or `false`");
                None
            }
        }
    }
}

/// An expression's error at its place in the file.
pub(crate) fn expression_diagnostic(source: &Source, text: &Text, error: &expr::ExprError) -> Diagnostic {
    let start = offset_in_source(source, text.span, &text.value, error.offset);
    // The culprit's end isn't known; a word is marked as a whole.
    let rest = source.text().get(start..text.span.end).unwrap_or("");
    let word = rest
        .find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-'))
        .unwrap_or(rest.len());
    let diagnostic = Diagnostic::new(source, Span::new(start, start + word), error.message.clone())
        .of_rule(Rule::Expression);
    match &error.hint {
        Some(hint) => diagnostic.with_hint(hint.clone()),
        None => diagnostic,
    }
}

/// `` `a`, `b` and `c` ``.
pub(crate) fn list_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}
