//! The callback against a server that answers as it is told.

use super::client::{CallFault, Client};
use super::{Pace, Uploader, send_end};
use crate::testing::server::Server;
use checkmill_workflow::job::Callback;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;

const TOKEN: &str = "cm1.claims.tag";

/// Never in a hurry, never patient: the tests don't wait for a clock.
fn pace() -> Pace {
    Pace {
        interval: Duration::from_secs(3600),
        piece: 10,
        backoff: Duration::ZERO,
        backoff_max: Duration::ZERO,
        flush: Duration::from_secs(30),
        end_retries: vec![Duration::ZERO; 3],
    }
}

fn client(server: &Server) -> Client {
    Client::new(
        &Callback {
            url: format!("{}/jobs/j/1/", server.url()),
        },
        TOKEN,
    )
    .unwrap()
}

struct Log {
    temp: tempfile::TempDir,
    length: watch::Sender<u64>,
}

impl Log {
    fn new() -> Self {
        Self {
            temp: tempfile::tempdir().unwrap(),
            length: watch::Sender::new(0),
        }
    }

    fn path(&self) -> PathBuf {
        self.temp.path().join("log")
    }

    fn grow(&self, text: &str) {
        let all = fs::read_to_string(self.path()).unwrap_or_default() + text;
        fs::write(self.path(), &all).unwrap();
        self.length.send_replace(all.len() as u64);
    }
}

#[tokio::test]
async fn large_pieces_go_at_once_and_the_rest_at_the_end() {
    let server = Server::start(&[]);
    let log = Log::new();
    let uploader = Uploader::start(client(&server), log.path(), log.length.subscribe(), pace());
    log.grow("0123456789ab");
    server.wait_for(2).await;
    log.grow("cd");
    uploader.finish().await;
    let seen: Vec<_> = server
        .seen()
        .into_iter()
        .map(|r| (r.path, String::from_utf8(r.body).unwrap()))
        .collect();
    let expected = [
        ("/jobs/j/1/running", ""),
        ("/jobs/j/1/log?offset=0", "0123456789ab"),
        ("/jobs/j/1/log?offset=12", "cd"),
    ];
    assert_eq!(
        seen,
        expected.map(|(path, body)| (path.to_owned(), body.to_owned()))
    );
    assert!(
        server
            .seen()
            .iter()
            .all(|request| request.authorization == format!("Bearer {TOKEN}"))
    );
}

#[tokio::test]
async fn a_small_piece_goes_after_a_while() {
    let server = Server::start(&[]);
    let log = Log::new();
    let pace = Pace {
        interval: Duration::from_millis(1),
        ..pace()
    };
    let uploader = Uploader::start(client(&server), log.path(), log.length.subscribe(), pace);
    log.grow("abc");
    server.wait_for(2).await;
    assert_eq!(server.seen()[1].body, b"abc");
    uploader.finish().await;
    assert_eq!(server.seen().len(), 2, "nothing is sent twice");
}

#[tokio::test]
async fn faults_are_tried_again_from_where_the_log_arrived() {
    let server = Server::start(&[503, 200, 500, 429, 413, 200]);
    let log = Log::new();
    log.grow("0123456789");
    let uploader = Uploader::start(client(&server), log.path(), log.length.subscribe(), pace());
    server.wait_for(6).await;
    uploader.finish().await;
    let paths: Vec<_> = server.seen().into_iter().map(|request| request.path).collect();
    let expected = [
        "running",
        "running",
        "log?offset=0",
        "log?offset=0",
        "log?offset=0",
        "log?offset=0",
    ];
    assert_eq!(paths, expected.map(|path| format!("/jobs/j/1/{path}")));
}

#[tokio::test]
async fn repeated_refusals_and_final_ones_end_the_sending() {
    for (statuses, requests) in [
        (vec![200, 413, 413, 413], 4),
        (vec![200, 410], 2),
        (vec![404, 401], 2),
    ] {
        let server = Server::start(&statuses);
        let log = Log::new();
        log.grow("0123456789");
        Uploader::start(client(&server), log.path(), log.length.subscribe(), pace())
            .finish()
            .await;
        assert_eq!(server.seen().len(), requests, "{statuses:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_holds_nothing_up() {
    let log = Log::new();
    log.grow("0123456789");
    // Nobody listens at port 1.
    let client = Client::new(
        &Callback {
            url: "http://127.0.0.1:1".to_owned(),
        },
        TOKEN,
    )
    .unwrap();
    let pace = Pace {
        flush: Duration::from_millis(50),
        ..pace()
    };
    Uploader::start(client.clone(), log.path(), log.length.subscribe(), pace.clone())
        .finish()
        .await;
    let fault = send_end(&client, b"{}", &pace).await.unwrap_err();
    assert!(matches!(&fault, CallFault::Unreachable(_)), "{fault}");
    assert!(!fault.to_string().contains(TOKEN));
}

#[tokio::test]
async fn the_end_is_sent_until_it_arrives_or_is_refused() {
    for (statuses, requests, arrives) in [
        (vec![200], 1, true),
        (vec![502, 503, 200], 3, true),
        (vec![500; 9], 4, false),
        (vec![410], 1, false),
    ] {
        let server = Server::start(&statuses);
        let sent = send_end(&client(&server), b"{\"x\":1}", &pace()).await;
        assert_eq!(
            (server.seen().len(), sent.is_ok()),
            (requests, arrives),
            "{statuses:?}"
        );
        assert_eq!(server.seen()[0].body, b"{\"x\":1}");
    }
}

#[test]
fn urls_that_make_no_sense_are_refused() {
    for url in ["", "ftp://x", "nonsense"] {
        let error = Client::new(&Callback { url: url.to_owned() }, TOKEN)
            .err()
            .unwrap();
        assert!(error.contains(url) && !error.contains(TOKEN), "{error}");
    }
}
