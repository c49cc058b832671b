//! Filling the expressions of a script. What an outsider may have chosen (a branch name, a title) and what is secret is
//! never pasted into the script: it goes into an environment variable of ours, and the script reads that. In quotes or out
//! of them, the shell takes a variable's value as data, and the script's file holds no secret.
//!
//! Two nets: expressions that read untrusted contexts (`untrusted_references`), and values that hold an untrusted text
//! whichever way they came ([`Untrusted`]): through `env`, another step's output, another job's.

use super::quoting::{Place, Walker};
use super::shell::ShellKind;
use crate::mask::Masks;
use checkmill_workflow::expr::{ExprError, ExprSpan, Scope, interpolate, references};
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

const OUTSIDERS: &str = "text that outsiders may choose";
const SECRET: &str = "secret";

/// Texts of the event that would do something in a shell, found again in values that were made of them.
#[derive(Debug, Clone, Default)]
pub struct Untrusted(BTreeSet<String>);

impl Untrusted {
    /// From the contexts `github` and `inputs`; the latter only where they may hold what an outsider chose.
    #[must_use]
    pub fn of(contexts: &Map<String, Value>, own_inputs: bool) -> Self {
        let mut texts = Self::default();
        let names = ["github"].into_iter().chain((!own_inputs).then_some("inputs"));
        for value in names.filter_map(|name| contexts.get(name)) {
            texts.collect(value);
        }
        texts
    }

    fn collect(&mut self, value: &Value) {
        match value {
            Value::String(text) if text.len() >= 2 && text.contains(acts_in_a_shell) => {
                self.0.insert(text.clone());
            }
            Value::Array(values) => values.iter().for_each(|value| self.collect(value)),
            Value::Object(values) => values.values().for_each(|value| self.collect(value)),
            _ => {}
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
    "`$\"'\\;&|<>(){}*?[]#~!\n\r".contains(c)
}

/// What decides how a value reaches a script.
#[derive(Clone, Copy)]
pub struct Guards<'a> {
    /// Finds the expressions that give text an outsider chooses (`untrusted_references`, or its relative for actions).
    pub references: fn(&str) -> Vec<ExprSpan>,
    pub untrusted: &'a Untrusted,
    pub masks: &'a Masks,
}

/// Fills the expressions of `run`.
///
/// # Errors
/// An expression that fails, or a value that must not be pasted at a place where the shell reads no variables.
pub fn fill(run: &str, kind: ShellKind, scope: &Scope<'_>, guards: Guards<'_>) -> Result<Filled, FillError> {
    let marked: BTreeSet<usize> = (guards.references)(run)
        .into_iter()
        .map(|span| span.range.start)
        .collect();
    let mut walker = Walker::new(run);
    let mut filled = Filled {
        text: String::new(),
        variables: Vec::new(),
    };
    let mut rest = 0;
    for span in references(run) {
        filled.text.push_str(&run[rest..span.range.start]);
        rest = span.range.end;
        let value = piece(run, span.range.clone(), scope)?;
        let what = if guards.masks.hides(&value) {
            Some(SECRET)
        } else if marked.contains(&span.range.start) || guards.untrusted.is_in(&value) {
            Some(OUTSIDERS)
        } else {
            None
        };
        let place = walker.place_at(span.range.start);
        walker.skip_to(span.range.end);
        let Some(what) = what else {
            filled.text.push_str(&value);
            continue;
        };
        let name = format!("{VARIABLE_PREFIX}{}", filled.variables.len() + 1);
        let place = if kind == ShellKind::Posix {
            Some(place)
        } else {
            None
        };
        let reference = reference(&name, place).map_err(|place| FillError::Unsafe {
            expression: span.expression.clone(),
            what,
            place,
        })?;
        filled.text.push_str(&reference);
        filled.variables.push(Variable {
            name,
            value,
            expression: span.expression,
        });
    }
    // Without any expression left in it, this finds one that is not closed.
    filled.text.push_str(&piece(run, rest..run.len(), scope)?);
    Ok(filled)
}

fn piece(run: &str, range: Range<usize>, scope: &Scope<'_>) -> Result<String, ExprError> {
    let start = range.start;
    interpolate(&run[range], scope).map_err(|mut error| {
        error.offset += start;
        error
    })
}

/// How a script reads the variable at this place; `None` is a language whose rules we don't know.
fn reference(name: &str, place: Option<Place>) -> Result<String, &'static str> {
    match place {
        Some(Place::Expanding) => Ok(format!("${{{name}}}")),
        Some(Place::SingleQuotes) => Ok(format!("'\"${{{name}}}\"'")),
        Some(Place::AnsiQuotes) => Ok(format!("'\"${{{name}}}\"$'")),
        Some(Place::Literal) => Err("in a here-document with a quoted delimiter"),
        Some(Place::Arithmetic) => Err("in an arithmetic expression"),
        None => Err("in this shell"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use checkmill_workflow::expr::{JobStatus, untrusted_references};
    use serde_json::json;

    const HOSTILE: &str = "x\"; $(touch /tmp/owned) `id` '; rm -rf / #";

    fn contexts() -> Map<String, Value> {
        let contexts = json!({
            "github": {
                "head_ref": HOSTILE, "sha": "abc", "token": "ghs_verysecret",
                "event": {"pull_request": {"title": HOSTILE, "number": 3}},
            },
            "env": {"TITLE": format!("Title: {HOSTILE}"), "PLAIN": "a b"},
            "matrix": {"os": "linux"},
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
                references: untrusted_references,
                untrusted: &Untrusted::of(&contexts, false),
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
