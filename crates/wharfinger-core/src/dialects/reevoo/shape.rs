//! The attributes of a customer order, in the order of the vendor's table.

use crate::unknown::Shape;

pub(super) const SHAPE: &Shape = &Shape {
    names: &[
        "trkref",
        "order_ref",
        "order_date",
        "fulfilment_date",
        "language",
        "locale",
        "customer",
        "order_items",
    ],
    parts: &[("customer", CUSTOMER), ("order_items", ITEM)],
};

const CUSTOMER: &Shape = &Shape::flat(&[
    "email",
    "customer_ref",
    // Vendor quirk: the published examples have this misspelling.
    "cutomer_ref",
    "title",
    "first_name",
    "surname",
    "postcode",
    "country",
]);

const ITEM: &Shape = &Shape::flat(&["sku", "price", "currency", "metadata"]);
