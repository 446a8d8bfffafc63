//! Sample orders of a dialect, with order keys that no other order has.

use std::borrow::Cow;

use serde_json::Value;
use uuid::Uuid;
use wharfinger_core::dialect::{Action, Context, Dialect, Head, SampleKey, Verdict};
use wharfinger_core::judge::{Body, judge};
use wharfinger_core::limits::Limits;
use wharfinger_core::order::organisation::{Caller, OrgAccess, Organisation, Organisations};

/// A sample order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    /// The order, in the dialect's form.
    pub order: Value,
    /// The order key. `None` if the server gives the order its number.
    pub key: Option<String>,
}

/// Makes sample orders of a dialect for an organisation.
pub(super) struct Maker {
    dialect: &'static dyn Dialect,
    organisations: Organisations,
    code: String,
    /// The dialect's own sample, and its order key.
    sample: Sample,
}

impl Maker {
    /// `None` if the dialect's sample is no valid order, which its tests rule out.
    pub(super) fn new(dialect: &'static dyn Dialect, code: &str) -> Option<Self> {
        let key = SampleKey {
            organisation: code,
            id: "",
            secret: "",
        };
        let body = dialect.samples(&key).one.body;
        let body: Value = serde_json::from_str(&body).ok()?;
        let order = match body.as_array() {
            Some(orders) => orders.first()?.clone(),
            None => body,
        };
        let organisation = Organisation::new(code, "");
        let mut maker = Self {
            dialect,
            organisations: [(code.to_owned(), organisation)].into(),
            code: code.to_owned(),
            sample: Sample { order, key: None },
        };
        maker.sample.key = maker.key_of(&maker.sample.order)?;
        Some(maker)
    }

    /// A sample order with a fresh order key.
    pub(super) fn fresh(&self) -> Sample {
        let Some(key) = &self.sample.key else {
            return self.sample.clone();
        };
        let random = Uuid::now_v7().simple().to_string();
        let fresh = format!("{key}-{}", &random[20..]);
        let mut order = self.sample.order.clone();
        for text in texts(&mut order) {
            if text == key {
                text.clone_from(&fresh);
            }
        }
        Sample {
            order,
            key: Some(fresh),
        }
    }

    /// The same order with other content. `None` if the order has no key: then it cannot be sent again.
    pub(super) fn changed(&self, sample: &Sample) -> Option<Value> {
        sample.key.as_ref()?;
        let mut order = sample.order.clone();
        let count = texts(&mut order).len();
        // Which text may be another one, only the dialect knows.
        (0..count).find_map(|at| {
            let mut order = sample.order.clone();
            texts(&mut order).into_iter().nth(at)?.push_str(" 2");
            (self.key_of(&order)? == sample.key).then_some(order)
        })
    }

    /// The order key of a valid order. `None` if the order is not valid.
    fn key_of(&self, order: &Value) -> Option<Option<String>> {
        let body = Value::from(vec![order.clone()]).to_string();
        let head = Head {
            path: &[],
            query: &[],
            headers: &[],
        };
        let submits = self.dialect.operations().iter();
        let mut submits =
            submits.filter(|operation| matches!(operation.action, Action::Submit { .. }));
        submits.find_map(|operation| {
            let context = Context {
                operation,
                head: &head,
                caller: Caller {
                    organisations: &self.organisations,
                    reach: &OrgAccess::All,
                },
                organisation: self.organisations.get(&self.code),
            };
            let body = Body {
                bytes: body.as_bytes(),
                lines_before: None,
            };
            let judged = judge(self.dialect, &context, body, &Limits::default()).ok()?;
            let slot = judged.slots.into_iter().next()?;
            let is_good = matches!(slot.verdict, Verdict::Good(_));
            is_good.then(|| slot.key.map(Cow::into_owned))
        })
    }
}

/// Every text in a value, in order.
fn texts(value: &mut Value) -> Vec<&mut String> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter_mut().flat_map(texts).collect(),
        Value::Object(members) => members.values_mut().flat_map(texts).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use wharfinger_core::dialects;

    use super::Maker;

    #[test]
    fn every_dialect_has_samples_with_fresh_keys_that_can_be_changed() {
        let mut keyed = 0;
        for dialect in dialects::ALL {
            let maker =
                Maker::new(*dialect, "TRK001").unwrap_or_else(|| panic!("{}", dialect.id()));
            let (one, other) = (maker.fresh(), maker.fresh());
            assert_eq!(maker.key_of(&one.order), Some(one.key.clone()), "{one:?}");
            let changed = maker.changed(&one);
            if one.key.is_none() {
                assert_eq!(changed, None, "{}", dialect.id());
                continue;
            }
            keyed += 1;
            assert_ne!(one.key, other.key);
            let changed = changed.unwrap_or_else(|| panic!("{}", dialect.id()));
            assert_ne!(changed, one.order);
            assert_eq!(maker.key_of(&changed), Some(one.key));
        }
        assert!(keyed >= 2, "{keyed}");
    }
}
