//! The attributes of a new order, in the order of the vendor's table. A completion has some of them.
//!
//! The retained ones are validated and name nobody.

use crate::reading::fields::{Field, field, items, object, retained};

pub(super) const FIELDS: &[Field] = &[
    object("invoiceAddress", ADDRESS),
    object("deliveryAddress", ADDRESS),
    object("address", ADDRESS),
    items("products", PRODUCT),
    retained("orderNumber"),
    retained("createOnly"),
    field("customerRegister"),
    field("customerId"),
    field("customerSetNewPassword"),
    retained("adjustStock"),
    retained("forceCreate"),
    field("accountId"),
    field("buyerId"),
    field("buyerName"),
    field("poNumber"),
    field("deliveryWindow"),
    retained("pricelistId"),
    retained("marketId"),
    field("pricelist"),
    field("market"),
    field("shippingList"),
    retained("shippingValue"),
    retained("voucherValue"),
    field("voucherCodes"),
    field("applyVouchers"),
    retained("orderDate"),
    retained("deliveryDate"),
    retained("cancelDate"),
    field("comment"),
    field("internalComment"),
    field("warehouseGroup"),
    field("sendEmail"),
    field("internalOrder"),
    field("extraAttributes"),
    object("createdFromOrigin", &[field("type"), field("id")]),
    object("payment", PAYMENT),
];

/// The attributes of an update.
pub(super) const UPDATE_FIELDS: &[Field] = &[
    field("order"),
    field("internalComment"),
    field("replaceInternalComment"),
    field("comment"),
    field("replaceComment"),
    field("extraAttributes"),
];

/// `country` is retained, because the vendor requires it.
const ADDRESS: &[Field] = &[
    field("email"),
    field("firstName"),
    field("lastName"),
    field("tele"),
    field("cell"),
    field("attn"),
    field("address"),
    field("coaddress"),
    field("city"),
    field("zipcode"),
    field("state"),
    retained("country"),
];

const PRODUCT: &[Field] = &[
    retained("qty"),
    retained("id"),
    retained("ean"),
    retained("sku"),
    retained("unitPrice"),
    retained("originalPrice"),
    field("comment"),
    object("itemText", ITEM_TEXT),
    object("localizedProdSize", LOCALIZED_SIZE),
];

/// Its `sku` replaces the product's own one if that is absent.
const ITEM_TEXT: &[Field] = &[
    retained("sku"),
    field("brand"),
    field("product"),
    field("variant"),
    field("size"),
];

const LOCALIZED_SIZE: &[Field] = &[field("localizationDefinitionName"), field("localizedSize")];

const PAYMENT: &[Field] = &[
    retained("id"),
    object("auth", TRANSACTION),
    object("capture", TRANSACTION),
];

const TRANSACTION: &[Field] = &[
    retained("status"),
    retained("amount"),
    field("response"),
    field("transaction"),
    field("method"),
    field("external_url"),
];

#[cfg(test)]
mod tests {
    use super::{FIELDS, UPDATE_FIELDS};
    use crate::dialects::centra::Centra;
    use crate::dialects::misspellings::Orders;

    fn orders(operation: &'static str, orders: &'static str) -> Orders {
        Orders {
            dialect: &Centra,
            operation,
            fields: FIELDS,
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
            fields: UPDATE_FIELDS,
            ..orders(super::super::UPDATE, update)
        };
        updates.check();
    }
}
