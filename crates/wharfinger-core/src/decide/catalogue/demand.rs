//! What an order requires of a catalogue, and the decision on it. Pure: the store decides inside its transaction.

use std::collections::HashMap;
use std::sync::Arc;

use super::attach::{Attach, Attached, KnownCustomers, attach};
use super::{AdmittedLine, ProductNumber};
use crate::order::amount::Amount;
use crate::order::problem::{Code, Path, Problem, Step};

/// The maximum number of warehouses that an order is split across. Each sub-order stores the submitted text.
pub const SUB_ORDERS_MAX: usize = 32;

/// What an order requires of an enforced catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The attribute names for problems.
    pub names: Names,
    /// The lines of the order, in order.
    pub lines: Vec<Wanted>,
    /// The order's market, by name, number or both. Empty means any market.
    pub markets: Vec<String>,
    /// The order's price list, by name, number or both. Empty means any price list.
    pub pricelists: Vec<String>,
    /// Whether the pieces must be in stock, and are taken from it.
    pub takes_stock: bool,
    /// Whether the order is accepted even if a product cannot be sold. Such lines are back-ordered.
    pub is_forced: bool,
    /// How the order attaches to a customer.
    pub customer: Attach,
}

/// The attribute names of the order's dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names {
    /// The name of the list of lines.
    pub lines: &'static str,
    /// The name of the customer's number.
    pub customer: &'static str,
    /// The name of the attribute that registers the customer.
    pub register: &'static str,
}

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Identifies the product.
    pub product: Identifier,
    /// The number of pieces.
    pub quantity: u64,
    /// Whether the catalogue's price applies, because the order gives none.
    pub needs_price: bool,
}

/// A product identifier.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identifier {
    /// The catalogue's product number.
    Id(u64),
    /// The number on the bar code.
    Ean(String),
    /// The seller's product code.
    Sku(String),
}

/// A product as the decision sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The store's number for the product.
    pub product: ProductNumber,
    /// Whether it is sold at present.
    pub active: bool,
    /// Its warehouse.
    pub warehouse: Option<String>,
    /// The price of one piece.
    pub price: Option<Amount>,
    /// The markets in which it is sold. Empty means all.
    pub markets: Arc<[String]>,
    /// The price lists by which it is sold. Empty means all.
    pub pricelists: Arc<[String]>,
    /// Pieces on hand.
    pub pieces: u64,
}

/// Decides on an order, line by line.
///
/// `offers` are the products of the order's lines, in order. An element is `None` if the catalogue has no such product.
///
/// # Errors
/// All problems: products that cannot be sold, insufficient stock, an unknown customer.
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
    if warehouses(&lines) > SUB_ORDERS_MAX {
        problems.push(Problem {
            path: Path::of(demand.names.lines),
            code: Code::TooManyWarehouses {
                warehouses_max: SUB_ORDERS_MAX,
            },
        });
    }
    lines
}

/// The reason why a product is not sold to an order, regardless of stock.
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

/// Decides again when a draft is placed.
///
/// If a product is no longer active, its line is back-ordered and its pieces return to stock. `is_active` has one
/// element per line.
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

/// Groups the lines of an order by warehouse, in line order. Lines without a warehouse join the first warehouse.
#[must_use]
pub fn sub_orders(lines: Vec<AdmittedLine>) -> Vec<Vec<AdmittedLine>> {
    let first = lines.iter().find_map(|line| line.warehouse.clone());
    let mut places = HashMap::<Option<String>, usize>::new();
    let mut sub_orders: Vec<Vec<AdmittedLine>> = Vec::new();
    for line in lines {
        let warehouse = line.warehouse.clone().or_else(|| first.clone());
        let at = *places.entry(warehouse).or_insert(sub_orders.len());
        if at == sub_orders.len() {
            sub_orders.push(Vec::new());
        }
        sub_orders[at].push(line);
    }
    sub_orders
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

    /// Returns the problems as text.
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
                "lines[1] is not active",
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
        let sub_orders = sub_orders(admitted(&demand(&[1, 1, 1, 1]), &offers));
        let lines: Vec<Vec<u32>> = sub_orders
            .iter()
            .map(|sub_order| sub_order.iter().map(|line| line.at).collect())
            .collect();
        assert_eq!(lines, [vec![0, 1, 3], vec![2]]);
    }
}
