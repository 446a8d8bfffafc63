//! The product cache. It is valid until the stored catalogue version changes.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;

use siphasher::sip128::{Hasher128, SipHasher13};
use wharfinger_core::decide::catalogue::{AdmittedLine, Identifier, Offer, ProductNumber};
use wharfinger_core::order::amount::Amount;
use wharfinger_core::order::ids::OrganisationId;

use super::ledger::catalogue_version;
use crate::store::engine::columns::{amount, texts};
use crate::store::engine::driver::{Connection, OptionalExtension, Row};
use crate::store::engine::fault::Fault;

/// The most products in the cache. With the overhead of the map, they take about 80 MiB.
const KNOWN_MAX: usize = 1 << 20;

/// The most kinds in the cache. Products with more than `KIND_NAMES_MAX` names of markets and price lists are not cached.
const KINDS_MAX: usize = 4_096;
const KIND_NAMES_MAX: usize = 32;

/// A cache of products by identifier.
#[derive(Default)]
pub(crate) struct ProductCache {
    /// The catalogue version of the cached products.
    version: i64,
    names: Names,
    known: HashMap<u128, Known>,
    /// The kinds of the cached products, each once.
    kinds: Vec<Kind>,
    kind_numbers: HashMap<Kind, u32>,
}

/// The attributes that a product shares with many others.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Kind {
    active: bool,
    warehouse: Option<String>,
    markets: Arc<[String]>,
    pricelists: Arc<[String]>,
}

/// A cached lookup, in few bytes.
#[derive(Clone, Copy)]
enum Known {
    /// The catalogue has no product with this identifier.
    Nothing,
    Product {
        number: ProductNumber,
        price: Option<Price>,
        kind: u32,
    },
}

/// A price: its digits, and how many of them are decimals. Trailing zeros are preserved.
#[derive(Clone, Copy)]
struct Price {
    digits: u64,
    decimals: u8,
}

/// Hashes product identifiers, with random keys so that nobody can construct collisions.
struct Names(SipHasher13);

impl Default for Names {
    fn default() -> Self {
        let random = || RandomState::new().hash_one(0);
        Self(SipHasher13::new_with_keys(random(), random()))
    }
}

impl Names {
    fn of(&self, organisation: OrganisationId, product: &Identifier) -> u128 {
        let mut hasher = self.0;
        (organisation, product).hash(&mut hasher);
        hasher.finish128().as_u128()
    }
}

impl Price {
    /// `None` if the price has too many digits.
    fn of(amount: &Amount) -> Option<Self> {
        let text = amount.as_str();
        let decimals = text
            .split_once('.')
            .map_or(0, |(_, decimals)| decimals.len());
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let price = Self {
            digits: digits.parse().ok()?,
            decimals: u8::try_from(decimals).ok()?,
        };
        (price.to_text() == text).then_some(price)
    }

    fn to_text(self) -> String {
        let width = usize::from(self.decimals) + 1;
        let digits = format!("{:0width$}", self.digits);
        let (whole, decimals) = digits.split_at(digits.len() - usize::from(self.decimals));
        if decimals.is_empty() {
            whole.to_owned()
        } else {
            format!("{whole}.{decimals}")
        }
    }
}

impl ProductCache {
    /// Clears the cache if products were loaded since, by any process.
    pub(crate) fn catch_up(&mut self, connection: &Connection) -> Result<(), Fault> {
        let version = catalogue_version(connection)?;
        if version != self.version {
            self.forget();
            self.version = version;
        }
        Ok(())
    }

    fn forget(&mut self) {
        self.known.clear();
        self.kinds.clear();
        self.kind_numbers.clear();
    }

    /// Looks up a product of an organisation. The quantity on hand is not filled in.
    pub(crate) fn find(
        &mut self,
        connection: &Connection,
        organisation: OrganisationId,
        product: &Identifier,
    ) -> Result<Option<Offer>, Fault> {
        let name = self.names.of(organisation, product);
        if let Some(known) = self.known.get(&name) {
            return self.told(*known);
        }
        let found = find(connection, organisation, product)?;
        if self.known.len() == KNOWN_MAX {
            self.forget();
        }
        if let Some(known) = self.noted(found.as_ref()) {
            self.known.insert(name, known);
        }
        Ok(found)
    }

    fn told(&self, known: Known) -> Result<Option<Offer>, Fault> {
        let Known::Product {
            number,
            price,
            kind,
        } = known
        else {
            return Ok(None);
        };
        let kind = self.kinds[kind as usize].clone();
        Ok(Some(Offer {
            product: number,
            active: kind.active,
            warehouse: kind.warehouse,
            price: price.map(|price| amount(&price.to_text())).transpose()?,
            markets: kind.markets,
            pricelists: kind.pricelists,
            pieces: 0,
        }))
    }

    /// The cache entry of a product. `None` if it does not fit; such products are looked up each time.
    fn noted(&mut self, found: Option<&Offer>) -> Option<Known> {
        let Some(offer) = found else {
            return Some(Known::Nothing);
        };
        let price = match &offer.price {
            Some(price) => Some(Price::of(price)?),
            None => None,
        };
        let kind = Kind {
            active: offer.active,
            warehouse: offer.warehouse.clone(),
            markets: offer.markets.clone(),
            pricelists: offer.pricelists.clone(),
        };
        let kind = match self.kind_numbers.get(&kind) {
            Some(&number) => number,
            None => {
                let names = kind.markets.len() + kind.pricelists.len();
                if self.kinds.len() == KINDS_MAX || names > KIND_NAMES_MAX {
                    return None;
                }
                let number = u32::try_from(self.kinds.len()).ok()?;
                self.kinds.push(kind.clone());
                self.kind_numbers.insert(kind, number);
                number
            }
        };
        Some(Known::Product {
            number: offer.product,
            price,
            kind,
        })
    }
}

/// Whether the product of each line is active.
pub(crate) fn are_active(
    connection: &Connection,
    lines: &[AdmittedLine],
) -> Result<Vec<bool>, Fault> {
    let select = "select active from products where number = ?1 and sound(products.intact)";
    let mut select = connection.prepare_cached(select)?;
    let mut is_active = |line: &AdmittedLine| match line.product {
        // A line without a product is back-ordered already.
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
                         where organisation = ?1 and id = ?2 and sound(products.intact)";
    const BY_EAN: &str = "select number, active, warehouse, price, markets, pricelists from products \
                          where organisation = ?1 and ean = ?2 and sound(products.intact)";
    const BY_SKU: &str = "select number, active, warehouse, price, markets, pricelists from products \
                          where organisation = ?1 and sku = ?2 and sound(products.intact)";
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
        markets: texts(markets)?.into(),
        pricelists: texts(pricelists)?.into(),
        ..offer
    }))
}

/// The columns of a product. Some of them are not decoded yet.
type Columns = (Offer, Option<String>, [Option<String>; 2]);

fn read(row: &Row<'_>) -> crate::store::engine::driver::Result<Columns> {
    let offer = Offer {
        product: ProductNumber(row.get(0)?),
        active: row.get(1)?,
        warehouse: row.get(2)?,
        price: None,
        markets: Arc::default(),
        pricelists: Arc::default(),
        pieces: 0,
    };
    Ok((offer, row.get(3)?, [row.get(4)?, row.get(5)?]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_come_back_digit_by_digit() {
        for text in ["0", "0.00", "0.05", "19.90", "7", "12345678901234567.89"] {
            let price = Price::of(&amount(text).expect("a number"));
            assert_eq!(price.map(Price::to_text).as_deref(), Some(text));
        }
        let long = amount("123456789012345678901234.50").expect("a number");
        assert!(Price::of(&long).is_none(), "it is looked up each time");
    }
}
