//! Pages and the Link header. GitHub docs, "Using pagination in the REST API".

use super::call::Call;
use super::reply::Reply;
use serde_json::Value;

/// GitHub docs: 30 unless asked otherwise.
const DEFAULT_SIZE: usize = 30;
/// GitHub docs: at most 100; more is read as 100.
const MAX_SIZE: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    /// From 1.
    pub(crate) number: usize,
    pub(crate) size: usize,
}

impl Page {
    pub(crate) fn of(call: &Call) -> Self {
        Self::with_default(call, DEFAULT_SIZE)
    }

    pub(crate) fn with_default(call: &Call, size: usize) -> Self {
        let number = |name| call.param(name).and_then(|text| text.parse::<usize>().ok());
        Self {
            number: number("page").unwrap_or(1).max(1),
            size: number("per_page")
                .filter(|n| *n > 0)
                .unwrap_or(size)
                .min(MAX_SIZE),
        }
    }

    pub(crate) fn cut<T>(self, items: Vec<T>) -> Vec<T> {
        items
            .into_iter()
            .skip((self.number - 1).saturating_mul(self.size))
            .take(self.size)
            .collect()
    }

    /// Adds the Link header, where there is more than this page.
    pub(crate) fn link(self, reply: Reply, call: &Call, total: usize) -> Reply {
        let last = total.div_ceil(self.size).max(1);
        let mut targets = Vec::new();
        if self.number > 1 {
            targets.push((self.number - 1, "prev"));
        }
        if self.number < last {
            targets.push((self.number + 1, "next"));
            targets.push((last, "last"));
        }
        if self.number > 1 {
            targets.push((1, "first"));
        }
        if targets.is_empty() {
            return reply;
        }
        let link = |(number, rel): (usize, &str)| format!("<{}>; rel=\"{rel}\"", page_url(call, number));
        let links: Vec<String> = targets.into_iter().map(link).collect();
        reply.header("link", links.join(", "))
    }
}

/// A page of a plain array.
pub(crate) fn array(call: &Call, items: Vec<Value>) -> Reply {
    let page = Page::of(call);
    let total = items.len();
    page.link(Reply::ok(&page.cut(items).into()), call, total)
}

/// A page of an array inside an object with `total_count`.
pub(crate) fn counted(call: &Call, key: &str, items: Vec<Value>) -> Reply {
    let page = Page::of(call);
    let total = items.len();
    let mut body = serde_json::json!({ "total_count": total });
    body[key] = page.cut(items).into();
    page.link(Reply::ok(&body), call, total)
}

fn page_url(call: &Call, number: usize) -> String {
    let kept = call
        .query
        .iter()
        .filter(|(key, _)| key != "page")
        .map(|(key, value)| format!("{}={}", encode(key), encode(value)));
    let query: Vec<String> = kept.chain([format!("page={number}")]).collect();
    format!("{}?{}", call.address, query.join("&"))
}

/// Percent-encodes all but unreserved characters (RFC 3986).
pub(crate) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
