//! A server that gives one file and takes whatever is posted.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Path and body.
type Post = (String, Vec<u8>);

#[derive(Clone)]
pub(crate) struct Web {
    address: SocketAddr,
    posted: Arc<Mutex<Vec<Post>>>,
}

impl Web {
    pub(crate) async fn start(file: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let web = Self {
            address: listener.local_addr().unwrap(),
            posted: Arc::default(),
        };
        let (served, file) = (web.clone(), Arc::new(file));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (served, file) = (served.clone(), Arc::clone(&file));
                tokio::spawn(async move { served.one(stream, &file).await });
            }
        });
        web
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was posted to paths that end so, joined.
    pub(crate) fn posted(&self, to: &str) -> Option<String> {
        let posted = self.posted.lock().unwrap();
        let mut bodies = posted.iter().filter(|(path, _)| path.contains(to)).peekable();
        bodies.peek()?;
        let bodies: Vec<u8> = bodies.flat_map(|(_, body)| body.clone()).collect();
        Some(String::from_utf8_lossy(&bodies).into_owned())
    }

    async fn one(&self, mut stream: TcpStream, file: &[u8]) {
        let mut bytes = Vec::new();
        let (head, length, at) = loop {
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
            let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
                continue;
            };
            let head = String::from_utf8_lossy(&bytes[..at]).into_owned();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let is_length = name.eq_ignore_ascii_case("content-length");
                is_length.then(|| value.trim().parse::<usize>().unwrap())
            });
            break (head, length.unwrap_or(0), at + 4);
        };
        while bytes.len() < at + length {
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let body = if head.starts_with("POST") {
            let path = head.split(' ').nth(1).unwrap().to_owned();
            self.posted.lock().unwrap().push((path, bytes[at..].to_vec()));
            &[]
        } else {
            file
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(head.as_bytes()).await;
        let _ = stream.write_all(body).await;
    }
}
