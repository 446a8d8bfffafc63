//! An order in the vendor's own form, including its additions.

use super::additions::{Texts, is_update};
use super::present::with_texts;
use crate::canonical::Members;
use crate::dialect::StoredOrder;
use crate::json::{Kind, Value};

/// What a completion may replace, besides the comments.
const REPLACED: [&str; 6] = [
    "buyerName",
    "poNumber",
    "orderDate",
    "deliveryDate",
    "cancelDate",
    "warehouseGroup",
];

/// Returns the submitted order with the values replaced by completions, their additions to `payment`, and the updates.
pub(super) fn own_form(stored: &StoredOrder) -> String {
    match stored.texts.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [_, _, ..] => with_texts(stored, completed),
    }
}

fn completed(texts: &Texts<'_, '_>) -> String {
    let said_anew = comments_and_attributes(texts);
    let mut form = Members::of(texts.submitted);
    let mut payment = Members::of(texts.submitted.and_then(|order| order.get("payment")));
    let mut pays = false;
    let completions = texts.additions.iter();
    for completion in completions.filter(|addition| !is_update(**addition)) {
        let said = |name: &&str| completion.get(name).filter(|value| !value.is_blank());
        for name in REPLACED {
            if let Some(value) = said(&name) {
                form.set(name.into(), value.raw());
            }
        }
        let added = said(&"payment").filter(|payment| payment.kind() == Kind::Object);
        for (name, value) in added.iter().flat_map(Value::members) {
            if !value.is_blank() && !value.is_empty_container() {
                payment.set(name, value.raw());
                pays = true;
            }
        }
    }
    for (name, value) in &said_anew {
        form.set((*name).into(), value);
    }
    let payment = serde_json::to_string(&payment).unwrap_or_default();
    if pays {
        form.set("payment".into(), &payment);
    }
    serde_json::to_string(&form).unwrap_or_default()
}

/// The comments and attributes that updates can change too, as JSON, if they differ from the submitted ones.
fn comments_and_attributes(texts: &Texts<'_, '_>) -> Vec<(&'static str, String)> {
    let mut said = Vec::new();
    for name in ["internalComment", "comment"] {
        let comment = texts.comment(name);
        if comment != texts.own_text(name) {
            said.push((name, serde_json::to_string(&comment).unwrap_or_default()));
        }
    }
    let attributes = texts.extra_attributes();
    said.extend(attributes.map(|attributes| ("extraAttributes", attributes)));
    said
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::order::ids::BatchId;
    use crate::order::outcome::State;

    fn stored(texts: &[&str]) -> StoredOrder {
        StoredOrder {
            id: BatchId::new(0, 0).order(0),
            organisation: "DEMO".into(),
            time_zone: TimeZone::UTC,
            key: "7".into(),
            number: Some(7),
            state: State::Pending,
            held: None,
            revision: 1,
            created_at_ms: 0,
            updated_at_ms: 0,
            texts: texts.iter().map(|text| (*text).to_owned()).collect(),
            fulfilment: None,
            admission: None,
        }
    }

    #[test]
    fn the_own_form_has_what_completions_added() {
        let once = r#"{ "orderNumber": 7, "products": [] }"#;
        assert_eq!(own_form(&stored(&[once])), once);
        let completed = stored(&[
            r#"{"poNumber":"PO 1", "voucherValue":1.50,"payment":{"id":12,"auth":{"status":0,"amount":1}}}"#,
            r#"{"poNumber":"PO 2","comment":" ","qty":9,"payment":{"auth":{"status":1,"amount":1.00}}}"#,
            r#"{"comment":"Ring twice","payment":{"capture":{"status":1,"amount":1.00},"id":null}}"#,
        ]);
        assert_eq!(
            own_form(&completed),
            r#"{"poNumber":"PO 2","voucherValue":1.50,"payment":{"id":12,"auth":{"status":1,"amount":1.00},"capture":{"status":1,"amount":1.00}},"comment":"Ring twice"}"#
        );
        let unpaid = stored(&["{}", r#"{"payment":{"capture":{"status":2,"amount":5}}}"#]);
        assert_eq!(
            own_form(&unpaid),
            r#"{"payment":{"capture":{"status":2,"amount":5}}}"#
        );
    }
}
