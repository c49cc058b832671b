//! AWS as a list of answers, for tests of how an adapter reads them.

use crate::connection::Connection;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// Gives its answers in order, and keeps what was asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scripted {
    answers: Arc<Mutex<VecDeque<(u16, String)>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    pub(crate) fn new<'a>(answers: impl IntoIterator<Item = (u16, &'a str)>) -> Self {
        let script = Self::default();
        for (status, body) in answers {
            script.then(status, body);
        }
        script
    }

    pub(crate) fn then(&self, status: u16, body: &str) {
        self.answers.lock().unwrap().push_back((status, body.to_owned()));
    }

    pub(crate) fn connection(&self) -> Connection {
        let connector = SharedHttpConnector::new(self.clone());
        Connection::answered_by(http_client_fn(move |_, _| connector.clone()))
    }

    /// One line for each request so far: its operation (or method and path) and its body.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl HttpConnector for Scripted {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let what = match request.headers().get("x-amz-target") {
            Some(target) => target.split('.').next_back().unwrap_or_default().to_owned(),
            None => format!(
                "{} {}",
                request.method(),
                request.uri().replace("http://emulator.invalid", "")
            ),
        };
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        self.asked
            .lock()
            .unwrap()
            .push(format!("{what} {body}").trim_end().to_owned());
        let (status, body) = self
            .answers
            .lock()
            .unwrap()
            .pop_front()
            .expect("an answer for each request");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(
            status.try_into().unwrap(),
            SdkBody::from(body),
        )))
    }
}
