//! The attributes of a submitted canonical order.

use crate::canonical::attributes::{ADDRESS, CUSTOMER, LINE, ORDER, REFERENCES};
use crate::reading::unknown::Shape;

pub(super) const SHAPE: &Shape = &Shape {
    names: &ORDER,
    parts: &[
        ("customer", &Shape::flat(&CUSTOMER)),
        ("billing_address", &Shape::flat(&ADDRESS)),
        ("shipping_address", &Shape::flat(&ADDRESS)),
        ("lines", &Shape::flat(&LINE)),
        ("references", &Shape::flat(&REFERENCES)),
    ],
    is_keyed: false,
};

#[cfg(test)]
mod tests {
    use super::SHAPE;
    use crate::dialects::misspellings::Orders;
    use crate::dialects::native::Native;

    #[test]
    fn a_misspelt_attribute_of_any_object_is_told() {
        Orders {
            dialect: &Native,
            operation: "submit",
            shape: SHAPE,
            orders: include_str!("../../../tests/mappings/native.json"),
        }
        .check();
    }
}
