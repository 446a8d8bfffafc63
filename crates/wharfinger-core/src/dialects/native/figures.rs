//! The attributes that are retained when the person of an order is erased.

use crate::reading::erase::Figure::{self, Each, Value};

pub(super) const FIGURES: &[Figure] = &[
    Value("organisation"),
    Value("key"),
    Value("placed_at"),
    Value("fulfilled_at"),
    Each(
        "lines",
        &[
            Value("quantity"),
            Value("sku"),
            Value("ean"),
            Value("product_id"),
            Value("unit_price"),
            Value("currency"),
            Value("weight_kg"),
        ],
    ),
    Value("shipping_price"),
    Value("discount"),
    Value("currency"),
];
