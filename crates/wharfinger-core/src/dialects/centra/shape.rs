//! The attributes of a new order, in the order of the vendor's table. A completion has some of them.

use crate::unknown::Shape;

pub(super) const SHAPE: &Shape = &Shape {
    names: &[
        "invoiceAddress",
        "deliveryAddress",
        "address",
        "products",
        "orderNumber",
        "createOnly",
        "customerRegister",
        "customerId",
        "customerSetNewPassword",
        "adjustStock",
        "forceCreate",
        "accountId",
        "buyerId",
        "buyerName",
        "poNumber",
        "deliveryWindow",
        "pricelistId",
        "marketId",
        "pricelist",
        "market",
        "shippingList",
        "shippingValue",
        "voucherValue",
        "voucherCodes",
        "applyVouchers",
        "orderDate",
        "deliveryDate",
        "cancelDate",
        "comment",
        "internalComment",
        "warehouseGroup",
        "sendEmail",
        "internalOrder",
        "extraAttributes",
        "createdFromOrigin",
        "payment",
    ],
    parts: &[
        ("invoiceAddress", ADDRESS),
        ("deliveryAddress", ADDRESS),
        ("address", ADDRESS),
        ("products", PRODUCT),
        ("createdFromOrigin", &Shape::flat(&["type", "id"])),
        ("payment", PAYMENT),
    ],
};

/// The attributes of an update.
pub(super) const UPDATE_SHAPE: &Shape = &Shape::flat(&[
    "order",
    "internalComment",
    "replaceInternalComment",
    "comment",
    "replaceComment",
    "extraAttributes",
]);

const ADDRESS: &Shape = &Shape::flat(&[
    "email",
    "firstName",
    "lastName",
    "tele",
    "cell",
    "attn",
    "address",
    "coaddress",
    "city",
    "zipcode",
    "state",
    "country",
]);

const PRODUCT: &Shape = &Shape {
    names: &[
        "qty",
        "id",
        "ean",
        "sku",
        "unitPrice",
        "originalPrice",
        "comment",
        "itemText",
        "localizedProdSize",
    ],
    parts: &[(
        "itemText",
        &Shape::flat(&["sku", "brand", "product", "variant", "size"]),
    )],
};

const PAYMENT: &Shape = &Shape {
    names: &["id", "auth", "capture"],
    parts: &[("auth", TRANSACTION), ("capture", TRANSACTION)],
};

const TRANSACTION: &Shape = &Shape::flat(&[
    "status",
    "amount",
    "response",
    "transaction",
    "method",
    "external_url",
]);
