//! Clients of HTTP/2 that are told to leave, and do not acknowledge it.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wharfinger::runtime::trust::{Trust, client_config};

use super::{Pair, start};
use crate::support::fixture;

/// Types of frames.
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GO_AWAY: u8 = 7;

/// The end of a stream and of its header fields.
const ENDS: u8 = 5;

/// A request by HEAD for `/healthz` (RFC 7541): the method and the authority are written out.
const REQUEST: &[u8] = b"\x02\x04HEAD\x87\x04\x08/healthz\x01\x09localhost";

struct Frame {
    kind: u8,
    stream: u32,
    payload: Vec<u8>,
}

/// A connection that acknowledges nothing.
struct Raw(TlsStream<TcpStream>);

impl Raw {
    async fn write(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        // The server may have closed the connection, which the next read tells.
        let _ = self.0.write_all(&frame).await;
        let _ = self.0.flush().await;
    }

    /// The next frame. `None` if the connection is closed.
    async fn read(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.0.read_exact(&mut payload).await.ok()?;
        Some(Frame {
            kind: head[3],
            stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
            payload,
        })
    }
}

#[tokio::test]
async fn a_client_that_does_not_acknowledge_the_end_is_served_no_more() {
    let (data, pair) = (fixture::data_directory(), Pair::make());
    let server = start(data.path(), &pair, &[]);
    let ca = pair.file("ca.pem");
    let mut config = client_config(Trust::File(&ca), "the server", "ca").unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(server.address).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let mut raw = Raw(stream.await.unwrap());
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    raw.0.write_all(preface).await.unwrap();
    raw.write(SETTINGS, 0, 0, &[]).await;
    let mut last = None;
    // The server is told to stop when it has answered once.
    'all: for stream in (1..).step_by(2) {
        raw.write(HEADERS, ENDS, stream, REQUEST).await;
        loop {
            let Some(frame) = raw.read().await else {
                break 'all;
            };
            match frame.kind {
                GO_AWAY => {
                    let id = frame.payload[..4].try_into().unwrap();
                    last = Some(u32::from_be_bytes(id));
                }
                HEADERS | RST_STREAM if frame.stream == stream => break,
                _ => {}
            }
        }
        if stream == 1 {
            server.terminate();
        }
    }
    // It named the last request that it served, instead of waiting until it was ended itself.
    let last = last.expect("the client is told to leave");
    assert!(last < u32::MAX >> 1, "{last}");
    assert!(server.wait().0.success());
}
