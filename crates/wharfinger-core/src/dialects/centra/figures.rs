//! What stays of an order whose person is erased. The country does, which the vendor demands of every address.

use crate::erase::Figure::{self, Items, Object, Value};

const ADDRESS: &[Figure] = &[Value("country")];
const TRANSACTION: &[Figure] = &[Value("status"), Value("amount")];

/// Those of an order, and of what completes it.
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
            // It stands for the product's own where that is absent.
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
