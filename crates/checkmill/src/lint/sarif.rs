//! The report as SARIF 2.1.0 (OASIS standard), as GitHub's code scanning takes it.

use super::Report;
use checkmill_workflow::{Diagnostic, Rule};
use serde_json::{Value, json};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// Where a path of the repository begins. GitHub docs: relative paths are those of the repository.
const ROOT: &str = "%SRCROOT%";

pub(super) fn sarif(report: &Report) -> anyhow::Result<String> {
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "checkmill lint",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": Rule::ALL.map(rule),
            }},
            // Columns are counted in characters.
            "columnKind": "unicodeCodePoints",
            "results": report.diagnostics.iter().map(result).collect::<Vec<_>>(),
        }],
    });
    Ok(serde_json::to_string(&log)? + "\n")
}

fn rule(rule: Rule) -> Value {
    json!({
        "id": rule.id(),
        "shortDescription": { "text": rule.summary() },
        "defaultConfiguration": { "level": rule.severity().as_str() },
    })
}

fn result(one: &Diagnostic) -> Value {
    let text = match &one.hint {
        Some(hint) if hint.ends_with('?') => format!("{}. {}", one.message, capital(hint)),
        Some(hint) => format!("{}. {}.", one.message, capital(hint)),
        None => format!("{}.", one.message),
    };
    json!({
        "ruleId": one.rule.id(),
        "ruleIndex": Rule::ALL.iter().position(|rule| *rule == one.rule),
        "level": one.severity().as_str(),
        "message": { "text": capital(&text) },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(&one.path), "uriBaseId": ROOT },
            "region": {
                "startLine": one.line,
                "startColumn": one.column,
                "endLine": one.line,
                "endColumn": one.end_column,
            },
        }}],
    })
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// RFC 3986: what a path may hold as it is; the rest is percent-encoded.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_uri() {
        assert_eq!(
            uri(".checkmill/workflows/a b:ü.yml"),
            ".checkmill/workflows/a%20b%3A%C3%BC.yml"
        );
    }
}
