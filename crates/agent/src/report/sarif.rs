//! SARIF 2.1.0 (OASIS standard): what linters and scanners have found.

use crate::commands::Annotation;
use checkmill_workflow::job::ResultLevel;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Base URIs that refer to each other.
const BASE_DEPTH: usize = 8;
/// Of a message with arguments, and of each of these.
const PART_BYTES: usize = 2000;

/// What a log holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    pub annotations: Vec<Annotation>,
    /// Results that are none by the standard, such as one at line -1, with what is wrong with the first.
    pub broken: usize,
    pub problem: Option<String>,
}

/// Reads a SARIF log: its results as annotations, the files as the log names them. Left out are results that are suppressed,
/// absent, no failures, or have no place in a file.
///
/// # Errors
/// Where the text is no SARIF of version 2.
pub fn parse(text: &str) -> Result<Findings, String> {
    let log: Log =
        serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| error.to_string())?;
    if !log.version.starts_with("2.") {
        return Err(format!("its version is {:?}, not 2.1.0", log.version));
    }
    let mut findings = Findings::default();
    for run in &log.runs {
        for result in run.results.iter().flatten() {
            match Found::deserialize(result) {
                Ok(found) => findings.annotations.extend(run.annotation(&found)),
                Err(problem) => {
                    findings.broken += 1;
                    findings.problem.get_or_insert_with(|| problem.to_string());
                }
            }
        }
    }
    Ok(findings)
}

#[derive(Deserialize)]
struct Log {
    version: String,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    /// `null` where the tool could not run.
    #[serde(default)]
    results: Option<Vec<serde_json::Value>>,
    #[serde(default)]
    original_uri_base_ids: BTreeMap<String, Artifact>,
    #[serde(default)]
    artifacts: Vec<ArtifactObject>,
}

#[derive(Deserialize)]
struct ArtifactObject {
    #[serde(default)]
    location: Option<Artifact>,
}

#[derive(Deserialize)]
struct Tool {
    driver: Component,
    #[serde(default)]
    extensions: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(default)]
    name: String,
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    #[serde(default)]
    default_configuration: Option<Configuration>,
    #[serde(default)]
    message_strings: BTreeMap<String, Message>,
}

#[derive(Deserialize)]
struct Configuration {
    #[serde(default)]
    level: Option<Level>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Level {
    None,
    Note,
    Warning,
    Error,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    #[serde(default)]
    rule_id: Option<String>,
    #[serde(default)]
    rule_index: Option<i64>,
    #[serde(default)]
    rule: Option<RuleReference>,
    #[serde(default)]
    level: Option<Level>,
    #[serde(default)]
    kind: Option<String>,
    message: Message,
    #[serde(default)]
    locations: Vec<Location>,
    #[serde(default)]
    suppressions: Vec<Suppression>,
    #[serde(default)]
    baseline_state: Option<String>,
}

#[derive(Deserialize)]
struct RuleReference {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    index: Option<i64>,
}

#[derive(Deserialize)]
struct Suppression {
    #[serde(default)]
    status: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    arguments: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    #[serde(default)]
    physical_location: Option<PhysicalLocation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    #[serde(default)]
    artifact_location: Option<Artifact>,
    #[serde(default)]
    region: Option<Region>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    #[serde(default)]
    uri: Option<String>,
    #[serde(default)]
    uri_base_id: Option<String>,
    #[serde(default)]
    index: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    #[serde(default)]
    start_line: Option<u32>,
    #[serde(default)]
    start_column: Option<u32>,
    #[serde(default)]
    end_line: Option<u32>,
    #[serde(default)]
    end_column: Option<u32>,
}

impl Run {
    fn annotation(&self, result: &Found) -> Option<Annotation> {
        if !result.counts() {
            return None;
        }
        let rule = self.rule(result);
        let configured = rule.and_then(|rule| rule.default_configuration.as_ref()?.level);
        let level = match result.level.or(configured).unwrap_or(Level::Warning) {
            Level::Error => ResultLevel::Error,
            Level::Warning => ResultLevel::Warning,
            Level::Note => ResultLevel::Notice,
            Level::None => return None,
        };
        let place = result.locations.first()?.physical_location.as_ref()?;
        let region = place.region.as_ref();
        let line = region
            .and_then(|region| region.start_line)
            .filter(|line| *line > 0);
        let column = region.and_then(|region| region.start_column);
        let id = result
            .rule_id
            .as_deref()
            .or(result.rule.as_ref().and_then(|rule| rule.id.as_deref()));
        let id = id.or(rule.map(|rule| rule.id.as_str()));
        let title = [Some(self.tool.driver.name.as_str()), id]
            .into_iter()
            .flatten()
            .filter(|part| !part.is_empty());
        Some(Annotation {
            level,
            message: result.message.shown(rule)?,
            title: Some(title.collect::<Vec<_>>().join(": ")),
            file: Some(self.file(place.artifact_location.as_ref()?, 0)?),
            line,
            end_line: region
                .and_then(|region| region.end_line)
                .filter(|end| line.is_some_and(|line| *end >= line)),
            column,
            // The standard's end is the column after the last.
            end_column: region
                .and_then(|region| region.end_column)
                .map(|end| end.saturating_sub(1).max(column.unwrap_or(1))),
        })
    }

    fn rule(&self, result: &Found) -> Option<&Rule> {
        let index = result
            .rule_index
            .or(result.rule.as_ref().and_then(|rule| rule.index));
        let by_index = index.and_then(|index| self.tool.driver.rules.get(usize::try_from(index).ok()?));
        let id = result
            .rule_id
            .as_deref()
            .or(result.rule.as_ref().and_then(|rule| rule.id.as_deref()));
        // `CA1000/1` is a case of the rule `CA1000`.
        let is_it = |rule: &&Rule| {
            id.is_none_or(|id| {
                id == rule.id
                    || id
                        .strip_prefix(&rule.id)
                        .is_some_and(|rest| rest.starts_with('/'))
            })
        };
        let components = std::iter::once(&self.tool.driver).chain(&self.tool.extensions);
        by_index.filter(is_it).or_else(|| {
            id?;
            components.flat_map(|component| &component.rules).find(is_it)
        })
    }

    /// The file of a location: a URI, relative to a base of the run, or the run's artifact with an index.
    fn file(&self, artifact: &Artifact, depth: usize) -> Option<String> {
        if depth > BASE_DEPTH {
            return None;
        }
        let Some(uri) = artifact.uri.as_deref() else {
            let index = usize::try_from(artifact.index?).ok()?;
            return self.file(self.artifacts.get(index)?.location.as_ref()?, depth + 1);
        };
        let file = decoded(uri);
        if file.starts_with('/') || file.starts_with("file:") {
            return Some(file);
        }
        let base = artifact
            .uri_base_id
            .as_ref()
            .and_then(|id| self.original_uri_base_ids.get(id));
        match base.and_then(|base| self.file(base, depth + 1)) {
            Some(base) => Some(format!("{}/{file}", base.trim_end_matches('/'))),
            None => Some(file),
        }
    }
}

impl Found {
    /// Whether a person should see it.
    fn counts(&self) -> bool {
        let kind = self.kind.as_deref().unwrap_or("fail");
        let gone = self.baseline_state.as_deref() == Some("absent");
        let accepted =
            |suppression: &Suppression| suppression.status.as_deref().unwrap_or("accepted") == "accepted";
        matches!(kind, "fail" | "review" | "open") && !gone && !self.suppressions.iter().any(accepted)
    }
}

impl Message {
    /// The text, from the rule where the result names one of its, with its arguments filled in.
    fn shown(&self, rule: Option<&Rule>) -> Option<String> {
        let of_rule = || {
            let id = self.id.as_ref()?;
            rule?.message_strings.get(id)?.text.as_deref()
        };
        let mut text = self.text.as_deref().or_else(of_rule)?.trim().to_owned();
        for (at, argument) in self.arguments.iter().enumerate().take(10) {
            // Cut each time: placeholders may stand in arguments, and a file may hold thousands of them.
            let argument = &argument[..argument.floor_char_boundary(PART_BYTES)];
            text.truncate(text.floor_char_boundary(PART_BYTES));
            text = text.replace(&format!("{{{at}}}"), argument);
        }
        (!text.is_empty()).then_some(text)
    }
}

/// A URI's percent-encoding undone.
fn decoded(uri: &str) -> String {
    let bytes = uri.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = || u8::from_str_radix(std::str::from_utf8(bytes.get(at + 1..at + 3)?).ok()?, 16).ok();
        match hex().filter(|_| byte == b'%') {
            Some(decoded) => {
                out.push(decoded);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests;
