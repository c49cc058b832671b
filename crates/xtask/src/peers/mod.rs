//! Servers that tests talk to, started for a step and stopped after it, on 127.0.0.1 and a free port.

mod dynamodb;

pub(crate) use dynamodb::DynamoDbLocal;

use anyhow::Context;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Child;

/// A port that was free a moment ago.
fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port can be had on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

/// A child process that does not outlive this value.
#[derive(Debug)]
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to stop.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
