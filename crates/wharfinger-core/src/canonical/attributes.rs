//! The attribute names of the canonical order, in the order in which they are documented and reported.

/// Attributes of a submitted order.
pub const ORDER: [&str; 16] = [
    "organisation",
    "key",
    "placed_at",
    "fulfilled_at",
    "language",
    "locale",
    "customer",
    "billing_address",
    "shipping_address",
    "lines",
    "shipping_price",
    "discount",
    "currency",
    "references",
    "instructions",
    "metadata",
];

/// Further attributes of a stored order in a response.
pub const READ_BACK: [&str; 9] = [
    "id",
    "number",
    "state",
    "revision",
    "dialect",
    "batch_id",
    "created_at",
    "updated_at",
    "admission",
];

/// Attributes of `customer`.
pub const CUSTOMER: [&str; 6] = ["ref", "email", "title", "first_name", "last_name", "phone"];

/// Attributes of `billing_address` and `shipping_address`.
pub const ADDRESS: [&str; 8] = [
    "name", "company", "lines", "suburb", "city", "state", "postcode", "country",
];

/// Attributes of each element of `lines`.
pub const LINE: [&str; 9] = [
    "quantity",
    "sku",
    "ean",
    "product_id",
    "description",
    "unit_price",
    "currency",
    "weight_kg",
    "metadata",
];

/// Attributes of `references`.
pub const REFERENCES: [&str; 2] = ["delivery_reference", "purchase_order"];
