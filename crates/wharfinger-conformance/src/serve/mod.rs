//! A server with the expected responses, to test a client.

mod book;
mod page;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

use self::book::{BODY_BYTES_MAX, Book, Told};
use self::page::Received;
use crate::case::Case;
use crate::text::{json_line, shown};

/// The path of the report, and of what chooses a case.
const REPORT: &str = "/__conformance";

/// How long a client may take to send a request.
const REQUEST_MAX: Duration = Duration::from_secs(30);

/// Connections at a time. Others wait.
const CONNECTIONS_MAX: usize = 64;

struct Shared {
    dialect: String,
    book: Mutex<Book>,
}

/// Serves the cases until SIGINT or SIGTERM, then reports. Returns whether no request was wrong.
pub(crate) fn run(
    dialect: &str,
    cases: Vec<Case>,
    listen: SocketAddr,
    is_json: bool,
    out: &mut dyn Write,
) -> Result<bool> {
    let book = Book::new(cases).map_err(anyhow::Error::msg)?;
    let shared = Arc::new(Shared {
        dialect: dialect.to_owned(),
        book: Mutex::new(book),
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(serve(&shared, listen, out))?;
    let book = shared.book.lock().unwrap_or_else(PoisonError::into_inner);
    write_report(&book, dialect, is_json, out)
}

async fn serve(shared: &Arc<Shared>, listen: SocketAddr, out: &mut dyn Write) -> Result<()> {
    let failed = || format!("cannot listen on {listen}");
    let listener = TcpListener::bind(listen).await.with_context(failed)?;
    let address = listener.local_addr().with_context(failed)?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    writeln!(
        out,
        "serving the cases of {} on http://{address}",
        shared.dialect
    )?;
    for (key, organisations) in page::credentials() {
        let organisations = organisations.join(", ");
        writeln!(
            out,
            "key {} with secret {} reaches {organisations}",
            key.id, key.secret
        )?;
    }
    writeln!(
        out,
        "the report is at http://{address}{REPORT}; Ctrl-C prints it and ends"
    )?;
    out.flush()?;
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let seat = Arc::clone(&connections).acquire_owned().await?;
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = interrupted.recv() => return Ok(()),
            _ = terminated.recv() => return Ok(()),
        };
        let Ok((stream, _)) = accepted else {
            continue;
        };
        let shared = Arc::clone(shared);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let shared = Arc::clone(&shared);
                async move { respond(&shared, request).await }
            });
            let mut connection = http1::Builder::new();
            connection
                .timer(TokioTimer::new())
                .header_read_timeout(REQUEST_MAX);
            // A client that breaks off needs no answer.
            drop(
                connection
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
            drop(seat);
        });
    }
}

async fn respond(
    shared: &Shared,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, http::Error> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES_MAX).collect();
    let told = match tokio::time::timeout(REQUEST_MAX, body).await {
        Ok(Ok(body)) => {
            let body = body.to_bytes();
            answer(shared, &head, &body)
        }
        Ok(Err(_)) => Told::problem(
            413,
            "the body broke off, or is longer than those of the cases",
        ),
        Err(_) => Told::problem(408, "the body took too long"),
    };
    let mut response = Response::builder().status(told.status);
    for (name, value) in told.headers {
        response = response.header(name, value);
    }
    response.body(Full::from(told.body))
}

fn answer(shared: &Shared, head: &http::request::Parts, body: &[u8]) -> Told {
    let mut book = shared.book.lock().unwrap_or_else(PoisonError::into_inner);
    let target = head
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    if let Some(rest) = target.strip_prefix(REPORT) {
        return control(&mut book, &shared.dialect, &head.method, rest);
    }
    let headers = head.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    let received = Received {
        method: head.method.to_string(),
        target: target.to_owned(),
        headers: headers.collect(),
        body: Vec::new(),
    };
    let coding = received.header("content-encoding").map(str::to_owned);
    let body = decoded(body, coding.as_deref());
    book.answer(&Received { body, ..received })
}

/// Undoes a coding. A body that its coding cannot undo stays as it is; some cases are about that.
fn decoded(body: &[u8], coding: Option<&str>) -> Vec<u8> {
    let mut plain = Vec::new();
    let limit = BODY_BYTES_MAX as u64;
    let done = match coding {
        Some("gzip") => flate2::read::MultiGzDecoder::new(body)
            .take(limit)
            .read_to_end(&mut plain),
        Some("zstd") => {
            zstd::Decoder::new(body).and_then(|decoder| decoder.take(limit).read_to_end(&mut plain))
        }
        _ => return body.to_vec(),
    };
    match done {
        Ok(_) => plain,
        Err(_) => body.to_vec(),
    }
}

/// The report, the choice of a case, and a new beginning.
fn control(book: &mut Book, dialect: &str, method: &Method, rest: &str) -> Told {
    let case = rest.strip_prefix("/cases/");
    let (status, body) = match (method, rest, case) {
        (&Method::GET, "", _) => {
            let report = serde_json::to_string(&book.report(dialect));
            (StatusCode::OK, report.unwrap_or_default())
        }
        (&Method::DELETE, "", _) => {
            book.begin_again();
            (
                StatusCode::OK,
                r#"{"message":"every case begins again"}"#.to_owned(),
            )
        }
        (&Method::PUT, _, Some(name)) if book.choose(name) => (
            StatusCode::OK,
            r#"{"message":"only this case is played"}"#.to_owned(),
        ),
        _ => {
            return Told::problem(
                404,
                "GET /__conformance is the report; PUT /__conformance/cases/NAME plays one case; DELETE /__conformance plays all again",
            );
        }
    };
    Told {
        status: status.as_u16(),
        headers: vec![("content-type".into(), "application/json".into())],
        body,
    }
}

fn write_report(book: &Book, dialect: &str, is_json: bool, out: &mut dyn Write) -> Result<bool> {
    let report = book.report(dialect);
    let is_good = report.wrong.is_empty() && report.unknown == 0;
    if is_json {
        writeln!(out, "{}", json_line(&report)?)?;
        return Ok(is_good);
    }
    for wrong in &report.wrong {
        let times = if wrong.count == 1 { "" } else { "s" };
        writeln!(
            out,
            "wrong    {}, step {} ({} time{times})",
            wrong.case, wrong.step, wrong.count
        )?;
        writeln!(out, "  {}", shown(&wrong.request))?;
        for difference in &wrong.differences {
            writeln!(out, "    {}", shown(&difference.to_string()))?;
        }
    }
    for name in &report.shown {
        writeln!(out, "shown    {name}")?;
    }
    let (shown, wrong) = (report.shown.len(), report.wrong.len());
    writeln!(
        out,
        "{} cases: {shown} shown, {wrong} wrong, {} requests without a case",
        report.cases, report.unknown
    )?;
    Ok(is_good)
}
