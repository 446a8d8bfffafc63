//! What exists at the start of every case: organisations, API keys, products and customers.

/// The organisations at the start of every case: code, and whether customer orders are enabled.
pub const ORGANISATIONS: [(&str, bool); 5] = [
    ("TRK001", true),
    ("TRK002", true),
    ("OFF001", false),
    ("SECRET9", true),
    (ENFORCED, true),
];

/// The organisation with an enforced catalogue, which has [`PRODUCTS`] and [`CUSTOMERS`]. All other catalogues are
/// open.
pub const ENFORCED: &str = "CAT001";

/// The products at the start of every case, in the format in which they are loaded.
pub const PRODUCTS: &str = include_str!("products.ndjson");

/// The customers at the start of every case, in the format in which they are loaded.
pub const CUSTOMERS: &str = include_str!("customers.ndjson");

/// An API key that exists at the start of every case.
#[derive(Debug)]
pub struct Key {
    /// The id, which is also the name in placeholders.
    pub id: &'static str,
    /// The organisations that it reaches.
    pub organisations: &'static [&'static str],
    /// Its scopes.
    pub scopes: &'static [&'static str],
}

/// The API keys at the start of every case.
pub const KEYS: [Key; 6] = [
    Key {
        id: "full",
        organisations: &["TRK001", "TRK002", "OFF001"],
        scopes: &["orders:write", "orders:read"],
    },
    Key {
        id: "one",
        organisations: &["TRK001"],
        scopes: &["orders:write", "orders:read"],
    },
    Key {
        id: "reader",
        organisations: &["TRK001"],
        scopes: &["orders:read"],
    },
    Key {
        id: "writer",
        organisations: &["TRK001"],
        scopes: &["orders:write"],
    },
    Key {
        id: "shop",
        organisations: &[ENFORCED],
        scopes: &["orders:write", "orders:read"],
    },
    Key {
        id: "other",
        organisations: &["TRK002"],
        scopes: &["orders:write", "orders:read"],
    },
];
