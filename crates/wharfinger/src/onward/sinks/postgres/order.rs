//! An order as the API shows it, read back from its JSON.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// Text that is borrowed from the JSON unless it has escapes.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'j>(#[serde(borrow)] pub(super) Cow<'j, str>);

/// Optional text.
pub(super) type Maybe<'j> = Option<Text<'j>>;

/// An order.
#[derive(Debug, Deserialize)]
pub(super) struct Order<'j> {
    #[serde(borrow)]
    pub(super) id: Text<'j>,
    #[serde(borrow)]
    pub(super) organisation: Text<'j>,
    #[serde(borrow)]
    pub(super) dialect: Text<'j>,
    #[serde(borrow)]
    pub(super) key: Text<'j>,
    pub(super) number: Option<u64>,
    #[serde(borrow)]
    pub(super) state: Text<'j>,
    pub(super) revision: u32,
    #[serde(borrow)]
    pub(super) batch_id: Text<'j>,
    #[serde(borrow)]
    pub(super) created_at: Text<'j>,
    #[serde(borrow)]
    pub(super) updated_at: Text<'j>,
    #[serde(borrow)]
    pub(super) placed_at: Maybe<'j>,
    #[serde(borrow)]
    pub(super) fulfilled_at: Maybe<'j>,
    #[serde(borrow)]
    pub(super) language: Maybe<'j>,
    #[serde(borrow)]
    pub(super) locale: Maybe<'j>,
    #[serde(borrow)]
    pub(super) currency: Maybe<'j>,
    #[serde(borrow)]
    pub(super) shipping_price: Maybe<'j>,
    #[serde(borrow)]
    pub(super) discount: Maybe<'j>,
    #[serde(borrow, default)]
    pub(super) customer: Customer<'j>,
    #[serde(borrow, default)]
    pub(super) billing_address: Address<'j>,
    #[serde(borrow, default)]
    pub(super) shipping_address: Address<'j>,
    #[serde(borrow, default)]
    pub(super) lines: Vec<Line<'j>>,
    #[serde(borrow, default)]
    pub(super) references: References<'j>,
    #[serde(borrow)]
    pub(super) instructions: Maybe<'j>,
    #[serde(borrow)]
    pub(super) metadata: Option<&'j RawValue>,
    #[serde(borrow)]
    pub(super) admission: Option<Admission<'j>>,
    /// The fulfilment report, as it is.
    #[serde(borrow)]
    pub(super) fulfilment: Option<&'j RawValue>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Customer<'j> {
    #[serde(borrow, rename = "ref")]
    pub(super) reference: Maybe<'j>,
    #[serde(borrow)]
    pub(super) email: Maybe<'j>,
    #[serde(borrow)]
    pub(super) title: Maybe<'j>,
    #[serde(borrow)]
    pub(super) first_name: Maybe<'j>,
    #[serde(borrow)]
    pub(super) last_name: Maybe<'j>,
    #[serde(borrow)]
    pub(super) phone: Maybe<'j>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Address<'j> {
    #[serde(borrow)]
    pub(super) name: Maybe<'j>,
    #[serde(borrow)]
    pub(super) company: Maybe<'j>,
    #[serde(borrow, default)]
    pub(super) lines: Vec<Text<'j>>,
    #[serde(borrow)]
    pub(super) suburb: Maybe<'j>,
    #[serde(borrow)]
    pub(super) city: Maybe<'j>,
    #[serde(borrow)]
    pub(super) state: Maybe<'j>,
    #[serde(borrow)]
    pub(super) postcode: Maybe<'j>,
    #[serde(borrow)]
    pub(super) country: Maybe<'j>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Line<'j> {
    /// A number, as it is spelled.
    #[serde(borrow)]
    pub(super) quantity: Option<&'j RawValue>,
    #[serde(borrow)]
    pub(super) sku: Maybe<'j>,
    #[serde(borrow)]
    pub(super) ean: Maybe<'j>,
    #[serde(borrow)]
    pub(super) product_id: Maybe<'j>,
    #[serde(borrow)]
    pub(super) description: Maybe<'j>,
    #[serde(borrow)]
    pub(super) unit_price: Maybe<'j>,
    #[serde(borrow)]
    pub(super) currency: Maybe<'j>,
    /// A number, as it is spelled.
    #[serde(borrow)]
    pub(super) weight_kg: Option<&'j RawValue>,
    #[serde(borrow)]
    pub(super) metadata: Option<&'j RawValue>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct References<'j> {
    #[serde(borrow)]
    pub(super) delivery_reference: Maybe<'j>,
    #[serde(borrow)]
    pub(super) purchase_order: Maybe<'j>,
}

/// The catalogue's decision.
#[derive(Debug, Deserialize)]
pub(super) struct Admission<'j> {
    pub(super) customer_id: Option<u64>,
    #[serde(borrow)]
    pub(super) origin: Maybe<'j>,
    #[serde(borrow, default)]
    pub(super) lines: Vec<AdmittedLine<'j>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct AdmittedLine<'j> {
    pub(super) line: u32,
    #[serde(borrow)]
    pub(super) warehouse: Maybe<'j>,
    #[serde(borrow)]
    pub(super) unit_price: Maybe<'j>,
    #[serde(default)]
    pub(super) back_ordered: bool,
}

/// What the tables show of a fulfilment report.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Fulfilment<'j> {
    #[serde(borrow)]
    pub(super) status: Maybe<'j>,
    #[serde(borrow)]
    pub(super) tracking_url: Maybe<'j>,
    #[serde(borrow, default)]
    pub(super) lines: Vec<FulfilledLine<'j>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FulfilledLine<'j> {
    #[serde(borrow)]
    pub(super) fulfilled_quantity: Maybe<'j>,
}
