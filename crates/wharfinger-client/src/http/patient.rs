//! Requests that are sent again until they are answered.

use std::io::ErrorKind;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ::http::{HeaderMap, StatusCode};
use anyhow::{Error, Result};

use super::{Client, Refusal, Request};

/// The wait after a first failure. It doubles with each further one, up to [`WAIT_MAX`].
const WAIT_MIN: Duration = Duration::from_millis(500);
/// The longest wait that the client chooses on its own.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Sends requests, and sends them again while the server cannot be reached, is overloaded, or asks to wait. Threads may share it.
///
/// A request may reach the server several times. It must be one that changes nothing the second time, such as one with an
/// `Idempotency-Key`.
pub struct Patient<'c> {
    client: &'c Client,
    /// How long to go on without any response that ends a request.
    patience: Duration,
    on_wait: &'c (dyn Fn(&Wait) + Sync),
    state: Mutex<State>,
    stopped: Condvar,
}

struct State {
    last_progress: Instant,
    is_stopped: bool,
}

/// A pause before a request is sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Why, in a few words for the user.
    pub why: String,
    /// For how long.
    pub pause: Duration,
}

/// A response that has arrived as a whole.
#[derive(Debug)]
pub struct Answered {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Answered {
    /// A header's value, if it has one that is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The response as a refusal, in the server's words.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        Refusal::read(self.status, &self.headers, &self.body)
    }
}

/// Why a request is sent again.
enum Failure {
    /// The connection failed.
    Connection(Error),
    /// The server asks to try again later, after this time if it says so.
    Refused(Refusal),
}

impl<'c> Patient<'c> {
    /// Gives up after `patience` without progress. Calls `on_wait` before each pause.
    #[must_use]
    pub fn new(
        client: &'c Client,
        patience: Duration,
        on_wait: &'c (dyn Fn(&Wait) + Sync),
    ) -> Self {
        Self {
            client,
            patience,
            on_wait,
            state: Mutex::new(State {
                last_progress: Instant::now(),
                is_stopped: false,
            }),
            stopped: Condvar::new(),
        }
    }

    /// The client that sends the requests.
    #[must_use]
    pub fn client(&self) -> &'c Client {
        self.client
    }

    /// How long the server may give no answer.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// Ends all pauses: requests that wait fail at once.
    pub fn stop(&self) {
        self.state().is_stopped = true;
        self.stopped.notify_all();
    }

    /// Sends a request until it is answered. Any status that does not ask to try again is an answer.
    ///
    /// # Errors
    /// The server gave no answer for too long, [`Self::stop`] was called, or trying again cannot help.
    pub fn send(&self, request: &Request<'_>) -> Result<Answered> {
        let began = Instant::now();
        let mut attempt = 0;
        loop {
            let failure = match self.once(request) {
                Ok(answered) if !asks_to_wait(&answered) => {
                    self.state().last_progress = Instant::now();
                    return Ok(answered);
                }
                Ok(answered) => Failure::Refused(answered.refusal()),
                Err(error) if is_passing(&error) => Failure::Connection(error),
                Err(error) => return Err(error),
            };
            // The server may have closed an idle connection. That is no reason to wait.
            let was_idle = attempt == 0 && failure.is_broken_connection();
            if !was_idle {
                self.wait(attempt, began, failure)?;
            }
            attempt += 1;
        }
    }

    fn once(&self, request: &Request<'_>) -> Result<Answered> {
        let response = self.client.send(request)?;
        Ok(Answered {
            status: response.status,
            headers: response.headers.clone(),
            body: response.bytes()?,
        })
    }

    fn wait(&self, attempt: u32, began: Instant, failure: Failure) -> Result<()> {
        let pause = match failure.retry_after() {
            // A server that says 0 is not asked without a pause.
            Some(retry_after) => retry_after.max(WAIT_MIN),
            None => backoff(attempt),
        };
        let mut state = self.state();
        let without_progress = state.last_progress.max(began).elapsed();
        if without_progress.saturating_add(pause) > self.patience || state.is_stopped {
            let waited = without_progress.as_secs();
            let error = Error::from(failure);
            return Err(match waited {
                0 => error,
                _ => error.context(format!("gave up after {waited} s without progress")),
            });
        }
        drop(state);
        (self.on_wait)(&Wait {
            why: failure.why(),
            pause,
        });
        state = self.state();
        let until = Instant::now() + pause;
        while !state.is_stopped {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            let woken = self.stopped.wait_timeout(state, left);
            (state, _) = woken.unwrap_or_else(PoisonError::into_inner);
        }
        Err(failure.into())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failure {
    fn is_broken_connection(&self) -> bool {
        let Self::Connection(error) = self else {
            return false;
        };
        matches!(
            error.downcast_ref(),
            Some(ureq::Error::Io(error)) if matches!(
                error.kind(),
                ErrorKind::BrokenPipe
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::ConnectionReset
                    | ErrorKind::UnexpectedEof
            )
        )
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Connection(_) => None,
            Self::Refused(refusal) => refusal.retry_after,
        }
    }

    fn why(&self) -> String {
        match self {
            Self::Connection(error) => format!("{error:#}"),
            Self::Refused(refusal) => refusal.to_string(),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Connection(error) => error,
            Failure::Refused(refusal) => refusal.into(),
        }
    }
}

/// Whether a server, or a proxy before it, asks to try again later.
fn asks_to_wait(answered: &Answered) -> bool {
    let has_time = answered.headers.contains_key("retry-after");
    match answered.status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => true,
        // The first copy of the request is still at work.
        StatusCode::CONFLICT => has_time,
        status => status.is_server_error() && has_time,
    }
}

/// Whether a failure may be gone the next time.
fn is_passing(error: &Error) -> bool {
    match error.downcast_ref() {
        // A certificate that is not trusted arrives as invalid data.
        Some(ureq::Error::Io(error)) => error.kind() != ErrorKind::InvalidData,
        Some(
            ureq::Error::Timeout(_)
            | ureq::Error::HostNotFound
            | ureq::Error::ConnectionFailed
            | ureq::Error::Protocol(_),
        ) => true,
        Some(_) | None => false,
    }
}

/// The pause after failures: twice as long each time. It varies, so that many clients do not return at the same moment.
fn backoff(attempt: u32) -> Duration {
    let most = WAIT_MIN
        .saturating_mul(2_u32.saturating_pow(attempt))
        .min(WAIT_MAX);
    let mut random = [0; 2];
    // Without random numbers, all clients wait the same time.
    let _ = getrandom::fill(&mut random);
    most.mul_f64(0.5 + 0.5 * f64::from(u16::from_le_bytes(random)) / f64::from(u16::MAX))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::Mutex;

    use super::*;
    use crate::http::ApiKey;

    /// Answers each request on a connection of its own with the next text. An empty text breaks the connection.
    fn server(answers: &'static [&'static str]) -> (String, std::thread::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            for answer in answers {
                let (stream, _) = listener.accept().unwrap();
                read_request(&stream);
                (&stream).write_all(answer.as_bytes()).unwrap();
            }
        });
        (url, thread)
    }

    fn read_request(stream: &TcpStream) {
        let mut lines = BufReader::new(stream).lines();
        while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
    }

    /// Sends a request. Returns the outcome, and the reasons for waiting.
    fn send(url: &str, patience: Duration) -> (Result<Answered>, Vec<String>) {
        let key = ApiKey::of_variable("KEY", "id:secret").unwrap();
        let client = Client::new(url, key, None).unwrap();
        let waits = Mutex::new(Vec::new());
        let note = |wait: &Wait| waits.lock().unwrap().push(wait.why.clone());
        let answered = Patient::new(&client, patience, &note).send(&Request::get("/v1/x"));
        (answered, waits.into_inner().unwrap())
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn what_asks_to_wait_is_sent_again_until_it_is_answered() {
        let (url, server) = server(&[
            "",
            "HTTP/1.1 429 X\r\nretry-after: 0\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "HTTP/1.1 503 X\r\nretry-after: 0\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno",
            "HTTP/1.1 409 X\r\nretry-after: 0\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "HTTP/1.1 507 X\r\nretry-after: 0\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "HTTP/1.1 502 X\r\nretry-after: 0\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "HTTP/1.1 422 X\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbody",
        ]);
        let (answered, waits) = send(&url, MINUTE);
        let answered = answered.unwrap();
        assert_eq!(answered.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answered.body, b"body");
        let expected = ["429", "503: no", "409", "507", "502"];
        assert_eq!(
            waits,
            expected.map(|status| format!("the server answered {status}"))
        );
        server.join().unwrap();
    }

    #[test]
    fn a_body_that_breaks_off_is_fetched_again() {
        let (url, server) = server(&[
            "HTTP/1.1 200 X\r\ncontent-length: 9\r\nconnection: close\r\n\r\nhal",
            "HTTP/1.1 200 X\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
        ]);
        assert_eq!(send(&url, MINUTE).0.unwrap().body, b"ok");
        server.join().unwrap();
    }

    #[test]
    fn other_refusals_are_answers_and_patience_ends() {
        let (url, server) = server(&[
            "HTTP/1.1 409 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "HTTP/1.1 429 X\r\nretry-after: 61\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        ]);
        let (answered, waits) = send(&url, MINUTE);
        assert_eq!(answered.unwrap().status, StatusCode::CONFLICT);
        assert_eq!(waits, [""; 0]);
        let (answered, waits) = send(&url, MINUTE);
        assert_eq!(answered.unwrap_err().to_string(), "the server answered 429");
        assert_eq!(waits, [""; 0], "it would be longer than the patience");
        server.join().unwrap();
        let (answered, waits) = send(&url, Duration::ZERO);
        let error = format!("{:#}", answered.unwrap_err());
        assert!(error.starts_with(&format!("cannot reach {url}")), "{error}");
        assert_eq!(waits, [""; 0]);
    }

    #[test]
    fn a_time_to_wait_that_no_clock_holds_ends_the_patience() {
        let (url, server) = server(&[
            "HTTP/1.1 429 X\r\nretry-after: 0\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "HTTP/1.1 429 X\r\nretry-after: 18446744073709551615\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        ]);
        let (answered, _) = send(&url, MINUTE);
        let error = format!("{:#}", answered.unwrap_err());
        assert!(error.contains("the server answered 429"), "{error}");
        server.join().unwrap();
    }

    #[test]
    fn a_stop_ends_every_wait() {
        let (url, server) = server(&[
            "HTTP/1.1 503 X\r\nretry-after: 50\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        ]);
        let key = ApiKey::of_variable("KEY", "id:secret").unwrap();
        let client = Client::new(&url, key, None).unwrap();
        let (waiting, waits) = std::sync::mpsc::channel();
        let note = |_: &Wait| waiting.send(()).unwrap();
        let patient = Patient::new(&client, MINUTE, &note);
        std::thread::scope(|scope| {
            let sending = scope.spawn(|| patient.send(&Request::get("/v1/x")));
            waits.recv().unwrap();
            patient.stop();
            let error = sending.join().unwrap().unwrap_err();
            assert_eq!(error.to_string(), "the server answered 503");
        });
        server.join().unwrap();
    }

    #[test]
    fn pauses_grow_to_a_limit() {
        for attempt in 0..40 {
            let pause = backoff(attempt);
            assert!(
                pause <= WAIT_MAX && pause >= WAIT_MIN / 2,
                "{attempt}: {pause:?}"
            );
            assert!(
                attempt < 10 || pause >= WAIT_MAX / 2,
                "{attempt}: {pause:?}"
            );
        }
    }
}
