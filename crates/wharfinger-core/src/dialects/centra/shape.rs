//! The attributes of a new order, in the order of the vendor's table. A completion has some of them.

use crate::reading::unknown::Shape;

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
    is_keyed: false,
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
    parts: &[
        (
            "itemText",
            &Shape::flat(&["sku", "brand", "product", "variant", "size"]),
        ),
        (
            "localizedProdSize",
            &Shape::flat(&["localizationDefinitionName", "localizedSize"]),
        ),
    ],
    is_keyed: true,
};

const PAYMENT: &Shape = &Shape {
    names: &["id", "auth", "capture"],
    parts: &[("auth", TRANSACTION), ("capture", TRANSACTION)],
    is_keyed: false,
};

const TRANSACTION: &Shape = &Shape::flat(&[
    "status",
    "amount",
    "response",
    "transaction",
    "method",
    "external_url",
]);

#[cfg(test)]
mod tests {
    use super::{SHAPE, UPDATE_SHAPE};
    use crate::dialects::centra::Centra;
    use crate::dialects::misspellings::Orders;

    fn orders(operation: &'static str, orders: &'static str) -> Orders {
        Orders {
            dialect: &Centra,
            operation,
            shape: SHAPE,
            orders,
        }
    }

    #[test]
    fn a_misspelt_attribute_of_any_object_is_told() {
        let every = include_str!("../../../tests/mappings/centra.json");
        orders("create", every).check();
        orders("complete", every).check();
    }

    #[test]
    fn a_misspelt_attribute_of_a_keyed_array_is_told() {
        let keyed = r#"[{
            "accountId": 1, "invoiceAddress": {"country": "SE"}, "deliveryAddress": {"country": "SE"}, "address": {"country": "SE"},
            "products": {
                "0": {"qty": 1, "sku": "A", "itemText": {"size": "M"}},
                "2": {"qty": 2, "ean": "B", "localizedProdSize": {"localizationDefinitionName": "EU", "localizedSize": "38"}},
                "qt": {"qty": 3, "id": 4}
            },
            "createdFromOrigin": {"type": "order", "id": 5},
            "payment": {"id": 6, "auth": {"status": 1, "amount": 2}, "capture": {"status": 0, "amount": 2, "method": "cc"}}
        }]"#;
        orders("create", keyed).check();
    }

    #[test]
    fn a_misspelt_attribute_of_an_update_is_told() {
        let update = r#"[{"order": 7, "internalComment": "a", "replaceInternalComment": true, "comment": "b",
            "replaceComment": false, "extraAttributes": {"coment": "c"}}]"#;
        let updates = Orders {
            shape: UPDATE_SHAPE,
            ..orders(super::super::UPDATE, update)
        };
        updates.check();
    }
}
