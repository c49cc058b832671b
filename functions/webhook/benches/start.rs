//! How long the webhook function takes from the start of its process to its first request for work, and how large it is.
//!
//! `cargo bench -p checkmill-webhook --profile lambda` measures what is deployed and fails past the limits; without the
//! profile it only reports. The Runtime API and the AWS services are this program: what is measured is the process, with
//! its TLS roots, its three clients and one call of each, not a network.

#![expect(clippy::print_stdout, reason = "a bench's result is its output")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// The issue's limits: the binary, and the median start.
const SIZE_BYTES: u64 = 5_000_000;
const START: Duration = Duration::from_millis(10);

const STARTS: usize = 50;
/// Starts before those that count, which bring the binary into the page cache.
const UNCOUNTED: usize = 3;
const GIVE_UP: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let binary = Path::new(env!("CARGO_BIN_EXE_checkmill-webhook"));
    let size = binary.metadata().expect("cargo built the binary").len();
    let (asked, work) = channel();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port of the loopback interface");
    let address = listener
        .local_addr()
        .expect("a bound socket has an address")
        .to_string();
    std::thread::spawn(move || serve(&listener, &asked));

    let mut starts: Vec<Duration> = (0..UNCOUNTED + STARTS)
        .map(|_| start(binary, &address, &work))
        .collect();
    starts.drain(..UNCOUNTED);
    starts.sort();
    let (median, max) = (starts[STARTS / 2], starts[STARTS - 1]);
    let millis = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
    println!(
        "size    {:.2} MB (at most {:.2})",
        size as f64 / 1e6,
        SIZE_BYTES as f64 / 1e6
    );
    println!(
        "start   median {}, max {}, min {}, of {STARTS} (median at most {})",
        millis(median),
        millis(max),
        millis(starts[0]),
        millis(START)
    );

    if !binary.components().any(|part| part.as_os_str() == "lambda") {
        println!("not the profile that is deployed: add --profile lambda");
        return ExitCode::SUCCESS;
    }
    if size > SIZE_BYTES || median > START {
        println!("FAILED: past a limit");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Starts the function, waits until it asks for work, ends it.
#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn start(binary: &Path, address: &str, work: &Receiver<Instant>) -> Duration {
    let before = Instant::now();
    let mut child = Command::new(binary)
        .env_clear()
        .envs(environment(address))
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("the function starts");
    let asked = work.recv_timeout(GIVE_UP);
    end(&mut child);
    asked.expect("the function asks for work").duration_since(before)
}

fn end(child: &mut Child) {
    child.kill().expect("a child of ours can be killed");
    child.wait().expect("a child of ours can be waited for");
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
        ("AWS_ACCESS_KEY_ID", text("bench")),
        ("AWS_SECRET_ACCESS_KEY", text("bench")),
        ("AWS_SESSION_TOKEN", text("bench")),
        ("AWS_ENDPOINT_URL", url.clone()),
        ("CHECKMILL_TABLE", text("checkmill-state")),
        ("CHECKMILL_QUEUE_URL", format!("{url}/1/deliveries")),
        ("GH_APP_ID", text("1")),
    ])
}

fn serve(listener: &TcpListener, asked: &Sender<Instant>) {
    for stream in listener.incoming().map_while(Result::ok) {
        let asked = asked.clone();
        std::thread::spawn(move || answer_all(stream, &asked));
    }
}

/// Answers requests of one connection until the other side is gone.
#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn answer_all(stream: TcpStream, asked: &Sender<Instant>) {
    let Ok(mut writer) = stream.try_clone() else {
        return;
    };
    let mut reader = BufReader::new(stream);
    while let Some((path, target)) = read_request(&mut reader) {
        if path.ends_with("/runtime/invocation/next") {
            // The function waits for work until it is killed.
            let _ = asked.send(Instant::now());
            continue;
        }
        let body = match target.as_str() {
            "AmazonSSM.GetParameters" => {
                r#"{"Parameters":[{"Name":"/checkmill/webhook-secret","Value":"secret","Type":"SecureString"}]}"#
            }
            _ => "{}",
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        if writer.write_all(format!("{head}{body}").as_bytes()).is_err() {
            return;
        }
    }
}

/// A request's path and its `x-amz-target`; none at the end of the connection.
fn read_request(reader: &mut BufReader<TcpStream>) -> Option<(String, String)> {
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
    Some((path, target))
}
