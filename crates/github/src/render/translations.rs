//! The scripts that a language model wrote for steps, in full: what runs must be what somebody could read.

use super::cut::cut_line;
use super::escape::{code, inline};
use super::fence::{fenced, fenced_as};

/// Of a step's name, an action's and a model's.
const NAME_BYTES: usize = 100;

/// Whether a script is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Not yet.
    Proposed,
    /// The attempt runs it where it comes to its step.
    MayBeUsed,
    Used,
}

/// A script for a step. Its texts keep to [`checkmill_core::limits`].
#[derive(Debug, Clone, Copy)]
pub struct Translated<'a> {
    /// The step's name, where it is known.
    pub step: Option<&'a str>,
    /// What the step uses.
    pub uses: &'a str,
    pub model: &'a str,
    pub shell: &'a str,
    pub script: &'a str,
    pub explanation: &'a str,
    pub assumptions: &'a [String],
    pub standing: Standing,
}

/// A section each; nothing for none.
pub(super) fn translations(all: &[Translated<'_>]) -> String {
    all.iter().map(section).collect()
}

fn section(of: &Translated<'_>) -> String {
    let what = match of.standing {
        Standing::Proposed => "A script to stand for",
        Standing::MayBeUsed => "The script that stands for",
        Standing::Used => "The script that stood for",
    };
    let uses = code(&cut_line(of.uses, NAME_BYTES));
    let step = of.step.map(|step| inline(&cut_line(step, NAME_BYTES)));
    let step = step.map_or_else(String::new, |step| format!(" (step {step})"));
    let model = code(&cut_line(of.model, NAME_BYTES));
    let mut said = of.explanation.trim().to_owned();
    if !of.assumptions.is_empty() {
        said.push_str("\n\nIt assumes:");
    }
    for assumption in of.assumptions {
        said.push_str(&format!("\n- {}", assumption.trim()));
    }
    let said = match said.trim() {
        "" => String::new(),
        said => format!("What the model says of it:\n\n{}\n", fenced(said)),
    };
    format!(
        "### {what} {uses}\n\nWritten by the language model {model}{step}. It gets the variables and inputs of that step, and \
         nothing else.\n\n{}\n{said}",
        fenced_as(of.shell, of.script)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use checkmill_core::limits;

    #[test]
    fn a_section() {
        let assumptions = ["The network *is* there.".to_owned()];
        let translated = Translated {
            step: Some("Set up @go"),
            uses: "actions/setup-go@v5",
            model: "ollama/llama3.1",
            shell: "bash",
            script: "echo '```'\ncurl -sSf \"https://go.dev\"",
            explanation: "Installs Go.",
            assumptions: &assumptions,
            standing: Standing::Proposed,
        };
        insta::assert_snapshot!(translations(&[translated]), @r#"
        ### A script to stand for `actions/setup-go@v5`

        Written by the language model `ollama/llama3.1` (step Set up @&#8203;go). It gets the variables and inputs of that step, and nothing else.

        ````bash
        echo '```'
        curl -sSf "https://go.dev"
        ````

        What the model says of it:

        ```text
        Installs Go.

        It assumes:
        - The network *is* there.
        ```
        "#);
        assert_eq!(translations(&[]), "");
    }

    #[test]
    fn the_longest_ones_fit_a_check_in_full() {
        let script = "x".repeat(limits::TRANSLATION_SCRIPT_BYTES);
        let said = "*".repeat(limits::TRANSLATION_EXPLANATION_BYTES);
        let assumptions: Vec<String> =
            vec!["#".repeat(limits::TRANSLATION_ASSUMPTION_BYTES); limits::TRANSLATION_ASSUMPTIONS];
        let name = "*".repeat(1000);
        let longest = Translated {
            step: Some(&name),
            uses: &name,
            model: &name,
            shell: "bash",
            script: &script,
            explanation: &said,
            assumptions: &assumptions,
            standing: Standing::MayBeUsed,
        };
        let all = vec![longest; limits::TRANSLATIONS];
        let text = translations(&all);
        assert!(text.chars().count() <= limits::CHECK_TEXT_CHARS, "{}", text.len());
    }
}
