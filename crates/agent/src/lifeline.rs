//! Noticing that the process we work for is gone, however it went: it holds the other end of the pipe that is our standard
//! input, and the system closes that end with it.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

#[derive(Debug)]
pub struct Lifeline(pipe::Receiver);

impl Lifeline {
    /// Takes standard input for it.
    ///
    /// # Errors
    /// Standard input that is no pipe.
    pub fn of_stdin() -> io::Result<Self> {
        let stdin = io::stdin().as_fd().try_clone_to_owned()?;
        Ok(Self(pipe::Receiver::from_owned_fd(stdin)?))
    }

    /// Ready when the other end is closed. What comes through it means nothing.
    pub async fn cut(&mut self) {
        let mut buffer = [0; 16];
        while matches!(self.0.read(&mut buffer).await, Ok(read) if read > 0) {}
    }

    /// Whether it is closed by now.
    pub async fn is_cut(&mut self) -> bool {
        tokio::time::timeout(Duration::ZERO, self.cut()).await.is_ok()
    }
}
