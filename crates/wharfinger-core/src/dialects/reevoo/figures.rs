//! The attributes that are retained when the person of an order is erased.

use crate::reading::erase::Figure::{self, Each, Value};

pub(super) const FIGURES: &[Figure] = &[
    Value("trkref"),
    Value("order_ref"),
    Value("order_date"),
    Value("fulfilment_date"),
    Each(
        "order_items",
        &[Value("sku"), Value("price"), Value("currency")],
    ),
];
