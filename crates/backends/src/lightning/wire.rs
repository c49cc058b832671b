//! What Lightning answers. Fields that are not known here are left alone, and one whose form is not known counts as absent: of the
//! service itself, nobody here has seen an answer.

use super::name::JobName;
use checkmill_core::{MicroDollars, Millis, UnixMillis};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

#[derive(Debug, Deserialize)]
pub(super) struct Memberships {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) memberships: Vec<Membership>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Membership {
    pub(super) project_id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Project {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) project_settings: ProjectSettings,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProjectSettings {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) preferred_cluster: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Job {
    pub(super) id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) name: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) state: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) message: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) server_error: String,
    #[serde(default, deserialize_with = "instant")]
    pub(super) created_at: Option<UnixMillis>,
    #[serde(default, deserialize_with = "instant")]
    pub(super) started_at: Option<UnixMillis>,
    #[serde(default, deserialize_with = "instant")]
    pub(super) stopped_at: Option<UnixMillis>,
    #[serde(default, deserialize_with = "instant")]
    pub(super) updated_at: Option<UnixMillis>,
    /// Whether it began a second time.
    #[serde(default, rename = "restartCount", deserialize_with = "is_something")]
    pub(super) was_restarted: bool,
    #[serde(
        default,
        rename = "interruptionNoticeReceived",
        deserialize_with = "is_something"
    )]
    pub(super) was_interrupted: bool,
    #[serde(default, deserialize_with = "micro_dollars")]
    pub(super) total_cost: Option<MicroDollars>,
}

impl Job {
    /// None for any that is not ours.
    pub(super) fn tag(&self) -> Option<JobName> {
        self.name.parse().ok()
    }

    /// When it ended, as far as that is told.
    pub(super) fn ended_at(&self) -> Option<UnixMillis> {
        self.stopped_at.or(self.updated_at)
    }

    /// When it has waited for a machine for too long. The margin is the server's own look.
    pub(super) fn latest_start(&self) -> Option<UnixMillis> {
        Some(self.created_at? + self.tag()?.queue_timeout + START_MARGIN)
    }
}

/// After its queue timeout, for Checkmill's own look to stop a job first.
pub(super) const START_MARGIN: Millis = Millis::from_secs(60);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Jobs {
    #[serde(default, deserialize_with = "nullable")]
    jobs: Vec<Value>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) next_page_token: String,
}

impl Jobs {
    /// Those that may be ours, by their names, and how many there were in all.
    ///
    /// # Errors
    /// One of ours that is not understood.
    pub(super) fn ours(self) -> Result<(Vec<Job>, usize), serde_json::Error> {
        let all = self.jobs.len();
        let ours = self.jobs.into_iter().filter(|job| {
            let name = job.get("name").and_then(Value::as_str);
            name.is_some_and(|name| name.starts_with(super::name::PREFIX))
        });
        let ours: Result<Vec<Job>, _> = ours.map(serde_json::from_value).collect();
        Ok((ours?, all))
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogPage {
    #[serde(default, deserialize_with = "nullable")]
    pub(super) entries: Vec<LogEntry>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) next_page_token: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct LogEntry {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) message: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct DownloadLogs {
    pub(super) url: String,
}

/// What an error says, as gRPC gateways have it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Problem {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) message: String,
}

/// A null is the value that stands for none; anything else must be right.
fn nullable<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// What has another form than it should is the value that stands for none.
fn lenient<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: Default + serde::de::DeserializeOwned,
    D: Deserializer<'de>,
{
    let value = Value::deserialize(from)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// RFC 3339; what stands for "not yet" (the year 1) is none.
fn instant<'de, D: Deserializer<'de>>(from: D) -> Result<Option<UnixMillis>, D::Error> {
    let text: String = lenient(from)?;
    let at: Option<jiff::Timestamp> = text.parse().ok();
    let at = at.and_then(|at| u64::try_from(at.as_millisecond()).ok());
    Ok(at.filter(|at| *at > 0).map(UnixMillis))
}

/// A count, in either of the two forms that gateways have for one, a flag, or a time.
fn is_something<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Bool(flag) => flag,
        Value::Number(number) => number.as_f64().is_some_and(|number| number > 0.0),
        Value::String(text) => !matches!(text.as_str(), "" | "0" | "false") && !text.starts_with("0001-"),
        _ => false,
    })
}

/// Dollars, as a number or as text.
fn micro_dollars<'de, D: Deserializer<'de>>(from: D) -> Result<Option<MicroDollars>, D::Error> {
    let dollars = match Value::deserialize(from)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let dollars = dollars.filter(|dollars: &f64| dollars.is_finite() && *dollars >= 0.0);
    let digits = dollars.map(|dollars| format!("{dollars:.6}").replace('.', ""));
    Ok(digits.and_then(|digits| digits.parse().ok()).map(MicroDollars))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn job(fields: Value) -> Job {
        let mut job = json!({"id": "j1", "name": "n"});
        job.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        serde_json::from_value(job).unwrap()
    }

    #[test]
    fn a_cost_is_read_in_whichever_form() {
        for (cost, micros) in [
            (json!(0.012_345_678), Some(12_346)),
            (json!("1.5"), Some(1_500_000)),
            (json!(3), Some(3_000_000)),
            (json!(0), Some(0)),
            (json!(1e-5), Some(10)),
            (json!(-1), None),
            (json!("x"), None),
            (json!(null), None),
        ] {
            let found = job(json!({"totalCost": cost})).total_cost;
            assert_eq!(found, micros.map(MicroDollars), "{cost}");
        }
        assert_eq!(job(json!({})).total_cost, None);
    }

    #[test]
    fn flags_and_times_are_read_in_whichever_form() {
        for (value, expected) in [
            (json!(true), true),
            (json!(1), true),
            (json!("2"), true),
            (json!("2026-11-27T02:00:00Z"), true),
            (json!(false), false),
            (json!(0), false),
            (json!("0"), false),
            (json!(""), false),
            (json!("0001-01-01T00:00:00Z"), false),
            (json!(null), false),
            (json!({}), false),
        ] {
            assert_eq!(
                job(json!({"restartCount": value})).was_restarted,
                expected,
                "{value}"
            );
            assert_eq!(
                job(json!({"interruptionNoticeReceived": value})).was_interrupted,
                expected,
                "{value}"
            );
        }
        for (time, expected) in [
            ("1970-01-01T00:00:01.5Z", Some(UnixMillis(1500))),
            ("1970-01-01T01:00:01+01:00", Some(UnixMillis(1000))),
            ("0001-01-01T00:00:00Z", None),
            ("", None),
        ] {
            assert_eq!(job(json!({"createdAt": time})).created_at, expected, "{time}");
        }
    }

    #[test]
    fn jobs_of_others_may_have_any_form() {
        let jobs = |value: Value| serde_json::from_value::<Jobs>(value).unwrap().ours();
        let (ours, all) = jobs(json!({"jobs": [
            {"id": 7, "name": "train"}, {"name": 8}, {"id": "j1", "name": "checkmill-x", "more": {}, "message": null},
        ]}))
        .unwrap();
        assert_eq!((ours.len(), all), (1, 3));
        assert!(jobs(json!({"jobs": [{"id": 7, "name": "checkmill-x"}]})).is_err());
        assert_eq!(jobs(json!({"jobs": null})).unwrap().1, 0);
    }
}
