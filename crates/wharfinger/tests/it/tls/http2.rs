//! HTTP/2: its limits hold for each request, and none of a client's tricks costs the server much.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use h2::Reason;
use h2::client::{ResponseFuture, SendRequest};
use http::{Request, Response};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use wharfinger::runtime::trust::{Trust, client_config};

use super::{Pair, path, start};
use crate::support::fixture::{self, secret_of};
use crate::support::server::Server;
use crate::support::v1;

/// A connection of HTTP/2.
struct Client {
    send: SendRequest<Bytes>,
    driver: JoinHandle<Result<(), h2::Error>>,
}

impl Client {
    /// Opens one. It takes so many bytes of a response before it has read them.
    async fn open(server: &Server, pair: &Pair, window: u32) -> Self {
        let ca = pair.file("ca.pem");
        let mut config = client_config(Trust::File(&ca), "the server", "ca").unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = TcpStream::connect(server.address).await.unwrap();
        let name = "localhost".try_into().unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream);
        let stream = stream.await.unwrap();
        let builder = h2::client::Builder::new()
            .initial_window_size(window)
            .handshake(stream);
        let (send, connection) = builder.await.unwrap();
        Self {
            send,
            driver: tokio::spawn(connection),
        }
    }

    /// Sends a request with the beginning of a body, which does not end.
    async fn begin(
        &mut self,
        request: Request<()>,
        body: &str,
    ) -> (ResponseFuture, h2::SendStream<Bytes>) {
        let mut send = self.send.clone().ready().await.unwrap();
        let (response, mut stream) = send.send_request(request, false).unwrap();
        let body = Bytes::copy_from_slice(body.as_bytes());
        stream.send_data(body, false).unwrap();
        (response, stream)
    }

    async fn get(&mut self, path: &str) -> Response<h2::RecvStream> {
        let mut send = self.send.clone().ready().await.unwrap();
        let (response, _) = send.send_request(get(path), true).unwrap();
        response.await.unwrap()
    }
}

fn get(path: &str) -> Request<()> {
    Request::get(format!("https://localhost{path}"))
        .body(())
        .unwrap()
}

fn batch() -> Request<()> {
    let request = Request::post("https://localhost/v1/batches?organisation=TRK001");
    let request = request.header("authorization", format!("Bearer {}", secret_of("full")));
    request.body(()).unwrap()
}

/// Runs a client. Its connections go on while the test waits for something else.
fn run<F: Future>(work: F) -> F::Output {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build();
    runtime.unwrap().block_on(work)
}

const WINDOW: u32 = 1 << 16;

#[test]
fn a_storm_of_cancelled_requests_ends_the_connection_and_costs_no_memory() {
    let (data, pair) = (fixture::data_directory(), Pair::make());
    let server = start(data.path(), &pair, &[]);
    assert_eq!(path(&server, &pair, "/openapi.json", &[]).status, 200);
    let before_kib = server.memory_peak_kib();
    // On one thread, so that yielding lets the requests out.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let cancelled: usize = runtime.unwrap().block_on(async {
        let mut cancelled = 0;
        for _ in 0..20 {
            let Client { mut send, driver } = Client::open(&server, &pair, WINDOW).await;
            for _ in 0..100_000 {
                let Ok(mut ready) = send.ready().await else {
                    break;
                };
                let Ok((_, mut stream)) = ready.send_request(get("/openapi.json"), true) else {
                    break;
                };
                // The request goes out before it is cancelled.
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
                stream.send_reset(Reason::CANCEL);
                cancelled += 1;
                send = ready;
            }
            let ended = driver.await.unwrap().expect_err("the server ends it");
            // The reason is lost if more requests were on the way.
            let reason = ended.reason();
            assert!(
                reason.is_none_or(|reason| reason == Reason::ENHANCE_YOUR_CALM),
                "{ended}"
            );
        }
        cancelled
    });
    assert!(cancelled < 20 * 50_000, "{cancelled}");
    let grown_kib = server.memory_peak_kib() - before_kib;
    assert!(grown_kib < 64 << 10, "{grown_kib} KiB");
    assert_eq!(path(&server, &pair, "/healthz", &["--http2"]).status, 200);
}

#[test]
fn a_response_that_is_left_unread_is_cut_off_alone() {
    let (data, pair) = (fixture::data_directory(), Pair::make());
    let server = start(data.path(), &pair, &["--write-timeout-s", "1"]);
    run(async {
        let mut client = Client::open(&server, &pair, 1_000).await;
        let unread = client.get("/openapi.json").await;
        assert_eq!(unread.status(), 200);
        let mut body = unread.into_body();
        let ended = loop {
            // The room for more is not given back.
            match body.data().await.expect("it does not end by itself") {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(ended.reason(), Some(Reason::CANCEL), "{ended}");
        assert_eq!(client.get("/healthz").await.status(), 200);
    });
}

#[test]
fn a_body_that_does_not_come_is_refused_alone_and_nothing_is_stored() {
    let (data, pair) = (fixture::data_directory(), Pair::make());
    let server = start(data.path(), &pair, &["--body-idle-timeout-s", "1"]);
    run(async {
        let mut client = Client::open(&server, &pair, WINDOW).await;
        let half = format!("[{}", v1::order("A"));
        let (response, _stream) = client.begin(batch(), &half).await;
        assert_eq!(response.await.unwrap().status(), 408);
        assert_eq!(client.get("/healthz").await.status(), 200);
    });
    let authorization = format!("authorization: Bearer {}", secret_of("full"));
    let orders = path(&server, &pair, "/v1/orders", &["-H", &authorization]).text();
    let orders: serde_json::Value = serde_json::from_str(&orders).unwrap();
    assert_eq!(orders["data"], serde_json::json!([]), "{orders}");
}

#[test]
fn requests_at_once_and_their_heads_are_limited() {
    let (data, pair) = (fixture::data_directory(), Pair::make());
    let server = start(data.path(), &pair, &[]);
    run(async {
        let client = Client::open(&server, &pair, WINDOW).await;
        for (bytes, status) in [(60_000, 200), (70_000, 431), (10, 200)] {
            let mut send = client.send.clone().ready().await.unwrap();
            let mut request = get("/healthz");
            let much = "a".repeat(bytes).parse().unwrap();
            request.headers_mut().insert("x-much", much);
            let (response, _) = send.send_request(request, true).unwrap();
            let response = response.await.unwrap();
            assert_eq!(response.status(), status);
            if status == 431 {
                assert!(response.headers().contains_key("x-request-id"));
                assert_eq!(
                    response.headers()["content-type"],
                    "application/problem+json"
                );
                let body = response.into_body().data().await.unwrap().unwrap();
                let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(problem["status"], 431);
                let detail = problem["detail"].as_str().unwrap();
                assert!(detail.contains("64 KiB"), "{detail}");
            }
        }
        // So many fields are fine if they are short.
        let mut send = client.send.clone().ready().await.unwrap();
        let mut request = get("/healthz");
        for number in 0..150 {
            let name = http::HeaderName::try_from(format!("x-{number}")).unwrap();
            request.headers_mut().insert(name, "1".parse().unwrap());
        }
        let (response, _) = send.send_request(request, true).unwrap();
        assert_eq!(response.await.unwrap().status(), 200);
    });
    run(async {
        let mut client = Client::open(&server, &pair, WINDOW).await;
        client.get("/healthz").await;
        assert_eq!(client.send.current_max_send_streams(), 100);
        let mut held = Vec::new();
        for _ in 0..100 {
            held.push(client.begin(batch(), "[").await);
        }
        // The next one is answered when one of the hundred is.
        let (response, mut stream) = held.pop().unwrap();
        let more = client.send.clone();
        let next = tokio::spawn(async move {
            let (response, _) = more
                .ready()
                .await
                .unwrap()
                .send_request(get("/healthz"), true)
                .unwrap();
            response.await.unwrap().status()
        });
        stream.send_data(Bytes::from_static(b"]"), true).unwrap();
        assert!(response.await.unwrap().status().as_u16() < 500);
        assert_eq!(next.await.unwrap(), 200);
    });
}

#[test]
fn clients_behind_a_proxy_have_their_own_shares_of_memory() {
    let (data, pair) = (fixture::data_directory(), Pair::make());
    let server = start(data.path(), &pair, &["--behind-proxy", "127.0.0.1"]);
    let from = |mut request: Request<()>, client: &str| {
        let client = client.parse().unwrap();
        request.headers_mut().insert("x-forwarded-for", client);
        request
    };
    run(async {
        let (mut clients, mut held) = (Vec::new(), Vec::new());
        let refused = loop {
            assert!(clients.len() < 100, "nothing is refused");
            let mut client = Client::open(&server, &pair, WINDOW).await;
            for _ in 0..90 {
                held.push(client.begin(from(batch(), "192.0.2.1"), "[").await);
            }
            let mut send = client.send.clone().ready().await.unwrap();
            let request = from(get("/v1/orders"), "192.0.2.1");
            let (response, _) = send.send_request(request, true).unwrap();
            let response = response.await.unwrap();
            clients.push(client);
            if response.status() == 503 {
                break response;
            }
        };
        for (name, value) in [
            ("content-type", "application/problem+json"),
            ("retry-after", "1"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(refused.headers()[name], value);
        }
        let mut send = clients[0].send.clone().ready().await.unwrap();
        let request = from(get("/healthz"), "192.0.2.2");
        let (response, _) = send.send_request(request, true).unwrap();
        assert_eq!(response.await.unwrap().status(), 200);
    });
}

#[test]
fn a_host_that_is_not_the_authority_is_refused() {
    let (data, pair) = (fixture::data_directory(), Pair::make());
    let server = start(data.path(), &pair, &[]);
    run(async {
        let client = Client::open(&server, &pair, WINDOW).await;
        for (host, status) in [("localhost", 200), ("elsewhere", 400)] {
            let mut send = client.send.clone().ready().await.unwrap();
            let mut request = get("/healthz");
            request.headers_mut().insert("host", host.parse().unwrap());
            let (response, _) = send.send_request(request, true).unwrap();
            assert_eq!(response.await.unwrap().status(), status, "{host}");
        }
    });
}

#[test]
fn a_client_is_told_to_leave_when_the_server_stops_and_may_finish() {
    let (data, pair) = (fixture::data_directory(), Pair::make());
    let server = start(data.path(), &pair, &[]);
    run(async {
        let mut client = Client::open(&server, &pair, WINDOW).await;
        let half = format!("[{}", v1::order("A"));
        let (response, mut stream) = client.begin(batch(), &half).await;
        super::wait_for_part(&server, &pair);
        server.terminate();
        // No more requests are taken.
        while let Ok(mut send) = client.send.clone().ready().await {
            let Ok((answer, _)) = send.send_request(get("/healthz"), true) else {
                break;
            };
            if answer.await.is_err() {
                break;
            }
        }
        stream.send_data(Bytes::from_static(b"]"), true).unwrap();
        assert_eq!(response.await.unwrap().status(), 200);
        drop((stream, client.send));
        client.driver.await.unwrap().unwrap();
    });
    assert!(server.wait().0.success());
}
