//! Filling the expressions of a script. What an outsider may have chosen (a branch name, a title) and what is secret is
//! never pasted into the script: it goes into an environment variable of ours, and the script reads that. In quotes or out
//! of them, the shell takes a variable's value as data, and the script's file holds no secret.
//!
//! Three nets, from the certain to the possible:
//! - expressions that read the event (`untrusted_references`) are never pasted, whatever they give;
//! - those that read what steps and jobs have made of anything ([`Opaque`]: outputs, variables, a computed matrix) are
//!   pasted only when the value is harmless to the script's language: it can be a piece of the event in any form;
//! - so is any other value that holds a text of the event, or a line of one ([`Untrusted`]).
//!
//! In a here-document with a quoted delimiter a shell reads no variables, and nothing but the delimiter ends it: there, what
//! is not the event's own is pasted unless it has the delimiter in it.

use super::quoting::{Place, Walker};
use super::shell::ShellKind;
use crate::mask::{Masks, json_form};
use checkmill_workflow::expr::{
    ExprError, ExprSpan, Opaque, Scope, interpolate, interpolate_piece, opaque_references, references,
    untrusted_references_of_action,
};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::ops::Range;

/// Beginning of the variables' names; a number follows.
pub const VARIABLE_PREFIX: &str = "CHECKMILL_EXPR_";

/// A script ready to be written to its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled {
    pub text: String,
    /// For the script's environment.
    pub variables: Vec<Variable>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    pub name: String,
    pub value: String,
    /// What it stands for.
    pub expression: String,
}

/// Why a script can't be filled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FillError {
    #[error(transparent)]
    Expression(#[from] ExprError),
    /// The value must not be in the script, and the script can't be made to read it from a variable there.
    #[error(
        "`${{{{ {expression} }}}}` is {what}, and {place} it can't be handed to the script safely; give it a name under \
         `env:` and read that variable in the script"
    )]
    Unsafe {
        expression: String,
        what: &'static str,
        place: &'static str,
    },
}

/// What a value is that is not pasted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Secret,
    /// The event's.
    Outsiders,
    /// Of `inputs`, and nothing of the event with it.
    Input,
    /// Made by steps or other jobs, of whatever they read.
    Made,
}

impl Kind {
    const fn what(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Outsiders => "text that outsiders may choose",
            Self::Input => "an input, which may hold any text",
            Self::Made => "text that a step or another job has made",
        }
    }
}

/// A line of the event's texts is looked for by itself when it has this many bytes; shorter ones (`{}`, `*/`) are in half of
/// all texts.
const LINE_BYTES_MIN: usize = 4;

/// Texts of the event that would do something in a shell, found again in values that were made of them.
#[derive(Debug, Clone, Default)]
pub struct Untrusted(BTreeSet<String>);

impl Untrusted {
    /// From the contexts `github` and `inputs`; of the latter only those that may hold what an outsider chose: none where all are
    /// the workflow's `own_inputs`, else all but the `own` ones.
    #[must_use]
    pub fn of(contexts: &Map<String, Value>, own_inputs: bool, own: &BTreeSet<String>) -> Self {
        let mut texts = Self::default();
        if let Some(github) = contexts.get("github") {
            texts.collect(github);
        }
        let inputs = contexts.get("inputs").and_then(Value::as_object);
        let of_others = inputs
            .into_iter()
            .flatten()
            .filter(|(name, _)| !own_inputs && !own.contains(&name.to_ascii_lowercase()));
        of_others.for_each(|(_, value)| texts.collect(value));
        texts
    }

    fn collect(&mut self, value: &Value) {
        match value {
            Value::String(text) => {
                self.add(text.clone(), 2);
                let lines = text.split(['\n', '\r']).map(str::trim);
                lines.for_each(|line| self.add(line.to_owned(), LINE_BYTES_MIN));
            }
            Value::Array(values) => values.iter().for_each(|value| self.collect(value)),
            Value::Object(values) => values.values().for_each(|value| self.collect(value)),
            _ => {}
        }
    }

    /// As it is and as it stands in JSON; what acts in no shell is harmless.
    fn add(&mut self, text: String, bytes_min: usize) {
        if text.len() >= bytes_min && text.contains(acts_in_a_shell) {
            self.0.insert(json_form(&text));
            self.0.insert(text);
        }
    }

    /// Whether one of the texts is in the value.
    #[must_use]
    pub fn is_in(&self, value: &str) -> bool {
        self.0.iter().any(|text| value.contains(text.as_str()))
    }
}

/// Blanks aren't among these: titles have them, and they make no command.
fn acts_in_a_shell(c: char) -> bool {
    "`$\"'\\;&|<>(){}*?[]#~!=\n\r".contains(c)
}

/// What can end a string, or is more than names, numbers and lists, in whichever language.
fn acts_in_a_language(c: char) -> bool {
    "`$\"'\\;&|<>(){}#=\n\r".contains(c)
}

/// An expression of a script, and where it stands in it.
pub(super) struct Hole {
    pub(super) span: ExprSpan,
    /// `None` in a language whose rules we don't know.
    place: Option<Place>,
    /// What ends the here-document with a quoted delimiter that it is in.
    delimiter: Option<String>,
}

impl Hole {
    /// Those of a script, in its order.
    pub(super) fn all(run: &str, kind: ShellKind) -> Vec<Self> {
        let mut walker = Walker::new(run);
        let hole = |span: ExprSpan| {
            let place = walker.place_at(span.range.start);
            let delimiter = walker.delimiter().map(str::to_owned);
            walker.skip_to(span.range.end);
            let is_known = kind == ShellKind::Posix;
            Self {
                span,
                place: is_known.then_some(place),
                delimiter: delimiter.filter(|_| is_known),
            }
        };
        references(run).into_iter().map(hole).collect()
    }

    /// How the script reads the variable of this name here.
    ///
    /// # Errors
    /// Where it can't.
    pub(super) fn reference(&self, name: &str, what: Kind) -> Result<String, FillError> {
        let place = match self.place {
            Some(Place::Expanding) => return Ok(format!("${{{name}}}")),
            Some(Place::SingleQuotes) => return Ok(format!("'\"${{{name}}}\"'")),
            Some(Place::AnsiQuotes) => return Ok(format!("'\"${{{name}}}\"$'")),
            Some(Place::Literal) => "in a here-document with a quoted delimiter",
            Some(Place::Arithmetic) => "in an arithmetic expression",
            None => "in this shell",
        };
        Err(FillError::Unsafe {
            expression: self.span.expression.clone(),
            what: what.what(),
            place,
        })
    }
}

/// What decides how a value reaches a script.
#[derive(Clone, Copy)]
pub struct Guards<'a> {
    /// Finds the expressions that give text an outsider chooses (`untrusted_references`, or its relative for actions).
    pub references: &'a dyn Fn(&str) -> Vec<ExprSpan>,
    pub opaque: Opaque<'a>,
    pub untrusted: &'a Untrusted,
    pub masks: &'a Masks,
}

/// The expressions of a script that don't give the workflow's own word, by where they begin.
struct Suspects<'a> {
    guards: Guards<'a>,
    kind: ShellKind,
    outsiders: BTreeSet<usize>,
    events: BTreeSet<usize>,
    opaque: BTreeSet<usize>,
}

impl<'a> Suspects<'a> {
    fn of(run: &str, kind: ShellKind, guards: Guards<'a>) -> Self {
        let starts = |spans: Vec<ExprSpan>| spans.into_iter().map(|span| span.range.start).collect();
        Self {
            guards,
            kind,
            outsiders: starts((guards.references)(run)),
            events: starts(untrusted_references_of_action(run)),
            opaque: starts(opaque_references(run, guards.opaque)),
        }
    }

    /// What the value of the expression at this byte is, if it must not be pasted. In a here-document with a quoted delimiter,
    /// `ends_document` says whether it would end there.
    fn judge(&self, start: usize, value: &str, ends_document: Option<bool>) -> Option<Kind> {
        let acts = if self.kind == ShellKind::Posix {
            value.contains(acts_in_a_shell)
        } else {
            value.contains(acts_in_a_language)
        };
        if self.guards.masks.holds(value) {
            Some(Kind::Secret)
        } else if self.outsiders.contains(&start) {
            let event = self.events.contains(&start) || self.guards.untrusted.is_in(value);
            Some(if event { Kind::Outsiders } else { Kind::Input })
        } else {
            let (made, known) = (self.opaque.contains(&start), self.guards.untrusted.is_in(value));
            let harms = ends_document.map_or(made && acts || known, |ends| ends && (made || known));
            harms.then_some(Kind::Made)
        }
    }
}

/// Fills the expressions of `run`.
///
/// # Errors
/// An expression that fails, or a value that must not be pasted at a place where the shell reads no variables.
pub fn fill(run: &str, kind: ShellKind, scope: &Scope<'_>, guards: Guards<'_>) -> Result<Filled, FillError> {
    let suspects = Suspects::of(run, kind, guards);
    let mut filled = Filled {
        text: String::new(),
        variables: Vec::new(),
    };
    let mut rest = 0;
    for hole in Hole::all(run, kind) {
        let range = hole.span.range.clone();
        filled.text.push_str(&run[rest..range.start]);
        rest = range.end;
        let value = piece(run, range.clone(), scope)?;
        let delimiter = hole.delimiter.as_deref();
        let ends = delimiter.map(|delimiter| ends_document(&filled.text, &value, &run[rest..], delimiter));
        let Some(what) = suspects.judge(range.start, &value, ends) else {
            filled.text.push_str(&value);
            continue;
        };
        let name = format!("{VARIABLE_PREFIX}{}", filled.variables.len() + 1);
        filled.text.push_str(&hole.reference(&name, what)?);
        filled.variables.push(Variable {
            name,
            value,
            expression: hole.span.expression,
        });
    }
    // Without any expression left in it, this finds one that is not closed.
    filled.text.push_str(&piece(run, rest..run.len(), scope)?);
    Ok(filled)
}

/// Whether a line of the here-document would begin with its delimiter once the value stands there.
fn ends_document(before: &str, value: &str, after: &str, delimiter: &str) -> bool {
    let begun = before.rsplit('\n').next().unwrap_or_default();
    let rest = after.split('\n').next().unwrap_or_default();
    format!("{begun}{value}{rest}")
        .split('\n')
        .any(|line| line.trim_start_matches('\t').starts_with(delimiter))
}

/// One expression of the script, or a part without any. Only what is the whole script must be a text.
fn piece(run: &str, range: Range<usize>, scope: &Scope<'_>) -> Result<String, ExprError> {
    let start = range.start;
    let filled = if range == (0..run.len()) {
        interpolate(run, scope)
    } else {
        interpolate_piece(&run[range], scope)
    };
    filled.map_err(|mut error| {
        error.offset += start;
        error
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use checkmill_workflow::expr::{JobStatus, untrusted_references};
    use serde_json::json;

    const HOSTILE: &str = "x\"; $(touch /tmp/owned) `id` '; rm -rf / #";

    const MESSAGE: &str = "`first` line\n\nit's \"the\" body";

    fn contexts() -> Map<String, Value> {
        let contexts = json!({
            "github": {
                "head_ref": HOSTILE, "sha": "abc", "token": "ghs_verysecret",
                "event": {"pull_request": {"title": HOSTILE, "number": 3}, "head_commit": {"message": MESSAGE}},
            },
            "env": {
                "TITLE": format!("Title: {HOSTILE}"), "PLAIN": "a b", "OWN": "a && b", "MADE": "a && b",
                "LINE": "x: `first` line", "JSON": json!({"message": MESSAGE}).to_string(),
            },
            "matrix": {"os": "linux", "config": {"os": "linux"}, "list": [1]},
            "inputs": {"count": "3"},
            "steps": {"m": {"outputs": {
                "subject": "fix $(touch /tmp/owned)", "word": "1.2 beta", "json": "{\"a\": [1]}", "end": "a\nEOF\ntouch x",
            }}},
        });
        contexts.as_object().unwrap().clone()
    }

    fn filled(run: &str, kind: ShellKind) -> Result<Filled, FillError> {
        let contexts = contexts();
        let mut masks = Masks::default();
        masks.add("ghs_verysecret");
        let scope = Scope {
            contexts: &contexts,
            status: JobStatus::Success,
            files: None,
        };
        fill(
            run,
            kind,
            &scope,
            Guards {
                references: &untrusted_references,
                opaque: Opaque {
                    env: &["MADE".to_owned()].into(),
                    inputs: false,
                    matrix: false,
                },
                untrusted: &Untrusted::of(&contexts, false, &BTreeSet::new()),
                masks: &masks,
            },
        )
    }

    #[test]
    fn untrusted_and_secret_values_become_variables_and_others_are_pasted() {
        let table = [
            (
                "echo ${{ matrix.os }} ${{ github.sha }}",
                "echo linux abc",
                vec![],
            ),
            (
                "echo ${{ github.head_ref }}",
                "echo ${CHECKMILL_EXPR_1}",
                vec![HOSTILE],
            ),
            (
                "echo '${{ github.head_ref }}'!",
                "echo ''\"${CHECKMILL_EXPR_1}\"''!",
                vec![HOSTILE],
            ),
            (
                "echo $'${{ github.head_ref }}'",
                "echo $''\"${CHECKMILL_EXPR_1}\"$''",
                vec![HOSTILE],
            ),
            (
                "git push \"${{ github.token }}\"",
                "git push \"${CHECKMILL_EXPR_1}\"",
                vec!["ghs_verysecret"],
            ),
            (
                "echo ${{ env.PLAIN }} ${{ github.event.pull_request.number }}",
                "echo a b 3",
                vec![],
            ),
        ];
        for (run, text, values) in table {
            let filled = filled(run, ShellKind::Posix).unwrap();
            assert_eq!(filled.text, text);
            assert_eq!(
                filled
                    .variables
                    .iter()
                    .map(|v| v.value.as_str())
                    .collect::<Vec<_>>(),
                values,
                "{run}"
            );
        }
    }

    #[test]
    fn an_untrusted_text_is_known_again_after_a_detour() {
        let filled = filled("echo \"${{ env.TITLE }}\"", ShellKind::Posix).unwrap();
        assert_eq!(filled.text, "echo \"${CHECKMILL_EXPR_1}\"");
        assert_eq!(filled.variables[0].expression, "env.TITLE");
    }

    #[test]
    fn what_steps_have_made_is_pasted_only_where_it_is_harmless() {
        let table = [
            ("echo ${{ steps.m.outputs.word }}", "echo 1.2 beta"),
            (
                "echo \"${{ steps.m.outputs.subject }}\"",
                "echo \"${CHECKMILL_EXPR_1}\"",
            ),
            (
                "jq . <<< '${{ steps.m.outputs.json }}'",
                "jq . <<< ''\"${CHECKMILL_EXPR_1}\"''",
            ),
            (
                "cat <<'EOF'\n${{ steps.m.outputs.json }}\nEOF",
                "cat <<'EOF'\n{\"a\": [1]}\nEOF",
            ),
            ("${{ env.OWN }}", "a && b"),
            ("${{ env.MADE }}", "${CHECKMILL_EXPR_1}"),
            ("${{ env.LINE }}", "${CHECKMILL_EXPR_1}"),
            ("echo '${{ env.JSON }}'", "echo ''\"${CHECKMILL_EXPR_1}\"''"),
        ];
        for (run, text) in table {
            assert_eq!(filled(run, ShellKind::Posix).unwrap().text, text, "{run}");
        }
        let python = "print('${{ steps.m.outputs.word }}')";
        assert_eq!(
            filled(python, ShellKind::Python).unwrap().text,
            "print('1.2 beta')"
        );
        for (run, kind) in [
            ("cat <<'EOF'\n${{ steps.m.outputs.end }}\nEOF", ShellKind::Posix),
            ("cat <<'1'\n${{ steps.m.outputs.word }}\n1", ShellKind::Posix),
            (
                "cat <<'x1.2'\nx${{ steps.m.outputs.word }}\nx1.2",
                ShellKind::Posix,
            ),
            ("print('${{ steps.m.outputs.subject }}')", ShellKind::Python),
        ] {
            let error = filled(run, kind).unwrap_err().to_string();
            assert!(
                error.contains("is text that a step or another job has made"),
                "{error}"
            );
        }
        let input = filled("print('${{ inputs.count }}')", ShellKind::Python).unwrap_err();
        insta::assert_snapshot!(input, @"`${{ inputs.count }}` is an input, which may hold any text, and in this shell it can't be handed to the script safely; give it a name under `env:` and read that variable in the script");
    }

    #[test]
    fn an_object_in_a_script_is_a_word_and_as_the_whole_script_an_error() {
        let text = |run| filled(run, ShellKind::Posix).map(|filled| filled.text);
        assert_eq!(
            text("echo \"for ${{ matrix.config }}\" ${{ matrix.list }}").unwrap(),
            "echo \"for Object\" Array"
        );
        let error = text("${{ matrix.config }}").unwrap_err().to_string();
        assert!(error.contains("a text is needed here"), "{error}");
    }

    #[test]
    fn where_a_variable_can_not_be_read_the_step_is_refused() {
        let table = [
            (
                "cat <<'X'\n${{ github.head_ref }}\nX",
                ShellKind::Posix,
                "in a here-document with a quoted delimiter",
            ),
            (
                "echo $(( ${{ github.head_ref }} ))",
                ShellKind::Posix,
                "in an arithmetic expression",
            ),
            (
                "print('${{ github.head_ref }}')",
                ShellKind::Python,
                "in this shell",
            ),
            ("print('${{ env.TITLE }}')", ShellKind::Custom, "in this shell"),
        ];
        for (run, kind, place) in table {
            let error = filled(run, kind).unwrap_err().to_string();
            assert!(
                error.contains(place) && error.contains("`env:`") && !error.contains("rm -rf"),
                "{error}"
            );
        }
        assert_eq!(
            filled("print('${{ matrix.os }}')", ShellKind::Python)
                .unwrap()
                .text,
            "print('linux')"
        );
        let error = filled("print('${{ secrets.X || github.token }}')", ShellKind::Python)
            .unwrap_err()
            .to_string();
        assert!(error.contains("is secret") && !error.contains("ghs_"), "{error}");
    }

    #[test]
    fn a_broken_expression_is_an_error_at_its_place_in_the_script() {
        let FillError::Expression(error) = filled("echo\n${{ nope( }}", ShellKind::Posix).unwrap_err() else {
            panic!("an expression error")
        };
        assert!(error.offset >= 5, "{error:?}");
        assert!(filled("echo ${{ x", ShellKind::Posix).is_err());
    }
}
