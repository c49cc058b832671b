//! The bodies of check-run requests: schema first, then what the values mean together.

use crate::server::reply::Refusal;
use crate::server::shape::{self, Field, Shape, UNLIMITED, optional, required};
use crate::state::check::{Action, Annotation, CONCLUSIONS, Conclusion, Status};
use crate::timestamp;
use checkmill_core::UnixMillis;
use serde_json::Value;

/// GitHub docs: 65,535 characters for the summary and for the text.
const TEXT: Shape = Shape::Text(65_535);
/// Titles and names. GitHub docs give 255 characters for an annotation's title; the same is taken for a check's.
const TITLE: Shape = Shape::Text(255);
/// GitHub docs: 64 KB for an annotation's message and raw details.
const ANNOTATION_TEXT: Shape = Shape::TextBytes(64 * 1024);
const CONCLUSION_NAMES: &[&str] = &[
    "action_required",
    "cancelled",
    "failure",
    "neutral",
    "success",
    "skipped",
    "timed_out",
];

const ANNOTATION: Shape = Shape::Object(&[
    required("path", Shape::Text(UNLIMITED)),
    required("start_line", Shape::Integer(1)),
    required("end_line", Shape::Integer(1)),
    optional("start_column", Shape::Integer(1)),
    optional("end_column", Shape::Integer(1)),
    required(
        "annotation_level",
        Shape::OneOf(&["notice", "warning", "failure"]),
    ),
    required("message", ANNOTATION_TEXT),
    optional("title", TITLE),
    optional("raw_details", ANNOTATION_TEXT),
]);

const IMAGE: Shape = Shape::Object(&[
    required("alt", Shape::Text(UNLIMITED)),
    required("image_url", Shape::Url),
    optional("caption", Shape::Text(UNLIMITED)),
]);

/// GitHub docs: label and identifier of at most 20 characters, description of at most 40.
const ACTION: Shape = Shape::Object(&[
    required("label", Shape::Text(20)),
    required("description", Shape::Text(40)),
    required("identifier", Shape::Text(20)),
]);

const OUTPUT: Shape = Shape::Object(&[
    // Required when a check run is made, and once an output is to be shown; see `output_title_is_known`.
    optional("title", TITLE),
    required("summary", TEXT),
    optional("text", TEXT),
    optional(
        "annotations",
        Shape::List {
            max: 50,
            of: &ANNOTATION,
        },
    ),
    optional("images", Shape::List { max: 50, of: &IMAGE }),
]);

const STATUS: Shape = Shape::OneOf(Status::NAMES);

const CREATE: &[Field] = &[
    required("name", TITLE),
    required("head_sha", Shape::Text(UNLIMITED)),
    optional("details_url", Shape::Url),
    optional("external_id", Shape::Text(UNLIMITED)),
    optional("status", STATUS),
    optional("started_at", Shape::Time),
    optional("conclusion", Shape::OneOf(CONCLUSION_NAMES)),
    optional("completed_at", Shape::Time),
    optional("output", OUTPUT),
    optional("actions", Shape::List { max: 3, of: &ACTION }),
];

const UPDATE: &[Field] = &[
    optional("name", TITLE),
    optional("details_url", Shape::Url),
    optional("external_id", Shape::Text(UNLIMITED)),
    optional("status", STATUS),
    optional("started_at", Shape::Time),
    optional("conclusion", Shape::OneOf(CONCLUSION_NAMES)),
    optional("completed_at", Shape::Time),
    optional("output", OUTPUT),
    optional("actions", Shape::List { max: 3, of: &ACTION }),
];

/// What a request says about a check run; none where it says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CheckInput {
    pub(super) name: Option<String>,
    pub(super) head_sha: Option<String>,
    pub(super) details_url: Option<String>,
    pub(super) external_id: Option<String>,
    pub(super) status: Option<Status>,
    pub(super) conclusion: Option<Conclusion>,
    pub(super) started_at: Option<UnixMillis>,
    pub(super) completed_at: Option<UnixMillis>,
    pub(super) output: Option<OutputInput>,
    pub(super) actions: Option<Vec<Action>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OutputInput {
    pub(super) title: Option<String>,
    pub(super) summary: String,
    pub(super) text: Option<String>,
    pub(super) annotations: Vec<Annotation>,
}

pub(super) fn of_create(body: &Value) -> Result<CheckInput, Refusal> {
    shape::check(body, CREATE)?;
    let input = read(body)?;
    if input.output.as_ref().is_some_and(|output| output.title.is_none()) {
        return Err(Refusal::invalid("\"output/title\" wasn't supplied."));
    }
    if input.name.as_deref().is_some_and(|name| name.trim().is_empty()) {
        return Err(Refusal::failed_validation(
            "CheckRun",
            "name",
            "missing_field",
            "name can't be blank",
        ));
    }
    Ok(input)
}

pub(super) fn of_update(body: &Value) -> Result<CheckInput, Refusal> {
    shape::check(body, UPDATE)?;
    read(body)
}

/// Reads a body that has the right shape.
fn read(body: &Value) -> Result<CheckInput, Refusal> {
    let conclusion = body["conclusion"]
        .as_str()
        .and_then(|name| CONCLUSIONS.iter().find(|c| c.as_str() == name))
        .copied();
    let status = body["status"].as_str().and_then(Status::from_name);
    let completed_at = time(&body["completed_at"]);
    let ends = status == Some(Status::Completed) || completed_at.is_some();
    if ends && conclusion.is_none() {
        return Err(Refusal::invalid(
            "\"conclusion\" wasn't supplied, which a status of completed and completed_at require.",
        ));
    }
    let output = match &body["output"] {
        Value::Null => None,
        output => Some(OutputInput {
            title: text(&output["title"]),
            summary: text(&output["summary"]).unwrap_or_default(),
            text: text(&output["text"]),
            annotations: list(&output["annotations"], annotation)?,
        }),
    };
    let actions = match &body["actions"] {
        Value::Null => None,
        actions => Some(list(actions, action)?),
    };
    Ok(CheckInput {
        name: text(&body["name"]),
        head_sha: text(&body["head_sha"]),
        details_url: text(&body["details_url"]),
        external_id: text(&body["external_id"]),
        // GitHub docs: providing a conclusion sets the status to completed.
        status: if conclusion.is_some() {
            Some(Status::Completed)
        } else {
            status
        },
        conclusion,
        started_at: time(&body["started_at"]),
        completed_at,
        output,
        actions,
    })
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn time(value: &Value) -> Option<UnixMillis> {
    value.as_str().and_then(timestamp::parse)
}

fn list<T>(value: &Value, read: fn(&Value) -> Result<T, Refusal>) -> Result<Vec<T>, Refusal> {
    value.as_array().into_iter().flatten().map(read).collect()
}

fn action(value: &Value) -> Result<Action, Refusal> {
    let field = |name: &str| text(&value[name]).unwrap_or_default();
    Ok(Action {
        label: field("label"),
        description: field("description"),
        identifier: field("identifier"),
    })
}

fn annotation(value: &Value) -> Result<Annotation, Refusal> {
    let number = |name: &str| value[name].as_u64();
    let refuse =
        |field: &str, detail: &str| Refusal::failed_validation("CheckAnnotation", field, "invalid", detail);
    let annotation = Annotation {
        path: text(&value["path"]).unwrap_or_default(),
        start_line: number("start_line").unwrap_or_default(),
        end_line: number("end_line").unwrap_or_default(),
        start_column: number("start_column"),
        end_column: number("end_column"),
        level: text(&value["annotation_level"]).unwrap_or_default(),
        message: text(&value["message"]).unwrap_or_default(),
        title: text(&value["title"]),
        raw_details: text(&value["raw_details"]),
    };
    if annotation.path.is_empty() {
        return Err(refuse("path", "path can't be blank"));
    }
    if annotation.message.is_empty() {
        return Err(refuse("message", "message can't be blank"));
    }
    if annotation.end_line < annotation.start_line {
        return Err(refuse("end_line", "end_line must not be before start_line"));
    }
    let has_columns = annotation.start_column.is_some() || annotation.end_column.is_some();
    if has_columns && annotation.start_line != annotation.end_line {
        return Err(refuse(
            "start_column",
            "columns are only allowed where start_line and end_line are the same",
        ));
    }
    if let (Some(start), Some(end)) = (annotation.start_column, annotation.end_column)
        && end < start
    {
        return Err(refuse("end_column", "end_column must not be before start_column"));
    }
    Ok(annotation)
}
