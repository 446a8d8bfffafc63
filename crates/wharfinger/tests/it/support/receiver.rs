//! A receiver of webhooks that can fail in every way.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

/// How long anything may take before a test has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often to look, if nothing arrives.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A delivery as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Delivered {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The events of the request.
    pub(crate) fn events(&self) -> Vec<Value> {
        let body = serde_json::from_slice(&self.body).expect("the body is JSON");
        if let Value::Array(events) = body {
            events
        } else {
            vec![body]
        }
    }

    /// The only event of the request.
    pub(crate) fn event(&self) -> Value {
        let mut events = self.events();
        assert_eq!(events.len(), 1);
        events.remove(0)
    }
}

/// How a receiver answers.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// A status without a body.
    Status(u16),
    /// A status, header lines (each ended by CRLF) and a body.
    Full(u16, String, String),
    /// Takes the first events of a batch.
    Acknowledge(usize),
    /// Never answers, and keeps the connection.
    Hang,
    /// 200, and a body of one byte a second.
    Dribble,
    /// 200, and a body without an end.
    Endless,
    /// A head without an end.
    HugeHead,
    /// Not HTTP.
    Garbage,
    /// Closes the connection without an answer.
    Close,
    /// 200, and closes the connection before the end of the body.
    Cut,
}

type Behave = Box<dyn FnMut(&Delivered) -> Reply + Send>;

#[derive(Default)]
struct Inbox {
    /// Every request, and whether it was answered with 2xx.
    arrived: Vec<(Delivered, bool)>,
}

struct Shared {
    inbox: Mutex<Inbox>,
    news: Condvar,
    behave: Mutex<Behave>,
    connections: Mutex<Vec<TcpStream>>,
    is_over: AtomicBool,
}

/// A receiver of webhooks on loopback. Gone when dropped.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

impl Receiver {
    /// A receiver that answers as `behave` says.
    pub(crate) fn start(behave: impl FnMut(&Delivered) -> Reply + Send + 'static) -> Self {
        Self::start_at("127.0.0.1:0", None, behave)
    }

    /// A receiver that takes everything.
    pub(crate) fn willing() -> Self {
        Self::start(|_| Reply::Status(204))
    }

    /// A receiver at an address, perhaps with TLS.
    pub(crate) fn start_at(
        address: &str,
        tls: Option<Arc<ServerConfig>>,
        behave: impl FnMut(&Delivered) -> Reply + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).expect("the address is free");
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            inbox: Mutex::default(),
            news: Condvar::new(),
            behave: Mutex::new(Box::new(behave)),
            connections: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let shared = Arc::clone(&accepting);
                let tls = tls.clone();
                shared
                    .connections
                    .lock()
                    .unwrap()
                    .push(stream.try_clone().unwrap());
                std::thread::spawn(move || serve(&shared, stream, tls));
            }
        });
        Self {
            address,
            shared,
            accepting: Some(thread),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Answers differently from now on.
    pub(crate) fn behave(&self, behave: impl FnMut(&Delivered) -> Reply + Send + 'static) {
        *self.shared.behave.lock().unwrap() = Box::new(behave);
    }

    /// Every request so far, in the order of arrival.
    pub(crate) fn arrived(&self) -> Vec<Delivered> {
        let inbox = self.shared.inbox.lock().unwrap();
        inbox
            .arrived
            .iter()
            .map(|(delivered, _)| delivered.clone())
            .collect()
    }

    /// The requests that were answered with 2xx, in the order of arrival.
    pub(crate) fn taken(&self) -> Vec<Delivered> {
        let inbox = self.shared.inbox.lock().unwrap();
        let taken = inbox.arrived.iter().filter(|(_, is_taken)| *is_taken);
        taken.map(|(delivered, _)| delivered.clone()).collect()
    }

    /// Waits until the requests that were taken are enough. Returns them.
    pub(crate) fn wait_taken(&self, is_enough: impl Fn(&[Delivered]) -> bool) -> Vec<Delivered> {
        self.wait(|| {
            let taken = self.taken();
            is_enough(&taken).then_some(taken)
        })
    }

    /// Waits until this many requests have arrived. Returns them.
    pub(crate) fn wait_arrived(&self, count: usize) -> Vec<Delivered> {
        self.wait(|| {
            let arrived = self.arrived();
            (arrived.len() >= count).then_some(arrived)
        })
    }

    /// Whether this many requests have arrived within a time.
    pub(crate) fn has_arrived(&self, count: usize, within: Duration) -> bool {
        let inbox = self.shared.inbox.lock().unwrap();
        let is_short = |inbox: &mut Inbox| inbox.arrived.len() < count;
        let waited = self.shared.news.wait_timeout_while(inbox, within, is_short);
        !waited.unwrap().1.timed_out()
    }

    /// Waits until something is as it should be, and looks again after each request that arrives.
    fn wait<T>(&self, look: impl Fn() -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(
                Instant::now() < until,
                "it did not come; arrived: {}",
                self.arrived().len()
            );
            let inbox = self.shared.inbox.lock().unwrap();
            let _woken = self.shared.news.wait_timeout(inbox, LOOK_EVERY);
        }
    }
}

impl Receiver {
    /// Ends all connections, as if it were killed. Its address is free again. Returns what it has taken: nothing that is not among
    /// it was answered.
    pub(crate) fn kill(mut self) -> Vec<Delivered> {
        self.end();
        self.taken()
    }

    fn end(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts, which then drops the listener.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        for connection in self.shared.connections.lock().unwrap().drain(..) {
            let _ = connection.shutdown(std::net::Shutdown::Both);
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.end();
    }
}

/// Serves a connection to its end.
fn serve(shared: &Shared, stream: TcpStream, tls: Option<Arc<ServerConfig>>) {
    let _ = stream.set_nodelay(true);
    let whole = stream.try_clone().expect("a stream can be cloned");
    match tls {
        None => converse(shared, stream),
        Some(config) => {
            let connection = ServerConnection::new(config).expect("the settings are sound");
            converse(shared, StreamOwned::new(connection, stream));
        }
    }
    let _ = whole.shutdown(std::net::Shutdown::Both);
}

fn converse(shared: &Shared, stream: impl Read + Write) {
    let mut stream = BufReader::new(stream);
    while let Some(delivered) = read(&mut stream) {
        let reply = {
            let mut behave = shared.behave.lock().unwrap();
            let mut inbox = shared.inbox.lock().unwrap();
            let reply = behave(&delivered);
            let is_taken = match &reply {
                Reply::Status(status) | Reply::Full(status, ..) => (200..300).contains(status),
                Reply::Acknowledge(_) | Reply::Dribble | Reply::Endless | Reply::Cut => true,
                Reply::Hang | Reply::HugeHead | Reply::Garbage | Reply::Close => false,
            };
            inbox.arrived.push((delivered, is_taken));
            reply
        };
        shared.news.notify_all();
        if answer(shared, stream.get_mut(), &reply).is_none() {
            return;
        }
    }
}

/// Reads a request. `None` at the end of the connection.
fn read(stream: &mut impl BufRead) -> Option<Delivered> {
    let mut line = String::new();
    let mut head = Vec::new();
    while stream.read_line(&mut line).ok()? > 0 {
        let text = line.trim_end().to_owned();
        line.clear();
        if text.is_empty() {
            break;
        }
        head.push(text);
    }
    let headers = head
        .get(1..)?
        .iter()
        .filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let headers = HashMap::<_, _>::from_iter(headers);
    let length = headers
        .get("content-length")
        .and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    Some(Delivered { headers, body })
}

/// Answers a request. `None` if the connection is not used again.
fn answer(shared: &Shared, stream: &mut impl Write, reply: &Reply) -> Option<()> {
    let goes_on = || !shared.is_over.load(Ordering::SeqCst);
    let mut say = |text: &str| {
        stream.write_all(text.as_bytes()).ok()?;
        stream.flush().ok()
    };
    match reply {
        Reply::Status(status) => say(&format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n")),
        Reply::Full(status, headers, body) => say(&format!(
            "HTTP/1.1 {status} x\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        )),
        Reply::Acknowledge(count) => {
            let body = format!("{{\"acknowledged\":{count}}}");
            say(&format!(
                "HTTP/1.1 200 x\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ))
        }
        Reply::Hang => {
            while goes_on() {
                std::thread::park_timeout(Duration::from_millis(20));
            }
            None
        }
        Reply::Dribble => {
            say("HTTP/1.1 200 x\r\ncontent-length: 100000\r\n\r\n")?;
            while goes_on() {
                say("a")?;
                std::thread::park_timeout(Duration::from_secs(1));
            }
            None
        }
        Reply::Endless => {
            say("HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n")?;
            let chunk = format!("1000\r\n{}\r\n", "a".repeat(4_096));
            while goes_on() {
                say(&chunk)?;
            }
            None
        }
        Reply::HugeHead => {
            say("HTTP/1.1 200 x\r\n")?;
            let line = format!("x-more: {}\r\n", "a".repeat(1_000));
            while goes_on() {
                say(&line)?;
            }
            None
        }
        Reply::Garbage => {
            say("SSH-2.0-OpenSSH_9.9\r\n\r\n")?;
            None
        }
        Reply::Close => None,
        Reply::Cut => {
            say("HTTP/1.1 200 x\r\ncontent-length: 100\r\n\r\nhalf")?;
            None
        }
    }
}
