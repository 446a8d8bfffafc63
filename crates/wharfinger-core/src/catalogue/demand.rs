//! What an order asks of a catalogue, and what is decided on it: pure, made inside the store's transaction.

use std::collections::HashMap;
use std::sync::Arc;

use super::attach::{Attach, Attached, KnownCustomers, attach};
use super::{AdmittedLine, ProductNumber};
use crate::canonical::Amount;
use crate::problem::{Code, Path, Problem, Step};

/// The most warehouses that one order is split by: each part keeps what was submitted.
pub const PARTS_MAX: usize = 32;

/// What an order asks of an enforced catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// What problems are told about.
    pub names: Names,
    /// Its lines, in order.
    pub lines: Vec<Wanted>,
    /// The market that it is for, by name or number or both; any where there is none.
    pub markets: Vec<String>,
    /// The price list that it is by, likewise.
    pub pricelists: Vec<String>,
    /// Whether its pieces are to be there, and are taken from stock.
    pub takes_stock: bool,
    /// Whether it is taken whatever is wrong with its products: such lines are back-ordered.
    pub is_forced: bool,
    /// How it attaches to a customer.
    pub customer: Attach,
}

/// The names of attributes, as the order's dialect has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names {
    /// The list of lines.
    pub lines: &'static str,
    /// The customer's number.
    pub customer: &'static str,
    /// Whether the customer is to be registered.
    pub register: &'static str,
}

/// A line that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What names the product.
    pub product: Identifier,
    /// How many pieces.
    pub quantity: u64,
    /// Whether the catalogue's price is to be used, since the order gives none.
    pub needs_price: bool,
}

/// What names a product.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identifier {
    /// The catalogue's number of it.
    Id(u64),
    /// The number on its bar code.
    Ean(String),
    /// The seller's code for it.
    Sku(String),
}

/// A product as a decision finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The store's number of it.
    pub product: ProductNumber,
    /// Whether it is sold at present.
    pub active: bool,
    /// Where it lies.
    pub warehouse: Option<String>,
    /// What one costs.
    pub price: Option<Amount>,
    /// The markets that it is sold in; all where there are none.
    pub markets: Arc<[String]>,
    /// The price lists that it is sold by; all where there are none.
    pub pricelists: Arc<[String]>,
    /// Pieces on hand.
    pub pieces: u64,
}

/// Decides on an order: what it takes, line by line. `offers` are the products of its lines, in order; none where the catalogue
/// has no such product.
///
/// # Errors
/// All that is wrong: products that cannot be sold, pieces that are missing, a customer that is not known.
pub fn decide(
    demand: &Demand,
    offers: &[Option<Offer>],
    known: KnownCustomers,
) -> Result<(Vec<AdmittedLine>, Attached), Vec<Problem>> {
    let mut problems = Vec::new();
    let lines = lines(demand, offers, &mut problems);
    let attached =
        attach(&demand.customer, &demand.names, known).map_err(|problem| problems.push(problem));
    match attached {
        Ok(attached) if problems.is_empty() => Ok((lines, attached)),
        Ok(_) | Err(()) => Err(problems),
    }
}

fn lines(
    demand: &Demand,
    offers: &[Option<Offer>],
    problems: &mut Vec<Problem>,
) -> Vec<AdmittedLine> {
    let mut taken = HashMap::<ProductNumber, u64>::new();
    let mut lines = Vec::with_capacity(demand.lines.len());
    for ((at, wanted), offer) in demand.lines.iter().enumerate().zip(offers) {
        let mut line = AdmittedLine {
            at: u32::try_from(at).unwrap_or(u32::MAX),
            product: offer.as_ref().map(|offer| offer.product),
            warehouse: offer.as_ref().and_then(|offer| offer.warehouse.clone()),
            price: offer
                .as_ref()
                .and_then(|offer| offer.price.clone())
                .filter(|_| wanted.needs_price),
            taken: 0,
            is_back_ordered: false,
        };
        let mut wrong = unsold(demand, offer.as_ref());
        if let (None, true, Some(offer)) = (wrong, demand.takes_stock, offer) {
            let taken = taken.entry(offer.product).or_default();
            let left = offer.pieces.saturating_sub(*taken);
            if wanted.quantity <= left {
                *taken += wanted.quantity;
                line.taken = wanted.quantity;
            } else {
                wrong = Some(Code::StockMissing { left });
            }
        }
        if let Some(code) = wrong {
            line.is_back_ordered = true;
            if !demand.is_forced {
                let path = Path(vec![
                    Step::Name(demand.names.lines.to_owned()),
                    Step::Index(at),
                ]);
                problems.push(Problem { path, code });
            }
        }
        lines.push(line);
    }
    if warehouses(&lines) > PARTS_MAX {
        problems.push(Problem {
            path: Path::of(demand.names.lines),
            code: Code::TooManyWarehouses {
                warehouses_max: PARTS_MAX,
            },
        });
    }
    lines
}

/// Why a product is not sold to an order, whatever its stock.
fn unsold(demand: &Demand, offer: Option<&Offer>) -> Option<Code> {
    let Some(offer) = offer else {
        return Some(Code::UnknownProduct);
    };
    if !offer.active {
        return Some(Code::InactiveProduct);
    }
    let is_sold_in = |lists: &[String], named: &[String]| {
        lists.is_empty() || named.is_empty() || named.iter().any(|name| lists.contains(name))
    };
    if !is_sold_in(&offer.markets, &demand.markets) {
        return Some(Code::NotSoldThere { what: "market" });
    }
    if !is_sold_in(&offer.pricelists, &demand.pricelists) {
        return Some(Code::NotSoldThere { what: "price list" });
    }
    None
}

/// What is decided anew when a draft is placed: a product that is not sold any more is back-ordered, and what was taken of it
/// goes back. `is_active` tells for each line whether its product is.
#[must_use]
pub fn place(lines: &[AdmittedLine], is_active: &[bool]) -> Vec<AdmittedLine> {
    let mut placed = lines.to_vec();
    for (line, is_active) in placed.iter_mut().zip(is_active) {
        if !is_active {
            line.is_back_ordered = true;
            line.taken = 0;
        }
    }
    placed
}

/// The lines of an order, by the warehouses that they are sent from, in the order of the lines. What lies nowhere in particular
/// goes with the first of them.
#[must_use]
pub fn parts(lines: Vec<AdmittedLine>) -> Vec<Vec<AdmittedLine>> {
    let first = lines.iter().find_map(|line| line.warehouse.clone());
    let mut places = HashMap::<Option<String>, usize>::new();
    let mut parts: Vec<Vec<AdmittedLine>> = Vec::new();
    for line in lines {
        let warehouse = line.warehouse.clone().or_else(|| first.clone());
        let at = *places.entry(warehouse).or_insert(parts.len());
        if at == parts.len() {
            parts.push(Vec::new());
        }
        parts[at].push(line);
    }
    parts
}

fn warehouses(lines: &[AdmittedLine]) -> usize {
    let mut warehouses: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.warehouse.as_deref())
        .collect();
    warehouses.sort_unstable();
    warehouses.dedup();
    warehouses.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names = Names {
        lines: "lines",
        customer: "customer",
        register: "register",
    };

    fn offer(product: i64, pieces: u64) -> Offer {
        Offer {
            product: ProductNumber(product),
            active: true,
            warehouse: None,
            price: Some(Amount::from(5)),
            markets: Arc::default(),
            pricelists: Arc::default(),
            pieces,
        }
    }

    fn demand(quantities: &[u64]) -> Demand {
        let wanted = |&quantity: &u64| Wanted {
            product: Identifier::Id(quantity),
            quantity,
            needs_price: true,
        };
        Demand {
            names: NAMES,
            lines: quantities.iter().map(wanted).collect(),
            markets: Vec::new(),
            pricelists: Vec::new(),
            takes_stock: true,
            is_forced: false,
            customer: Attach::default(),
        }
    }

    /// What is wrong, and where, as text.
    fn refused(demand: &Demand, offers: &[Option<Offer>]) -> Vec<String> {
        let decided = decide(demand, offers, KnownCustomers::default());
        let problems = decided.expect_err("it is refused");
        problems.iter().map(ToString::to_string).collect()
    }

    fn admitted(demand: &Demand, offers: &[Option<Offer>]) -> Vec<AdmittedLine> {
        let decided = decide(demand, offers, KnownCustomers::default());
        decided.expect("it is admitted").0
    }

    #[test]
    fn lines_of_one_product_share_its_pieces() {
        let offers = [Some(offer(1, 5)), Some(offer(1, 5))];
        assert_eq!(admitted(&demand(&[2, 3]), &offers)[1].taken, 3);
        assert_eq!(
            refused(&demand(&[3, 3]), &offers),
            ["lines[1] is short of stock: 2 on hand"]
        );
    }

    #[test]
    fn what_is_not_sold_is_refused_or_back_ordered() {
        let inactive = Offer {
            active: false,
            ..offer(1, 9)
        };
        let elsewhere = Offer {
            markets: Arc::from(["DE".to_owned()]),
            ..offer(2, 9)
        };
        let offers = [None, Some(inactive), Some(elsewhere)];
        let mut demand = demand(&[1, 1, 1]);
        demand.markets = vec!["SE".into()];
        assert_eq!(
            refused(&demand, &offers),
            [
                "lines[0] is not in the catalogue",
                "lines[1] is not sold at present",
                "lines[2] is not sold in the order's market"
            ]
        );
        demand.is_forced = true;
        let lines = admitted(&demand, &offers);
        assert!(
            lines
                .iter()
                .all(|line| line.is_back_ordered && line.taken == 0)
        );
    }

    #[test]
    fn stock_that_does_not_count_is_not_taken() {
        let mut demand = demand(&[9]);
        demand.takes_stock = false;
        let lines = admitted(&demand, &[Some(offer(1, 1))]);
        assert!(!lines[0].is_back_ordered && lines[0].taken == 0);
    }

    #[test]
    fn an_order_is_split_by_warehouse() {
        let at = |warehouse: Option<&str>| {
            Some(Offer {
                warehouse: warehouse.map(Into::into),
                ..offer(1, 99)
            })
        };
        let offers = [
            at(None),
            at(Some("North")),
            at(Some("South")),
            at(Some("North")),
        ];
        let parts = parts(admitted(&demand(&[1, 1, 1, 1]), &offers));
        let lines: Vec<Vec<u32>> = parts
            .iter()
            .map(|part| part.iter().map(|line| line.at).collect())
            .collect();
        assert_eq!(lines, [vec![0, 1, 3], vec![2]]);
    }
}
