//! Lambda and AWS around the function's process: a Runtime API that hands out events, and services that answer anything and
//! write down what they were asked. Used by the tests and by the bench.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct FakeLambda {
    address: String,
    events: Arc<Mutex<VecDeque<String>>>,
    news: Receiver<News>,
}

/// What the process did.
pub(crate) enum News {
    /// It asked for work, which there was or was not.
    AskedForWork(Instant),
    /// It answered an event.
    Answered(String),
    /// It called a service: the operation.
    Called(String),
}

struct Request {
    path: String,
    target: String,
    body: String,
}

impl FakeLambda {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of the loopback interface");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address")
            .to_string();
        let events = Arc::new(Mutex::new(VecDeque::new()));
        let (tell, news) = channel();
        let queue = Arc::clone(&events);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (queue, tell) = (Arc::clone(&queue), tell.clone());
                std::thread::spawn(move || serve(stream, &queue, &tell));
            }
        });
        Self {
            address,
            events,
            news,
        }
    }

    /// An event for the next time that the process asks for work.
    pub(crate) fn push(&self, event: String) {
        self.events
            .lock()
            .expect("no thread panics with it")
            .push_back(event);
    }

    pub(crate) fn start(&self) -> Child {
        Command::new(env!("CARGO_BIN_EXE_checkmill-webhook"))
            .env_clear()
            .envs(environment(&self.address))
            .stdout(Stdio::null())
            .spawn()
            .expect("the function starts")
    }

    /// The next thing that the process does.
    pub(crate) fn next(&self) -> News {
        self.news
            .recv_timeout(PATIENCE)
            .expect("the function does something")
    }
}

/// What Lambda gives a function, and the settings that infra/ gives this one.
fn environment(address: &str) -> BTreeMap<&'static str, String> {
    let url = format!("http://{address}");
    let text = str::to_owned;
    BTreeMap::from([
        ("AWS_LAMBDA_RUNTIME_API", text(address)),
        ("AWS_LAMBDA_FUNCTION_NAME", text("checkmill-webhook")),
        ("AWS_LAMBDA_FUNCTION_VERSION", text("$LATEST")),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", text("512")),
        ("AWS_LAMBDA_LOG_LEVEL", text("WARN")),
        ("AWS_REGION", text("eu-central-1")),
        ("AWS_ACCESS_KEY_ID", text("fake")),
        ("AWS_SECRET_ACCESS_KEY", text("fake")),
        ("AWS_SESSION_TOKEN", text("fake")),
        ("AWS_ENDPOINT_URL", url.clone()),
        ("CHECKMILL_TABLE", text("checkmill-state")),
        ("CHECKMILL_QUEUE_URL", format!("{url}/1/deliveries")),
        ("GH_APP_ID", text("1")),
    ])
}

/// Answers the requests of one connection until the other side is gone.
fn serve(mut stream: TcpStream, events: &Mutex<VecDeque<String>>, tell: &Sender<News>) {
    let Ok(reading) = stream.try_clone() else { return };
    let mut reader = BufReader::new(reading);
    while let Some(request) = read(&mut reader) {
        if let Some(answer) = answer(&request, events, tell)
            && stream.write_all(answer.as_bytes()).is_err()
        {
            return;
        }
    }
}

/// The answer's bytes; none where the process is left waiting.
#[expect(clippy::disallowed_methods, reason = "the bench measures time")]
fn answer(request: &Request, events: &Mutex<VecDeque<String>>, tell: &Sender<News>) -> Option<String> {
    let told = |news| tell.send(news).is_ok();
    if request.path.ends_with("/runtime/invocation/next") {
        told(News::AskedForWork(Instant::now()));
        let event = events.lock().expect("no thread panics with it").pop_front()?;
        return Some(response(
            "lambda-runtime-aws-request-id: event\r\nlambda-runtime-deadline-ms: 99999999999999\r\n\
             lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-central-1:1:function:checkmill-webhook\r\n",
            &event,
        ));
    }
    if request.path.ends_with("/runtime/invocation/event/response") {
        told(News::Answered(request.body.clone()));
        return Some(response("", "{}"));
    }
    let operation = request.target.split('.').next_back().unwrap_or_default();
    told(News::Called(operation.to_owned()));
    Some(response(
        "content-type: application/x-amz-json-1.0\r\n",
        match operation {
            "GetParameters" => r#"{"Parameters":[{"Name":"/checkmill/webhook-secret","Value":"secret"}]}"#,
            "SendMessage" => r#"{"MessageId":"m"}"#,
            _ => "{}",
        },
    ))
}

fn response(headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The next request; none at the end of the connection.
fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let (mut target, mut length) = (String::new(), 0);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        match header.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("x-amz-target") => {
                target = value.trim().to_owned()
            }
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().ok()?
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8_lossy(&body).into_owned();
    Some(Request { path, target, body })
}
