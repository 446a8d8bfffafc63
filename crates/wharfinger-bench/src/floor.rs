//! Lower bounds for single orders: a bare HTTP server on the same stack, and the disk.

use std::convert::Infallible;
use std::fs::File;
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::server_process::READY;

/// Status of the bare HTTP server's responses.
pub(crate) const STATUS: u16 = 202;

/// Bytes written before each sync: one page.
const PAGE: usize = 4 << 10;
/// Pages of the file. They are written in turn, like a write-ahead log that restarts.
const PAGES: u64 = 1_024;

/// Serves until killed: reads each body to its end and responds with 202.
pub(crate) async fn serve(out: &mut dyn Write) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    writeln!(out, "{READY} http://{}", listener.local_addr()?)?;
    out.flush()?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let connection = http1::Builder::new();
            // Ignore errors: the sender disconnects at the end of a round.
            let _ = connection
                .serve_connection(TokioIo::new(stream), service_fn(answer))
                .await;
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let was_read = request.into_body().collect().await.is_ok();
    let body = Bytes::from_static(b"{\"status\":202}");
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = if was_read {
        http::StatusCode::ACCEPTED
    } else {
        http::StatusCode::BAD_REQUEST
    };
    Ok(response)
}

/// A file whose syncs are timed.
pub(crate) struct Disk {
    file: File,
    page: u64,
}

impl Disk {
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        let path = directory.join("flushed");
        let file = File::create(path).context("cannot create the file to flush")?;
        for page in 0..PAGES {
            file.write_all_at(&[1; PAGE], page * PAGE as u64)?;
        }
        file.sync_all()?;
        Ok(Self { file, page: 0 })
    }

    /// Writes and syncs one page repeatedly for this long. Returns the duration of each sync, in seconds.
    pub(crate) fn flush_for(&mut self, length: Duration) -> Result<Vec<f64>> {
        let begin = Instant::now();
        let mut seconds = Vec::new();
        while begin.elapsed() < length {
            self.page += 1;
            let at = self.page % PAGES * PAGE as u64;
            self.file.write_all_at(&[2; PAGE], at)?;
            let flushed_at = Instant::now();
            self.file.sync_data()?;
            seconds.push(flushed_at.elapsed().as_secs_f64());
        }
        Ok(seconds)
    }
}
