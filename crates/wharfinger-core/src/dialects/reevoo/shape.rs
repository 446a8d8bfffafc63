//! The attributes of a customer order, in the order of the vendor's table.

use crate::reading::unknown::Shape;

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
    is_keyed: false,
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

#[cfg(test)]
mod tests {
    use super::SHAPE;
    use crate::dialects::misspellings::Orders;
    use crate::dialects::reevoo::Reevoo;

    #[test]
    fn a_misspelt_attribute_of_any_object_is_told() {
        Orders {
            dialect: &Reevoo,
            operation: "customer_orders",
            shape: SHAPE,
            orders: include_str!("../../../tests/mappings/reevoo.json"),
        }
        .check();
    }
}
