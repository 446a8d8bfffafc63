//! Values as columns store them.

use jiff::tz::TimeZone;
use wharfinger_core::canonical::Amount;
use wharfinger_core::json::Decimal;
use wharfinger_core::zone;

use super::fault::Fault;

/// An amount as it is stored.
pub(crate) fn amount(text: &str) -> Result<Amount, Fault> {
    let unreadable = || Fault::Damaged(format!("the stored amount {text} is invalid"));
    let number = Decimal::parse(text.into()).ok_or_else(unreadable)?;
    Ok(Amount::of(&number))
}

/// A list of texts as it is stored.
pub(crate) fn texts(json: Option<String>) -> Result<Vec<String>, Fault> {
    let unreadable = |_| Fault::Damaged("a product's list of markets cannot be read".into());
    match json {
        None => Ok(Vec::new()),
        Some(json) => serde_json::from_str(&json).map_err(unreadable),
    }
}

/// A time zone as it is stored.
pub(crate) fn time_zone(name: &str) -> Result<TimeZone, Fault> {
    let unknown = || Fault::Damaged(format!("an organisation has the unknown time zone {name}"));
    zone::named(name).ok_or_else(unknown)
}
