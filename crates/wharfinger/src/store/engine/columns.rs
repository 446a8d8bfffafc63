//! Decoding of values as columns store them.

use jiff::tz::TimeZone;
use wharfinger_core::json::Decimal;
use wharfinger_core::order::amount::Amount;
use wharfinger_core::order::zone;

use super::driver::{Error, FromValue, ToValue, Value};
use super::fault::Fault;
use crate::store::format::dialect_id::DialectId;

/// Decodes a stored amount.
pub(crate) fn amount(text: &str) -> Result<Amount, Fault> {
    let unreadable = || Fault::Damaged(format!("the stored amount {text} is invalid"));
    let number = Decimal::parse(text.into()).ok_or_else(unreadable)?;
    Ok(Amount::of(&number))
}

/// Decodes a stored list of texts.
pub(crate) fn texts(json: Option<String>) -> Result<Vec<String>, Fault> {
    let unreadable = |_| Fault::Damaged("a product's list of markets cannot be read".into());
    match json {
        None => Ok(Vec::new()),
        Some(json) => serde_json::from_str(&json).map_err(unreadable),
    }
}

/// Decodes a stored time zone.
pub(crate) fn time_zone(name: &str) -> Result<TimeZone, Fault> {
    let unknown = || Fault::Damaged(format!("an organisation has the unknown time zone {name}"));
    zone::named(name).ok_or_else(unknown)
}

impl ToValue for DialectId {
    fn to_value(&self) -> Value<'_> {
        self.0.to_value()
    }
}

impl FromValue for DialectId {
    fn from_value(value: Value<'_>) -> Result<Self, Error> {
        i64::from_value(value).map(Self)
    }
}
