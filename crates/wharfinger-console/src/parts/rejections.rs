//! Rejected orders, as `/v1/rejections` shows them, and what a dry run says about one.

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::{self, Refused};
use crate::visit::Visit;

/// One thing that is wrong with an order.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Fault {
    /// The attribute, as a JSON pointer.
    pub(crate) pointer: String,
    pub(crate) code: String,
    pub(crate) message: String,
    /// The value that was sent.
    #[serde(default)]
    pub(crate) value: Option<String>,
    /// What a valid value is.
    #[serde(default)]
    pub(crate) rule: Option<String>,
    /// What was probably meant.
    #[serde(default)]
    pub(crate) hint: Option<String>,
}

/// A rejected order.
#[derive(Debug, Deserialize)]
pub(crate) struct Rejection {
    pub(crate) id: String,
    pub(crate) batch_id: String,
    /// Its position in the batch, from 0.
    pub(crate) index: u64,
    pub(crate) organisation: Option<String>,
    pub(crate) dialect: String,
    pub(crate) key: Option<String>,
    /// The API key that sent it.
    pub(crate) key_id: String,
    pub(crate) received_at: String,
    /// `open`, `mended` or `dismissed`.
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) mended_by: Option<MendedBy>,
    #[serde(default)]
    pub(crate) dismissed: Option<Dismissed>,
    #[serde(default)]
    pub(crate) errors: Vec<Fault>,
    #[serde(default)]
    order: Option<Box<RawValue>>,
    #[serde(default)]
    order_text: Option<String>,
}

/// What mended a rejected order.
#[derive(Debug, Deserialize)]
pub(crate) struct MendedBy {
    pub(crate) batch_id: String,
    pub(crate) order_id: String,
}

/// Who dismissed a rejected order.
#[derive(Debug, Deserialize)]
pub(crate) struct Dismissed {
    pub(crate) at: String,
    pub(crate) key_id: String,
    #[serde(default)]
    pub(crate) note: Option<String>,
}

impl Rejection {
    /// The order as it came. `None` if its text is no longer kept, and in lists.
    pub(crate) fn text(&self) -> Option<&str> {
        let order = self.order.as_deref().map(RawValue::get);
        order.or(self.order_text.as_deref())
    }

    /// How a person names the order.
    pub(crate) fn name(&self) -> String {
        match &self.key {
            Some(key) => key.clone(),
            None => format!("Order {} of its batch", self.index + 1),
        }
    }
}

/// Reads a rejected order with its text.
pub(crate) async fn rejection(visit: &Visit, id: &str) -> Result<Rejection, Refused> {
    visit
        .get(&format!("/v1/rejections/{}", api::segment(id)))
        .await
}

/// What became of an order that was sent again, or what would become of it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Verdict {
    pub(crate) outcome: String,
    #[serde(default)]
    pub(crate) errors: Vec<Fault>,
}

impl Verdict {
    /// Whether the order was stored, or would be.
    pub(crate) fn is_good(&self) -> bool {
        matches!(self.outcome.as_str(), "accepted" | "updated" | "unchanged")
    }
}

#[derive(Deserialize)]
struct Verdicts {
    #[serde(default)]
    results: Vec<Verdict>,
}

/// Sends a rejected order again. `text` is the mended order; without it the order goes as it came.
pub(crate) async fn resubmit(
    visit: &Visit,
    id: &str,
    text: Option<&str>,
    is_dry_run: bool,
) -> Result<Verdict, Refused> {
    let path = format!("/v1/rejections/{}/resubmit", api::segment(id));
    let dry_run = if is_dry_run { "true" } else { "" };
    let target = api::target(&path, &[("dry_run", dry_run)]);
    let body = text.map(|text| Bytes::copy_from_slice(text.as_bytes()));
    let answer = visit.send(Method::POST, &target, body).await?;
    let read: Option<Verdicts> = serde_json::from_slice(&answer.body).ok();
    let verdict = read.and_then(|read| read.results.into_iter().next());
    verdict.ok_or_else(|| Refused {
        status: 422,
        code: String::new(),
        title: "Not sent".to_owned(),
        detail: "The text contains no order. Enter one JSON object".to_owned(),
        errors: Vec::new(),
    })
}

/// The pointer of a cause: positions in arrays are `*`.
pub(crate) fn general(pointer: &str) -> String {
    let is_position =
        |token: &str| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit());
    let tokens = pointer
        .split('/')
        .map(|token| if is_position(token) { "*" } else { token });
    tokens.collect::<Vec<_>>().join("/")
}

/// The address of a cause's page.
pub(crate) fn cause_address(dialect: &str, code: &str, pointer: &str) -> String {
    // An empty pointer, the whole order, is a value too.
    let cause = [("dialect", dialect), ("code", code), ("pointer", pointer)];
    api::target("/console/errors/cause", &cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_general_and_names_are_not() {
        assert_eq!(general("/lines/10/sku"), "/lines/*/sku");
        assert_eq!(general("/lines/10"), "/lines/*");
        assert_eq!(general("/a1/2b//c"), "/a1/2b//c");
        assert_eq!(general(""), "");
    }

    #[test]
    fn the_text_keeps_the_spelling_of_its_numbers() {
        let answer = r#"{"id":"1","batch_id":"2","index":0,"organisation":null,"dialect":"native","key":null,"key_id":"k",
            "received_at":"2026-11-30T00:00:00Z","status":"open","order":{"a": 1.50, "b":123456789012345678901234567890}}"#;
        let read: Rejection = serde_json::from_str(answer).unwrap();
        assert_eq!(
            read.text(),
            Some(r#"{"a": 1.50, "b":123456789012345678901234567890}"#)
        );
        let answer = answer.replacen(
            r#""order":{"a": 1.50, "b":123456789012345678901234567890}"#,
            r#""order":null,"order_text":"{'a'""#,
            1,
        );
        let read: Rejection = serde_json::from_str(&answer).unwrap();
        assert_eq!(read.text(), Some("{'a'"));
    }
}
