//! Products as decisions find them, kept in mind for as long as nobody loads others.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row};
use wharfinger_core::canonical::Amount;
use wharfinger_core::catalogue::{AdmittedLine, Identifier, Offer, ProductNumber};
use wharfinger_core::ids::OrganisationId;
use wharfinger_core::json::Decimal;

use super::fault::Fault;
use super::stock::catalogue_version;

/// Products that are kept in mind. Of a large catalogue few are sold again and again.
const KNOWN_MAX: usize = 32_768;

/// Products that were looked up.
#[derive(Default)]
pub(super) struct Offers {
    /// The version of the catalogues that they are of.
    version: i64,
    known: HashMap<(OrganisationId, Identifier), Option<Offer>>,
}

impl Offers {
    /// Forgets all of it if products were loaded since, by whomever.
    pub(super) fn catch_up(&mut self, connection: &Connection) -> Result<(), Fault> {
        let version = catalogue_version(connection)?;
        if version != self.version {
            self.version = version;
            self.known.clear();
        }
        Ok(())
    }

    /// A product of an organisation, if there is one; its pieces are yet to be told.
    pub(super) fn find(
        &mut self,
        connection: &Connection,
        organisation: OrganisationId,
        product: &Identifier,
    ) -> Result<Option<Offer>, Fault> {
        let name = (organisation, product.clone());
        if let Some(known) = self.known.get(&name) {
            return Ok(known.clone());
        }
        let found = find(connection, organisation, product)?;
        if self.known.len() == KNOWN_MAX {
            self.known.clear();
        }
        self.known.insert(name, found.clone());
        Ok(found)
    }
}

/// Whether the product of each line is sold at present.
pub(super) fn are_active(
    connection: &Connection,
    lines: &[AdmittedLine],
) -> Result<Vec<bool>, Fault> {
    let mut select = connection.prepare_cached("select active from products where number = ?1")?;
    let mut is_active = |line: &AdmittedLine| match line.product {
        // It is back-ordered already.
        None => Ok(true),
        Some(product) => {
            let found = select.query_row([product.0], |row| row.get(0)).optional()?;
            Ok(found.unwrap_or(false))
        }
    };
    lines.iter().map(&mut is_active).collect()
}

fn find(
    connection: &Connection,
    organisation: OrganisationId,
    product: &Identifier,
) -> Result<Option<Offer>, Fault> {
    const BY_ID: &str = "select number, active, warehouse, price, markets, pricelists from products \
                         where organisation = ?1 and id = ?2";
    const BY_EAN: &str = "select number, active, warehouse, price, markets, pricelists from products \
                          where organisation = ?1 and ean = ?2";
    const BY_SKU: &str = "select number, active, warehouse, price, markets, pricelists from products \
                          where organisation = ?1 and sku = ?2";
    let organisation = organisation.0;
    let found = match product {
        Identifier::Id(id) => connection
            .prepare_cached(BY_ID)?
            .query_row((organisation, id.cast_signed()), read),
        Identifier::Ean(ean) => connection
            .prepare_cached(BY_EAN)?
            .query_row((organisation, ean), read),
        Identifier::Sku(sku) => connection
            .prepare_cached(BY_SKU)?
            .query_row((organisation, sku), read),
    };
    let Some((offer, price, [markets, pricelists])) = found.optional()? else {
        return Ok(None);
    };
    Ok(Some(Offer {
        price: price.as_deref().map(amount).transpose()?,
        markets: list(markets)?,
        pricelists: list(pricelists)?,
        ..offer
    }))
}

/// A product's columns, of which some are yet to be read.
type Columns = (Offer, Option<String>, [Option<String>; 2]);

fn read(row: &Row<'_>) -> rusqlite::Result<Columns> {
    let offer = Offer {
        product: ProductNumber(row.get(0)?),
        active: row.get(1)?,
        warehouse: row.get(2)?,
        price: None,
        markets: Vec::new(),
        pricelists: Vec::new(),
        pieces: 0,
    };
    Ok((offer, row.get(3)?, [row.get(4)?, row.get(5)?]))
}

/// An amount as it is stored.
pub(super) fn amount(text: &str) -> Result<Amount, Fault> {
    let unreadable = || Fault::Damaged(format!("{text} is stored as an amount"));
    let number = Decimal::parse(text.into()).ok_or_else(unreadable)?;
    Ok(Amount::of(&number))
}

fn list(json: Option<String>) -> Result<Vec<String>, Fault> {
    let unreadable = |_| Fault::Damaged("a product's list of markets cannot be read".into());
    match json {
        None => Ok(Vec::new()),
        Some(json) => serde_json::from_str(&json).map_err(unreadable),
    }
}
