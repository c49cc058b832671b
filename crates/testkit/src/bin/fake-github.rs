//! The fake GitHub as a program of its own, for tests whose functions run in other processes.
//!
//! `fake-github [CONFIG.json]` starts one and prints a line of JSON on stdout: where it listens, the App's number, its key
//! (a test fixture that grants nothing) and the webhook secret. It ends when its stdin is closed, so it never outlives the
//! test that started it. Refused requests are logged on stderr.

use checkmill_testkit::{Delivering, FakeClock, FakeGitHub, Options, TimeSource, WEBHOOK_SECRET};
use serde::Deserialize;
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use tracing_subscriber::filter::LevelFilter;

/// The configuration file; every field may be left out.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// By default a free port of 127.0.0.1.
    listen: SocketAddr,
    /// Where webhooks go; without it they wait, and `POST /_control/deliver_to` names the address later.
    webhook_url: Option<String>,
    webhook_secret: String,
    clock: ClockName,
    /// See `Options::seed`.
    seed: String,
    /// See `Options::echoes`.
    echoes: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ClockName {
    System,
    Fake,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            webhook_url: None,
            webhook_secret: WEBHOOK_SECRET.to_owned(),
            clock: ClockName::System,
            seed: String::new(),
            echoes: false,
        }
    }
}

impl Config {
    fn read(path: Option<String>) -> Result<Self, String> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let text =
            std::fs::read_to_string(&path).map_err(|error| format!("{path} can't be read: {error}"))?;
        serde_json::from_str(&text).map_err(|error| format!("{path} is no configuration: {error}"))
    }

    fn into_options(self) -> Options {
        Options {
            listen: self.listen,
            time: match self.clock {
                ClockName::System => TimeSource::System,
                ClockName::Fake => TimeSource::Fake(FakeClock::default()),
            },
            webhook_secret: self.webhook_secret,
            delivering: self.webhook_url.map_or(Delivering::ByHand, Delivering::To),
            seed: self.seed,
            echoes: self.echoes,
            control: true,
            ..Options::default()
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(LevelFilter::INFO)
        .init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<(), String> {
    let mut args = std::env::args().skip(1);
    let path = args.next();
    if let Some(extra) = args.next() {
        return Err(format!(
            "one argument at most, the configuration file; {extra:?} is a second one"
        ));
    }
    let config = Config::read(path)?;
    if !config.listen.ip().is_loopback() {
        return Err(format!(
            "{} is not an address of this machine's loopback, and the fake guards nothing",
            config.listen
        ));
    }
    let fake = FakeGitHub::start(config.into_options())
        .await
        .map_err(|error| format!("the fake GitHub can't listen: {error}"))?;
    let ready = json!({
        "url": fake.url(),
        "app_id": fake.app_id(),
        "private_key_pem": FakeGitHub::app_private_key_pem(),
        "webhook_secret": fake.webhook_secret(),
    });
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{ready}")
        .and_then(|()| stdout.flush())
        .map_err(|error| format!("stdout is closed: {error}"))?;
    stdin_closed().await;
    Ok(())
}

/// Waits on a thread of its own, which may stay blocked when the program ends otherwise.
async fn stdin_closed() {
    let (done, closed) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let mut sink = [0; 1024];
        while std::io::stdin().read(&mut sink).is_ok_and(|read| read > 0) {}
        drop(done);
    });
    let _ = closed.await;
}
