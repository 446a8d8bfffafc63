//! The attributes of the canonical order, in the order in which they are documented and reported.
//!
//! Known names, what an erasure retains, and the JSON Schemas derive from these tables.

use crate::reading::fields::Rule::{
    Country, Currency, Email, Json, Key, Language, Locale, Moment, Money, OrderCurrency,
    Organisation, Quantity, Text, Texts, Weight,
};
use crate::reading::fields::{Field, each, field, object, retained};

/// Attributes of a submitted order.
pub const ORDER: &[Field] = &[
    retained("organisation").rule(Organisation),
    retained("key").rule(Key).mandatory(),
    retained("placed_at").rule(Moment).one_of(),
    retained("fulfilled_at").rule(Moment).one_of(),
    field("language").rule(Language),
    field("locale").rule(Locale),
    object("customer", CUSTOMER),
    object("billing_address", ADDRESS),
    object("shipping_address", ADDRESS),
    each("lines", LINE).mandatory(),
    retained("shipping_price").rule(Money),
    retained("discount").rule(Money),
    retained("currency").rule(OrderCurrency),
    object("references", REFERENCES),
    field("instructions").rule(Text),
    field("metadata").rule(Json),
];

/// Attributes of `customer`.
pub const CUSTOMER: &[Field] = &[
    field("ref").rule(Text),
    field("email").rule(Email),
    field("title").rule(Text),
    field("first_name").rule(Text),
    field("last_name").rule(Text),
    field("phone").rule(Text),
];

/// Attributes of `billing_address` and `shipping_address`.
pub const ADDRESS: &[Field] = &[
    field("name").rule(Text),
    field("company").rule(Text),
    field("lines").rule(Texts),
    field("suburb").rule(Text),
    field("city").rule(Text),
    field("state").rule(Text),
    field("postcode").rule(Text),
    field("country").rule(Country),
];

/// Attributes of each element of `lines`.
pub const LINE: &[Field] = &[
    retained("quantity").rule(Quantity),
    retained("sku").rule(Text).one_of(),
    retained("ean").rule(Text).one_of(),
    retained("product_id").rule(Text).one_of(),
    field("description").rule(Text),
    retained("unit_price").rule(Money),
    retained("currency").rule(Currency),
    retained("weight_kg").rule(Weight),
    field("metadata").rule(Json),
];

/// Attributes of `references`.
pub const REFERENCES: &[Field] = &[
    field("delivery_reference").rule(Text),
    field("purchase_order").rule(Text),
];
