//! The attributes that are retained when the person of an order is erased. `country` stays, because the vendor requires
//! it.

use crate::reading::erase::Figure::{self, Items, Object, Value};

const ADDRESS: &[Figure] = &[Value("country")];
const TRANSACTION: &[Figure] = &[Value("status"), Value("amount")];

/// For an order, and for its completions.
pub(super) const FIGURES: &[Figure] = &[
    Value("orderNumber"),
    Value("createOnly"),
    Object("invoiceAddress", ADDRESS),
    Object("deliveryAddress", ADDRESS),
    Object("address", ADDRESS),
    Items(
        "products",
        &[
            Value("id"),
            Value("ean"),
            Value("sku"),
            Value("qty"),
            Value("unitPrice"),
            Value("originalPrice"),
            // It replaces the product's own `sku` if that is absent.
            Object("itemText", &[Value("sku")]),
        ],
    ),
    Value("adjustStock"),
    Value("forceCreate"),
    Value("pricelistId"),
    Value("marketId"),
    Value("shippingValue"),
    Value("voucherValue"),
    Value("orderDate"),
    Value("deliveryDate"),
    Value("cancelDate"),
    Object(
        "payment",
        &[
            Value("id"),
            Object("auth", TRANSACTION),
            Object("capture", TRANSACTION),
        ],
    ),
];
