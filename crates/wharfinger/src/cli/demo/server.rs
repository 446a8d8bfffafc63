//! Sends the demonstration's requests to the server process.

use anyhow::Result;
use wharfinger_bench::server_process::Server;
use wharfinger_core::dialect::Sample;
use wharfinger_core::order::ids::BatchId;

/// A response.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) batch: Option<BatchId>,
    pub(super) body: String,
}

/// Sends a request over HTTP.
pub(super) fn send(server: &Server, sample: &Sample) -> Result<Answer> {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .new_agent();
    let mut request = http::Request::builder()
        .method(sample.method)
        .uri(format!("{}{}", server.url, sample.target));
    for (name, value) in &sample.headers {
        request = request.header(*name, value);
    }
    let mut response = agent.run(request.body(sample.body.as_str())?)?;
    let batch = response.headers().get("wharfinger-batch-id");
    Ok(Answer {
        status: response.status().as_u16(),
        batch: batch.and_then(|value| super::batch_of(value.to_str().ok()?)),
        body: response.body_mut().read_to_string()?,
    })
}
