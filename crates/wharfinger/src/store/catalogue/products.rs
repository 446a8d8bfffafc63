//! Products and their stock: loading and reading.

use wharfinger_core::decide::catalogue::import::{LineProblem, ProductLine, Said};
use wharfinger_core::decide::catalogue::{Product, ProductNumber};
use wharfinger_core::order::amount::Amount;
use wharfinger_core::order::ids::OrganisationId;

use super::load::Loader;
use crate::store::Store;
use crate::store::api::{LineOutcome, Load, Loaded, ProductPage, ReadProducts, StoreError};
use crate::store::engine::columns::{amount, texts};
use crate::store::engine::driver::{Connection, Row, Statement, ToValue, params};
use crate::store::engine::fault::Fault;
use crate::store::stock::ledger::{self, Cause, Ledger, Stock};
use crate::store::write::txn::WriteTxn;

/// A query for the columns that [`Stored::read`] decodes, from products and their stock.
macro_rules! select_products {
    ($rest:literal) => {
        concat!(
            "select number, id, sku, ean, active, warehouse, price, currency, name, markets, pricelists, ",
            "coalesce(pieces, 0) from products left join stock ",
            "on stock.organisation = products.organisation and product = number where sound(products.intact) ",
            "and case when product is null then true else sound(stock.intact) end and ",
            $rest
        )
    };
}

impl Store {
    /// Loads products in one transaction, each line separately. A line names its product by `id`, else by `sku`, else by `ean`.
    /// It is refused if its other identifiers belong to another product. A product that does not exist is created. Stock is set
    /// to the line's value, and the ledger records the difference.
    pub async fn load_products(&self, load: Load<ProductLine>) -> Result<Loaded, StoreError> {
        self.load(load, |txn, load| {
            super::load::load::<_, Products<'_>>(txn, load)
        })
        .await
    }

    /// Reads products, each with its stock on hand.
    pub async fn products(&self, request: ReadProducts) -> Result<ProductPage, StoreError> {
        let read = move |connection: &Connection| list(connection, &request);
        self.readers.read(read).await
    }
}

/// A product, and its number in the stock tables.
pub(crate) struct Stored {
    pub number: i64,
    pub product: Product,
}

impl Stored {
    /// Decodes a row.
    fn read(row: &Row<'_>) -> Result<Self, Fault> {
        let price: Option<String> = row.get(6)?;
        Ok(Self {
            number: row.get(0)?,
            product: Product {
                id: row.get::<Option<i64>>(1)?.map(i64::cast_unsigned),
                sku: row.get(2)?,
                ean: row.get(3)?,
                active: row.get(4)?,
                warehouse: row.get(5)?,
                stock: row.get::<i64>(11)?.cast_unsigned(),
                price: price.as_deref().map(amount).transpose()?,
                currency: row.get(7)?,
                name: row.get(8)?,
                markets: texts(row.get(9)?)?,
                pricelists: texts(row.get(10)?)?,
            },
        })
    }
}

/// Reads products in the order in which they were first loaded.
pub(crate) fn list(connection: &Connection, request: &ReadProducts) -> Result<ProductPage, Fault> {
    // No product has such an identifier, and PostgreSQL does not accept such text.
    let names = [&request.sku, &request.ean];
    if names.into_iter().flatten().any(|name| name.contains('\0')) {
        return Ok(ProductPage::default());
    }
    let id = request.id.map(u64::cast_signed);
    let after = request.after.unwrap_or_default();
    let limit = i64::try_from(request.limit).unwrap_or(i64::MAX);
    // Each query uses one index. Further conditions are checked on the one product that it finds.
    let select = match (&request.id, &request.sku, &request.ean) {
        (Some(_), _, _) => select_products!(
            "products.organisation = ?1 and number > ?2 and id = ?4 and (cast(?5 as text) is null or sku = ?5) \
             and (cast(?6 as text) is null or ean = ?6) limit ?3"
        ),
        (None, Some(_), _) => select_products!(
            "products.organisation = ?1 and number > ?2 and cast(?4 as bigint) is null and sku = ?5 \
             and (cast(?6 as text) is null or ean = ?6) limit ?3"
        ),
        (None, None, Some(_)) => select_products!(
            "products.organisation = ?1 and number > ?2 and cast(?4 as bigint) is null and cast(?5 as text) is null and ean = ?6 limit ?3"
        ),
        (None, None, None) => select_products!(
            "products.organisation = ?1 and number > ?2 and cast(?4 as bigint) is null and cast(?5 as text) is null and cast(?6 as text) is null \
             order by number limit ?3"
        ),
    };
    let mut select = connection.prepare_cached(select)?;
    let parameters = params![
        request.organisation.0,
        after,
        limit.saturating_add(1),
        id,
        request.sku,
        request.ean
    ];
    let mut rows = select.query(parameters)?;
    let on_hand = Stock::now(connection)?;
    let mut page = ProductPage::default();
    let mut last = after;
    while let Some(row) = rows.next()? {
        if page.products.len() == request.limit {
            page.next = Some(last);
            break;
        }
        let mut stored = Stored::read(&row)?;
        last = stored.number;
        let since = on_hand.since(ProductNumber(stored.number));
        stored.product.stock = stored.product.stock.saturating_add_signed(since);
        page.products.push(stored.product);
    }
    Ok(page)
}

/// An identifier of a product.
#[derive(Clone, Copy)]
enum Identifier<'i> {
    Id(u64),
    Sku(&'i str),
    Ean(&'i str),
}

impl<'i> Identifier<'i> {
    /// The identifiers of a line, the strongest first.
    fn of(line: &'i ProductLine) -> [Option<Self>; 3] {
        [
            line.id.map(Self::Id),
            line.sku.as_deref().map(Self::Sku),
            line.ean.as_deref().map(Self::Ean),
        ]
    }

    fn name(self) -> &'static str {
        match self {
            Self::Id(_) => "id",
            Self::Sku(_) => "sku",
            Self::Ean(_) => "ean",
        }
    }

    /// Whether the product has this identifier.
    fn is_of(self, product: &Product) -> bool {
        match self {
            Self::Id(id) => product.id == Some(id),
            Self::Sku(sku) => product.sku.as_deref() == Some(sku),
            Self::Ean(ean) => product.ean.as_deref() == Some(ean),
        }
    }

    /// Whether the product has no identifier of this kind.
    fn is_lacked_by(self, product: &Product) -> bool {
        match self {
            Self::Id(_) => product.id.is_none(),
            Self::Sku(_) => product.sku.is_none(),
            Self::Ean(_) => product.ean.is_none(),
        }
    }
}

/// The product as an error message names it.
fn described(product: &Product) -> String {
    match product {
        Product { id: Some(id), .. } => format!("the product with id {id}"),
        Product { sku: Some(sku), .. } => format!("the product with sku {sku}"),
        Product { ean: Some(ean), .. } => format!("the product with ean {ean}"),
        Product { .. } => "another product".into(),
    }
}

/// Loads products, line by line.
pub(crate) struct Products<'c> {
    organisation: OrganisationId,
    by_id: Statement<'c>,
    by_sku: Statement<'c>,
    by_ean: Statement<'c>,
    insert: Statement<'c>,
    update: Statement<'c>,
    set_stock: Statement<'c>,
    insert_stock: Statement<'c>,
    /// The changes of stock, for the ledger.
    changes: Vec<(ProductNumber, i64)>,
}

const INSERT: &str = "insert into products (organisation, id, sku, ean, active, warehouse, price, currency, name, \
    markets, pricelists) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) returning number";
const UPDATE: &str = "update products set id = ?2, sku = ?3, ean = ?4, active = ?5, warehouse = ?6, price = ?7, \
    currency = ?8, name = ?9, markets = ?10, pricelists = ?11 where organisation = ?1 and number = ?12";
const SET_STOCK: &str = "update stock set pieces = ?2 where product = ?1";
const INSERT_STOCK: &str = "insert into stock (organisation, product, pieces) values (?3, ?1, ?2)";

impl<'c> Loader<'c, ProductLine> for Products<'c> {
    const ACTION: &'static str = "organisation.products_loaded";

    fn begin(txn: &mut WriteTxn<'c>, organisation: OrganisationId) -> Result<Self, Fault> {
        txn.settle_stock()?;
        let prepare = |sql| txn.connection.prepare_cached(sql);
        Ok(Self {
            organisation,
            by_id: prepare(select_products!("products.organisation = ?1 and id = ?2"))?,
            by_sku: prepare(select_products!("products.organisation = ?1 and sku = ?2"))?,
            by_ean: prepare(select_products!("products.organisation = ?1 and ean = ?2"))?,
            insert: prepare(INSERT)?,
            update: prepare(UPDATE)?,
            set_stock: prepare(SET_STOCK)?,
            insert_stock: prepare(INSERT_STOCK)?,
            changes: Vec::new(),
        })
    }

    fn load(&mut self, line: &ProductLine) -> Result<Result<LineOutcome, LineProblem>, Fault> {
        let before = match self.find(line)? {
            Ok(before) => before,
            Err(problem) => return Ok(Err(problem)),
        };
        let after = laid_over(before.as_ref().map(|stored| &stored.product), line);
        let (number, stock_before, outcome) = match before {
            None => (self.insert(&after)?, None, LineOutcome::Created),
            Some(Stored { product, .. }) if product == after => {
                return Ok(Ok(LineOutcome::Unchanged));
            }
            Some(Stored { number, product }) => {
                let stock = product.stock;
                // Stock changes most often, and has a table of its own.
                let is_stock_alone = Product {
                    stock: after.stock,
                    ..product
                } == after;
                if !is_stock_alone {
                    self.update(number, &after)?;
                }
                (number, Some(stock), LineOutcome::Updated)
            }
        };
        self.set_stock(number, stock_before, after.stock)?;
        Ok(Ok(outcome))
    }

    fn finish(self, txn: &WriteTxn<'c>) -> Result<(), Fault> {
        if !self.changes.is_empty() {
            let mut ledger = Ledger::new(txn.connection, txn.now_ms())?;
            ledger.insert(self.organisation, Cause::Loaded, None, &self.changes)?;
        }
        ledger::loaded(txn.connection)
    }
}

impl Products<'_> {
    /// The product that a line is about. `None` for a new product. All identifiers of the line must belong to the same product.
    fn find(&mut self, line: &ProductLine) -> Result<Result<Option<Stored>, LineProblem>, Fault> {
        let mut found: Option<Stored> = None;
        let identifiers = Identifier::of(line);
        for (rank, identifier) in identifiers.iter().enumerate() {
            let Some(identifier) = *identifier else {
                continue;
            };
            if let Some(found) = &found
                && identifier.is_of(&found.product)
            {
                continue;
            }
            let Some(stored) = self.by(identifier)? else {
                continue;
            };
            let is_other = match &found {
                Some(_) => true,
                // A product without a stronger identifier gets it from the line. With a different one it is another product.
                None => {
                    let mut stronger = identifiers[..rank].iter().flatten();
                    !stronger.all(|stronger| stronger.is_lacked_by(&stored.product))
                }
            };
            if is_other {
                let whose = described(&stored.product);
                return Ok(Err(LineProblem::taken(identifier.name(), &whose)));
            }
            found = Some(stored);
        }
        Ok(Ok(found))
    }

    fn by(&mut self, identifier: Identifier<'_>) -> Result<Option<Stored>, Fault> {
        let organisation = self.organisation.0;
        let (select, value): (_, &dyn ToValue) = match &identifier {
            Identifier::Id(id) => (&mut self.by_id, &id.cast_signed()),
            Identifier::Sku(sku) => (&mut self.by_sku, sku),
            Identifier::Ean(ean) => (&mut self.by_ean, ean),
        };
        let mut rows = select.query(params![organisation, value])?;
        rows.next()?.map(|row| Stored::read(&row)).transpose()
    }

    fn insert(&mut self, product: &Product) -> Result<i64, Fault> {
        let columns = Columns::of(product);
        let product = params![
            self.organisation.0,
            columns.id,
            product.sku,
            product.ean,
            product.active,
            product.warehouse,
            columns.price,
            product.currency,
            product.name,
            columns.markets,
            columns.pricelists,
        ];
        Ok(self.insert.query_row(product, |row| row.get(0))?)
    }

    fn update(&mut self, number: i64, product: &Product) -> Result<(), Fault> {
        let columns = Columns::of(product);
        self.update.execute(params![
            self.organisation.0,
            columns.id,
            product.sku,
            product.ean,
            product.active,
            product.warehouse,
            columns.price,
            product.currency,
            product.name,
            columns.markets,
            columns.pricelists,
            number,
        ])?;
        Ok(())
    }

    /// Sets the pieces on hand, and records the change for the ledger. A new product has no pieces before.
    fn set_stock(&mut self, number: i64, before: Option<u64>, after: u64) -> Result<(), Fault> {
        if before == Some(after) {
            return Ok(());
        }
        let pieces = after.cast_signed();
        if self.set_stock.execute((number, pieces))? == 0 {
            let stock = (number, pieces, self.organisation.0);
            self.insert_stock.execute(stock)?;
        }
        let change = pieces - before.unwrap_or_default().cast_signed();
        if change != 0 {
            self.changes.push((ProductNumber(number), change));
        }
        Ok(())
    }
}

/// Columns of a product that are stored in another form.
struct Columns<'p> {
    id: Option<i64>,
    price: Option<&'p str>,
    markets: Option<String>,
    pricelists: Option<String>,
}

impl<'p> Columns<'p> {
    fn of(product: &'p Product) -> Self {
        let list = |texts: &[String]| {
            let texts = (!texts.is_empty()).then_some(texts);
            texts.map(|texts| serde_json::Value::from(texts).to_string())
        };
        Self {
            id: product.id.map(u64::cast_signed),
            price: product.price.as_ref().map(Amount::as_str),
            markets: list(&product.markets),
            pricelists: list(&product.pricelists),
        }
    }
}

/// The product after a line was loaded.
fn laid_over(before: Option<&Product>, line: &ProductLine) -> Product {
    let new = Product {
        id: None,
        sku: None,
        ean: None,
        active: true,
        warehouse: None,
        stock: 0,
        price: None,
        currency: None,
        name: None,
        markets: Vec::new(),
        pricelists: Vec::new(),
    };
    let before = before.cloned().unwrap_or(new);
    let lists =
        |said: &Said<Vec<String>>, before| said.clone().over(Some(before)).unwrap_or_default();
    Product {
        id: line.id.or(before.id),
        sku: line.sku.clone().or(before.sku),
        ean: line.ean.clone().or(before.ean),
        active: line
            .active
            .clone()
            .over(Some(before.active))
            .unwrap_or(true),
        warehouse: line.warehouse.clone().over(before.warehouse),
        stock: line.stock.unwrap_or(before.stock),
        price: line.price.clone().over(before.price),
        currency: line.currency.clone().over(before.currency),
        name: line.name.clone().over(before.name),
        markets: lists(&line.markets, before.markets),
        pricelists: lists(&line.pricelists, before.pricelists),
    }
}
