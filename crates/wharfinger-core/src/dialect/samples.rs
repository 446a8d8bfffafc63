//! Sample requests, for documentation and the demo.

/// The organisation and API key that sample requests use.
#[derive(Clone, Copy, Debug)]
pub struct SampleKey<'k> {
    /// The organisation that the orders are for.
    pub organisation: &'k str,
    /// The key's id.
    pub id: &'k str,
    /// The key's secret.
    pub secret: &'k str,
}

/// Sample requests of a dialect.
#[derive(Clone, Debug)]
pub struct Samples {
    /// A valid order, short enough for a command line.
    pub one: Sample,
    /// A day's batch: valid, invalid and repeated orders.
    pub batch: Sample,
}

/// A complete request, ready to send.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The HTTP method.
    pub method: &'static str,
    /// The path.
    pub target: String,
    /// The header fields: the API key and the media type.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}
