//! A client for server-sent events.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::client::Request;

/// An open event stream.
pub(crate) struct Events {
    reader: BufReader<TcpStream>,
    pub(crate) status: u16,
    /// Whether the server ended the stream properly. Otherwise the connection broke.
    pub(crate) is_whole: bool,
    unread: String,
}

/// One event.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) data: Value,
}

impl Events {
    /// Requests a stream.
    pub(crate) fn open(address: SocketAddr, request: &Request) -> Self {
        let request = request.clone().header("accept", "text/event-stream");
        let mut stream = TcpStream::connect(address).expect("the server accepts");
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        std::io::Write::write_all(&mut stream, &request.bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let status_line = read_line(&mut reader);
        let status = status_line.split(' ').nth(1).unwrap().parse().unwrap();
        while !read_line(&mut reader).is_empty() {}
        Self {
            reader,
            status,
            is_whole: false,
            unread: String::new(),
        }
    }

    /// The next event. `None` at the end of the stream.
    pub(crate) fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.unread.split_once("\n\n") {
                let event = event(block);
                self.unread = rest.to_owned();
                if event.is_some() {
                    return event;
                }
            }
            let length = read_line(&mut self.reader);
            let length = usize::from_str_radix(&length, 16).ok()?;
            let mut chunk = vec![0; length + 2];
            self.reader.read_exact(&mut chunk).ok()?;
            if length == 0 {
                self.is_whole = true;
                return None;
            }
            chunk.truncate(length);
            self.unread.push_str(&String::from_utf8(chunk).unwrap());
        }
    }
}

/// Parses an event. `None` for a comment.
fn event(block: &str) -> Option<Event> {
    let field = |name: &str| {
        let mut lines = block.lines();
        let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        found.map(str::to_owned)
    };
    Some(Event {
        id: field("id").unwrap_or_default(),
        kind: field("event")?,
        data: serde_json::from_str(&field("data")?).unwrap(),
    })
}

fn read_line(reader: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    // The end of the connection also ends the line.
    let _ = reader.read_line(&mut line);
    line.trim_end().to_owned()
}
