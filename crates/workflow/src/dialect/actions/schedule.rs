//! `on.schedule`: a list of cron texts, each in UTC or in a time zone of its own.

use super::keys;
use crate::read::Reader;
use crate::source::Span;
use crate::text::Text;
use crate::yaml::{Node, Value, offset_in_source};
use checkmill_core::limits::SCHEDULES_OF_WORKFLOW;
use checkmill_core::schedule::{Timing, TimingError};

const EXAMPLE: &str = "name one, such as `- cron: '30 5 * * 1-5'`";

pub(super) fn schedule(reader: &mut Reader<'_>, node: &Node) -> Vec<Timing> {
    if node.value == Value::Null {
        reader.report_with(node.span, "`schedule` names no time", EXAMPLE);
        return Vec::new();
    }
    let Some(items) = reader.list(node, "`schedule`") else {
        return Vec::new();
    };
    if items.is_empty() {
        reader.report_with(node.span, "`schedule` is empty", EXAMPLE);
    }
    if let Some(surplus) = items.get(SCHEDULES_OF_WORKFLOW) {
        let message = format!("a workflow can have at most {SCHEDULES_OF_WORKFLOW} schedules");
        reader.report(surplus.span, message);
    }
    items.iter().filter_map(|item| timing(reader, item)).collect()
}

fn timing(reader: &mut Reader<'_>, item: &Node) -> Option<Timing> {
    let fields = reader.fields(item, &keys::SCHEDULE, "an item of `schedule`")?;
    let Some(node) = fields.get("cron") else {
        reader.report_with(item.span, "`cron` is missing", EXAMPLE);
        return None;
    };
    let cron = reader.literal(node, "`cron`");
    let timezone = match fields.get("timezone") {
        Some(node) => Some(reader.literal(node, "`timezone`")?),
        None => None,
    };
    let cron = cron?;
    let timing = |cron: &str, timezone: Option<&Text>| Timing {
        cron: cron.to_owned(),
        timezone: timezone.map(|text| text.value.clone()),
    };
    if let Err(error) = timing(&cron.value, None).timetable() {
        report(reader, &cron, &error);
        return None;
    }
    let timing = timing(&cron.value, timezone.as_ref());
    if let (Err(error), Some(timezone)) = (timing.timetable(), &timezone) {
        report(reader, timezone, &error);
        return None;
    }
    Some(timing)
}

fn report(reader: &mut Reader<'_>, text: &Text, error: &TimingError) {
    let at = offset_in_source(reader.source, text.span, &text.value, error.offset);
    reader.report_with(Span::new(at, at), error.message.clone(), error.hint.clone());
}
