//! Lists of a server, page by page.

use anyhow::{Result, bail};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::http::Client;
use crate::terminal::is_output_closed;

/// Entries of a page, at most.
const PAGE_ENTRIES: u64 = 500;

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    /// The entries, as they came.
    pub data: Vec<Box<RawValue>>,
    /// The cursor after the page.
    pub next: Option<String>,
}

impl Page {
    /// The cursor of the next page, if there is one. `after` is the cursor that this page was asked for with.
    ///
    /// # Errors
    /// It is the same cursor, so that reading would never end.
    pub(crate) fn next(self, after: Option<&str>) -> Result<Option<String>> {
        if self.next.is_some() && self.next.as_deref() == after {
            bail!("the server gave the same place in its list twice; is this a Wharfinger server?");
        }
        Ok(self.next)
    }
}

/// A query that is built parameter by parameter.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(&'static str, String)>);

impl Query {
    /// Adds a parameter, if it has a value.
    pub(crate) fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.0.extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// The target of a request: the path with this query.
    pub(crate) fn of(&self, path: &str) -> String {
        if self.0.is_empty() {
            return path.to_owned();
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.0);
        format!("{path}?{}", query.finish())
    }
}

/// Reads a list to its end, or up to `limit` entries, page by page.
///
/// # Errors
/// The server cannot be reached or refuses, or `take` fails.
pub(crate) fn each(
    client: &Client,
    path: &str,
    query: Query,
    limit: Option<u64>,
    mut take: impl FnMut(&RawValue) -> Result<()>,
) -> Result<()> {
    let mut left = limit.unwrap_or(u64::MAX);
    let mut after: Option<String> = None;
    let Query(parameters) = query;
    while left > 0 && !is_output_closed() {
        let query = Query(parameters.clone())
            .with("limit", Some(left.min(PAGE_ENTRIES)))
            .with("after", after.as_deref());
        let page: Page = client.get(&query.of(path))?;
        for entry in &page.data {
            take(entry)?;
            left = left.saturating_sub(1);
        }
        after = page.next(after.as_deref())?;
        if after.is_none() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Page, Query};

    #[test]
    fn a_cursor_that_stays_is_an_error() {
        let page = |next: Option<&str>| Page {
            data: Vec::new(),
            next: next.map(str::to_owned),
        };
        assert_eq!(page(None).next(None).unwrap(), None);
        assert_eq!(page(None).next(Some("a")).unwrap(), None);
        assert_eq!(page(Some("a")).next(None).unwrap().as_deref(), Some("a"));
        assert_eq!(
            page(Some("b")).next(Some("a")).unwrap().as_deref(),
            Some("b")
        );
        assert!(page(Some("a")).next(Some("a")).is_err());
    }

    #[test]
    fn parameters_without_a_value_are_left_out() {
        let query = Query::default()
            .with("key", Some("A & B"))
            .with("state", None::<String>)
            .with("limit", Some(7));
        assert_eq!(query.of("/v1/orders"), "/v1/orders?key=A+%26+B&limit=7");
        assert_eq!(Query::default().of("/v1/orders"), "/v1/orders");
    }
}
