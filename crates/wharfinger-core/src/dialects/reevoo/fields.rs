//! The attributes of a customer order, in the order of the vendor's table.
//!
//! The retained ones are validated and name nobody.

use crate::reading::fields::{Field, each, field, object, retained};

pub(super) const FIELDS: &[Field] = &[
    retained("trkref"),
    retained("order_ref"),
    retained("order_date"),
    retained("fulfilment_date"),
    field("language"),
    field("locale"),
    object("customer", CUSTOMER),
    each("order_items", ITEM),
];

const CUSTOMER: &[Field] = &[
    field("email"),
    field("customer_ref"),
    // Vendor quirk: the published examples have this misspelling.
    field("cutomer_ref"),
    field("title"),
    field("first_name"),
    field("surname"),
    field("postcode"),
    field("country"),
];

const ITEM: &[Field] = &[
    retained("sku"),
    retained("price"),
    retained("currency"),
    field("metadata"),
];

#[cfg(test)]
mod tests {
    use super::FIELDS;
    use crate::dialects::misspellings::Orders;
    use crate::dialects::reevoo::Reevoo;

    #[test]
    fn a_misspelt_attribute_of_any_object_is_told() {
        Orders {
            dialect: &Reevoo,
            operation: "customer_orders",
            fields: FIELDS,
            orders: include_str!("../../../tests/mappings/reevoo.json"),
        }
        .check();
    }
}
