//! A hand-written HTTP/1.1 client, so that tests control every byte on the wire.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// No response takes this long. A test that waits longer has found a bug.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// A response.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.into(),
            target: target.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The same request with another method.
    pub(crate) fn method(mut self, method: &str) -> Self {
        self.method = method.into();
        self
    }

    /// The same request to another path or query.
    pub(crate) fn target(mut self, target: &str) -> Self {
        self.target = target.into();
        self
    }

    /// The same request with another value in the header fields that have this one. `None` if no field has it.
    pub(crate) fn with_value(&self, value: &str, other: &str) -> Option<Self> {
        let mut request = self.clone();
        let fields = request.headers.iter_mut().map(|(_, known)| known);
        let mut fields = fields.filter(|known| *known == value).peekable();
        fields.peek()?;
        fields.for_each(|known| *known = other.to_owned());
        Some(request)
    }

    /// The request as bytes. Adds a content length, unless the header fields already frame the body.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: test\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let is_framed = self.headers.iter().any(|(name, _)| {
            let name = name.to_ascii_lowercase();
            name == "content-length" || name == "transfer-encoding"
        });
        if !is_framed && (!self.body.is_empty() || self.method != "GET") {
            head.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Sends the request on a new connection.
    pub(crate) fn send(&self, address: SocketAddr) -> Response {
        Connection::open(address)
            .exchange(self)
            .expect("the server answers")
    }
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the server answers in UTF-8")
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// A persistent connection.
pub(crate) struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Self {
        Self::try_open(address).expect("the server accepts")
    }

    /// `None` if nobody listens.
    pub(crate) fn try_open(address: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.set_write_timeout(Some(TIMEOUT)).unwrap();
        stream.set_nodelay(true).unwrap();
        Some(Self {
            stream,
            unread: Vec::new(),
        })
    }

    /// Sends bytes. False if the server has closed the connection.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// A second handle for writing.
    pub(crate) fn writer(&self) -> TcpStream {
        self.stream.try_clone().expect("a connection can be shared")
    }

    /// Closes the sending side.
    pub(crate) fn finish_writing(&mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }

    /// Sends a request and reads its response. `None` if the server closed the connection first.
    pub(crate) fn exchange(&mut self, request: &Request) -> Option<Response> {
        // The server may close its side before it has read a refused body. The response can still be read.
        self.write(&request.bytes());
        self.read()
    }

    /// Reads one response. `None` at the end of the connection.
    pub(crate) fn read(&mut self) -> Option<Response> {
        loop {
            let head_end = self.read_until(b"\r\n\r\n")?;
            let head: Vec<u8> = self.unread.drain(..head_end).collect();
            let (status, headers) = parse_head(&head);
            let mut response = Response {
                status,
                headers,
                body: Vec::new(),
            };
            if status == 100 {
                continue;
            }
            response.body = self.read_body(&response)?;
            return Some(response);
        }
    }

    /// Reads the head of one response, whose body may have no end.
    pub(crate) fn head(&mut self) -> Option<Response> {
        let head_end = self.read_until(b"\r\n\r\n")?;
        let head: Vec<u8> = self.unread.drain(..head_end).collect();
        let (status, headers) = parse_head(&head);
        Some(Response {
            status,
            headers,
            body: Vec::new(),
        })
    }

    /// Whether the server has closed the connection and everything it sent was read.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.unread.is_empty() && !self.read_more()
    }

    fn read_body(&mut self, response: &Response) -> Option<Vec<u8>> {
        if response.header("transfer-encoding") == Some("chunked") {
            return self.read_chunks();
        }
        let length = response.header("content-length");
        let length = length.map_or(0, |length| length.parse().expect("a length is a number"));
        self.take(length)
    }

    fn read_chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line_end = self.read_until(b"\r\n")?;
            let line: Vec<u8> = self.unread.drain(..line_end).collect();
            let size = std::str::from_utf8(&line).unwrap().trim();
            let size = usize::from_str_radix(size, 16).expect("a chunk has a size");
            body.extend(self.take(size)?);
            self.take(2)?;
            if size == 0 {
                return Some(body);
            }
        }
    }

    fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.unread.len() < length {
            if !self.read_more() {
                return None;
            }
        }
        Some(self.unread.drain(..length).collect())
    }

    /// The offset after the first occurrence of `end`.
    fn read_until(&mut self, end: &[u8]) -> Option<usize> {
        loop {
            let found = self
                .unread
                .windows(end.len())
                .position(|bytes| bytes == end);
            if let Some(at) = found {
                return Some(at + end.len());
            }
            if !self.read_more() {
                return None;
            }
        }
    }

    fn read_more(&mut self) -> bool {
        let mut piece = [0; 16 << 10];
        match self.stream.read(&mut piece) {
            Ok(0) => false,
            Ok(length) => {
                self.unread.extend_from_slice(&piece[..length]);
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => self.read_more(),
            Err(error) => {
                let is_late = error.kind() == std::io::ErrorKind::WouldBlock;
                assert!(!is_late, "the server neither answers nor closes");
                eprintln!("the connection ends: {error}");
                false
            }
        }
    }
}

fn parse_head(head: &[u8]) -> (u16, Vec<(String, String)>) {
    let text = std::str::from_utf8(head).expect("a head is text");
    let mut lines = text.trim_end().split("\r\n");
    let status_line = lines.next().expect("a head has a status line");
    let status = status_line
        .split(' ')
        .nth(1)
        .expect("a status line has a status");
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':').expect("a header has a colon");
        (name.to_owned(), value.trim().to_owned())
    });
    (
        status.parse().expect("a status is a number"),
        headers.collect(),
    )
}
