//! The attributes that are retained when the person of an order is erased.

use crate::reading::erase::Figure::{self, Each, Value};

pub(super) const FIGURES: &[Figure] = &[
    Value("packingslipno"),
    Each(
        "products",
        &[
            Value("productcode"),
            Value("units"),
            Value("unitvalue"),
            Value("countryofmanufacture"),
            Value("unitkg"),
            Value("currency"),
            Value("alreadySent"),
        ],
    ),
    Each(
        "packages",
        &[
            Value("Quantity"),
            Value("WeightKg"),
            Value("LengthCm"),
            Value("WidthCm"),
            Value("HeightCm"),
        ],
    ),
];
