//! The attributes of a submitted canonical order.

use crate::canonical::attributes::{ADDRESS, CUSTOMER, LINE, ORDER, REFERENCES};
use crate::unknown::Shape;

pub(super) const SHAPE: &Shape = &Shape {
    names: &ORDER,
    parts: &[
        ("customer", &Shape::flat(&CUSTOMER)),
        ("billing_address", &Shape::flat(&ADDRESS)),
        ("shipping_address", &Shape::flat(&ADDRESS)),
        ("lines", &Shape::flat(&LINE)),
        ("references", &Shape::flat(&REFERENCES)),
    ],
};
