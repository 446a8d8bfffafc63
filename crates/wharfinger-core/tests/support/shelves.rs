//! In-memory catalogues, too simple to be wrong.

use wharfinger_core::decide::catalogue::import::{
    CustomerLine, LoadLine, ProductLine, Said, read_lines,
};
use wharfinger_core::decide::catalogue::{
    self, AdmittedLine, Attach, Attached, Demand, Identifier, KnownCustomers, Offer, ProductNumber,
};
use wharfinger_core::limits::Limits;
use wharfinger_core::order::problem::Problem;

use super::case::{CUSTOMERS, PRODUCTS};

/// The one enforced catalogue.
#[derive(Clone)]
pub(crate) struct Shelves {
    products: Vec<(ProductLine, u64)>,
    customers: Vec<(u64, Option<String>)>,
}

impl Default for Shelves {
    fn default() -> Self {
        let products: Vec<ProductLine> = lines(PRODUCTS);
        let customers: Vec<CustomerLine> = lines(CUSTOMERS);
        let stocked = products.into_iter().map(|product| {
            let pieces = product.stock.unwrap_or(0);
            (product, pieces)
        });
        let customers = customers.into_iter();
        Self {
            products: stocked.collect(),
            customers: customers
                .map(|customer| (customer.id.expect("it has one"), customer.email))
                .collect(),
        }
    }
}

/// Reads lines that must be valid.
pub(crate) fn lines<L: LoadLine>(text: &str) -> Vec<L> {
    let mut read = Vec::new();
    read_lines(text.as_bytes(), 0, &Limits::default(), |number, line| {
        read.push(line.unwrap_or_else(|problems| panic!("line {number}: {problems:?}")));
    });
    read
}

fn said<T: Clone>(said: &Said<T>) -> Option<T> {
    match said {
        Said::Nothing | Said::Blank => None,
        Said::Is(value) => Some(value.clone()),
    }
}

impl Shelves {
    /// Decides what an order gets, or returns all its problems.
    pub(crate) fn decide(
        &self,
        demand: &Demand,
    ) -> Result<(Vec<AdmittedLine>, Attached), Vec<Problem>> {
        let offers: Vec<_> = demand
            .lines
            .iter()
            .map(|line| self.offer(&line.product))
            .collect();
        let attach = &demand.customer;
        let known = KnownCustomers {
            has_id: self.customers.iter().any(|(id, _)| Some(*id) == attach.id),
            of_email: self
                .customers
                .iter()
                .find(|(_, email)| email.is_some() && *email == attach.email)
                .map(|(id, _)| *id),
        };
        catalogue::decide(demand, &offers, known)
    }

    fn offer(&self, wanted: &Identifier) -> Option<Offer> {
        let is_wanted = |product: &ProductLine| match wanted {
            Identifier::Id(id) => product.id == Some(*id),
            Identifier::Ean(ean) => product.ean.as_ref() == Some(ean),
            Identifier::Sku(sku) => product.sku.as_ref() == Some(sku),
        };
        let at = self
            .products
            .iter()
            .position(|(product, _)| is_wanted(product))?;
        let (product, pieces) = &self.products[at];
        Some(Offer {
            product: ProductNumber(i64::try_from(at).expect("there are few")),
            active: said(&product.active).unwrap_or(true),
            warehouse: said(&product.warehouse),
            price: said(&product.price),
            markets: said(&product.markets).unwrap_or_default().into(),
            pricelists: said(&product.pricelists).unwrap_or_default().into(),
            pieces: *pieces,
        })
    }

    /// Takes the admitted pieces from stock.
    pub(crate) fn take(&mut self, lines: &[AdmittedLine]) {
        for line in lines {
            if let Some(pieces) = self.pieces(line) {
                *pieces -= line.taken;
            }
        }
    }

    /// Returns the admitted pieces to stock.
    pub(crate) fn give_back(&mut self, lines: &[AdmittedLine]) {
        for line in lines {
            if let Some(pieces) = self.pieces(line) {
                *pieces += line.taken;
            }
        }
    }

    fn pieces(&mut self, line: &AdmittedLine) -> Option<&mut u64> {
        let at = usize::try_from(line.product?.0).expect("it is a place");
        Some(&mut self.products[at].1)
    }

    /// Returns the number of an order's customer. Registers a new customer if necessary.
    pub(crate) fn attach(&mut self, attach: &Attach, attached: Attached) -> Option<u64> {
        match attached {
            Attached::Nobody => None,
            Attached::To(id) => Some(id),
            Attached::New => {
                let last = self.customers.iter().map(|(id, _)| *id).max();
                let id = last.unwrap_or(0) + 1;
                self.customers.push((id, attach.email.clone()));
                Some(id)
            }
        }
    }
}
