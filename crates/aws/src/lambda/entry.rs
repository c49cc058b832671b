//! A function behind a function URL or an HTTP API: both send the same event (payload format 2.0).

use lambda_http::http::{HeaderMap, Method, StatusCode, header};
use lambda_http::{Body, Error, IntoResponse, Request, RequestExt, Response, service_fn};
use std::convert::Infallible;
use std::future::{Future, ready};
use std::pin::Pin;

/// A call from outside. The body is what the caller sent, byte for byte: where the gateway encoded it as base64, it is
/// decoded here.
#[derive(Debug)]
pub struct HttpCall {
    pub method: Method,
    pub path: String,
    pub query: Option<String>,
    headers: HeaderMap,
    pub body: Vec<u8>,
}

impl HttpCall {
    /// A header's value; none where it is absent or not text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn read(request: Request) -> Self {
        let path = match request.raw_http_path() {
            "" => request.uri().path(),
            path => path,
        };
        Self {
            method: request.method().clone(),
            path: path.to_owned(),
            query: request.uri().query().map(str::to_owned),
            headers: request.headers().clone(),
            body: match request.into_body() {
                Body::Text(text) => text.into_bytes(),
                Body::Binary(bytes) => bytes,
                // No other kind exists, but the enum is open.
                _ => Vec::new(),
            },
        }
    }
}

/// A status and a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    status: u16,
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Json(String),
    Bytes(Vec<u8>),
}

impl HttpAnswer {
    /// A sentence, as a JSON object.
    #[must_use]
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        let body = serde_json::json!({ "message": message.into() });
        Self {
            status,
            content: Content::Json(body.to_string()),
        }
    }

    /// JSON, with status 200.
    #[must_use]
    pub const fn json(text: String) -> Self {
        Self {
            status: 200,
            content: Content::Json(text),
        }
    }

    /// Bytes, with status 200. The runtime sends them as base64, which the gateway takes back.
    #[must_use]
    pub const fn bytes(bytes: Vec<u8>) -> Self {
        Self {
            status: 200,
            content: Content::Bytes(bytes),
        }
    }

    fn response(self) -> Response<Body> {
        let (body, kind) = match self.content {
            Content::Json(text) => (Body::Text(text), "application/json"),
            Content::Bytes(bytes) => (Body::Binary(bytes), "application/octet-stream"),
        };
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = header::HeaderValue::from_static(kind);
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

/// Ours instead of that of `Response<Body>`, which can write any character set and links the tables of all of them.
impl IntoResponse for HttpAnswer {
    fn into_response(self) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        Box::pin(ready(self.response()))
    }
}

/// Answers calls one after the other, until Lambda ends the process.
///
/// # Errors
/// The Runtime API can't be spoken to.
pub async fn serve_http<F>(handler: impl Fn(HttpCall) -> F) -> Result<(), Error>
where
    F: Future<Output = HttpAnswer> + Send,
{
    lambda_http::run(service_fn(|request: Request| {
        let answer = handler(HttpCall::read(request));
        async { Ok::<_, Infallible>(answer.await) }
    }))
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::request::from_str;

    /// An event as a function URL and an HTTP API send it.
    fn event(path: &str, body: &str, is_base64: bool) -> HttpCall {
        let event = serde_json::json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": "offset=5&x=a%20b",
            "headers": { "x-github-event": "push", "content-type": "application/json", "host": "x.lambda-url.aws" },
            "requestContext": {
                "accountId": "1", "apiId": "a", "domainName": "x.lambda-url.aws", "domainPrefix": "x",
                "http": { "method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "u" },
                "requestId": "r", "routeKey": "$default", "stage": "$default", "time": "t", "timeEpoch": 1
            },
            "body": body,
            "isBase64Encoded": is_base64,
        });
        HttpCall::read(from_str(&event.to_string()).unwrap())
    }

    #[test]
    fn a_call_is_read_as_it_was_sent() {
        let call = event("/api/github/webhooks", "{\"a\": \"\u{e9}\"}", false);
        assert_eq!(
            (call.method.as_str(), call.path.as_str()),
            ("POST", "/api/github/webhooks")
        );
        assert_eq!(call.query.as_deref(), Some("offset=5&x=a%20b"));
        assert_eq!(call.header("X-GitHub-Event"), Some("push"));
        assert_eq!(call.header("X-GitHub-Delivery"), None);
        assert_eq!(call.body, "{\"a\": \"é\"}".as_bytes());
    }

    #[test]
    fn a_body_in_base64_is_decoded_to_its_bytes() {
        // The bytes ff 00 fe, which are no text.
        assert_eq!(event("/", "/wD+", true).body, [0xff, 0x00, 0xfe]);
        assert_eq!(event("/", "/wD+", false).body, b"/wD+");
        assert_eq!(event("/", "", false).body, b"");
    }

    #[test]
    fn an_answer_is_json() {
        let response = HttpAnswer::new(401, "the signature \"x\" is wrong").response();
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(
            response.body().as_ref(),
            br#"{"message":"the signature \"x\" is wrong"}"#
        );
        assert_eq!(HttpAnswer::new(7, "").response().status(), 500);
        let bytes = HttpAnswer::bytes(vec![0xff, 0]).response();
        assert_eq!(bytes.body(), &Body::Binary(vec![0xff, 0]));
        assert_eq!(bytes.headers()["content-type"], "application/octet-stream");
    }
}
