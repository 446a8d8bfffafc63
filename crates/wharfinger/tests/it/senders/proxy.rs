//! A proxy between a client and a server. It cuts connections, and answers in the server's place.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::support::client::{Connection, Request, Response};

/// A request that arrived at the proxy.
#[derive(Clone, Debug)]
pub(super) struct Passing {
    /// Its number, from 1, among the requests that submit orders. 0 for others.
    pub(super) batch: usize,
    pub(super) request: Request,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Passing {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// What the proxy does with a request.
pub(super) enum Act {
    /// Sends it to the server, and the answer to the client.
    Pass,
    /// Closes the connection. The server never sees the request.
    CutBefore,
    /// Sends it to the server, reads the answer, and closes the connection to the client.
    CutAfter,
    /// Answers with a status and header fields.
    Answer(u16, &'static str),
}

struct Shared {
    upstream: SocketAddr,
    act: Box<dyn Fn(&Passing) -> Act + Send + Sync>,
    seen: Mutex<Vec<Passing>>,
    is_over: AtomicBool,
}

/// A running proxy.
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Starts a proxy before a server. `act` is called for each request that submits orders; others pass.
    pub(super) fn start(
        upstream: SocketAddr,
        act: impl Fn(&Passing) -> Act + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            upstream,
            act: Box::new(act),
            seen: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.is_over.load(Ordering::SeqCst) {
                    break;
                }
                let shared = Arc::clone(&accepting);
                let stream = stream.unwrap();
                std::thread::spawn(move || serve(&shared, &stream));
            }
        });
        Self { address, shared }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests that submitted orders so far.
    pub(super) fn batches(&self) -> Vec<Passing> {
        self.shared.seen.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
    }
}

/// Serves a connection to its end.
fn serve(shared: &Shared, stream: &TcpStream) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream);
    while let Some(mut passing) = read(&mut reader) {
        let act = if passing.is_batch() {
            let mut seen = shared.seen.lock().unwrap();
            passing.batch = seen.len() + 1;
            seen.push(passing.clone());
            drop(seen);
            (shared.act)(&passing)
        } else {
            Act::Pass
        };
        // `None` if the server is down.
        let forward = || Connection::try_open(shared.upstream)?.exchange(&passing.request);
        let answer = match act {
            Act::Pass => match forward() {
                Some(answer) => bytes(&answer),
                None => break,
            },
            Act::CutBefore => break,
            Act::CutAfter => {
                forward();
                break;
            }
            Act::Answer(status, fields) => {
                format!("HTTP/1.1 {status} X\r\n{fields}content-length: 0\r\n\r\n").into_bytes()
            }
        };
        let mut out = stream;
        if out.write_all(&answer).is_err() {
            break;
        }
    }
    let _ = stream.shutdown(std::net::Shutdown::Both);
}

impl Passing {
    fn is_batch(&self) -> bool {
        let text = String::from_utf8_lossy(&self.request.bytes()).into_owned();
        text.starts_with("POST /v1/batches")
    }
}

/// Reads a request. `None` at the end of the connection.
fn read(reader: &mut impl BufRead) -> Option<Passing> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            text => lines.push(text.to_owned()),
        }
    }
    let mut first = lines.first()?.split(' ');
    let mut request = Request::new(first.next()?, first.next()?);
    let headers = lines[1..].iter().filter_map(|line| line.split_once(": "));
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut length = 0;
    for (name, value) in &headers {
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "host" | "connection" => {}
            _ => request = request.header(name, value),
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Passing {
        batch: 0,
        request: request.body(body.clone()),
        headers,
        body,
    })
}

fn bytes(response: &Response) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {} X\r\n", response.status).into_bytes();
    for (name, value) in &response.headers {
        let is_framing = ["content-length", "transfer-encoding", "connection"]
            .iter()
            .any(|framing| name.eq_ignore_ascii_case(framing));
        if !is_framing {
            bytes.extend(format!("{name}: {value}\r\n").into_bytes());
        }
    }
    bytes.extend(format!("content-length: {}\r\n\r\n", response.body.len()).into_bytes());
    bytes.extend(&response.body);
    bytes
}
