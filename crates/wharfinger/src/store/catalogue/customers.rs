//! Customers: loading and reading.

use wharfinger_core::decide::catalogue::Customer;
use wharfinger_core::decide::catalogue::import::{CustomerLine, LineProblem};
use wharfinger_core::order::ids::OrganisationId;

use super::load::Loader;
use crate::store::Store;
use crate::store::api::{CustomerPage, LineOutcome, Load, Loaded, ReadCustomers, StoreError};
use crate::store::engine::driver::{Connection, OptionalExtension, Row, Statement, params};
use crate::store::engine::fault::Fault;
use crate::store::stock::customer_numbers;
use crate::store::write::txn::WriteTxn;

/// A query for the columns that [`read`] decodes.
macro_rules! select_customers {
    ($rest:literal) => {
        concat!(
            "select id, email, first_name, last_name, wants_new_password from customers where sound(customers.intact) and ",
            $rest
        )
    };
}

impl Store {
    /// Loads customers in one transaction, each line separately. A line names its customer by `id`, else by `email`. It is
    /// refused if its address belongs to another customer. A customer that does not exist is created, and gets the organisation's
    /// next number if the line has none.
    pub async fn load_customers(&self, load: Load<CustomerLine>) -> Result<Loaded, StoreError> {
        self.load(load, |txn, load| {
            super::load::load::<_, Customers<'_>>(txn, load)
        })
        .await
    }

    /// Reads customers.
    pub async fn customers(&self, request: ReadCustomers) -> Result<CustomerPage, StoreError> {
        let read = move |connection: &Connection| list(connection, &request);
        self.readers.read(read).await
    }
}

fn read(row: &Row<'_>) -> crate::store::engine::driver::Result<Customer> {
    Ok(Customer {
        id: row.get::<i64>(0)?.cast_unsigned(),
        email: row.get(1)?,
        first_name: row.get(2)?,
        last_name: row.get(3)?,
        wants_new_password: row.get(4)?,
    })
}

/// Reads customers in the order of their numbers.
pub(crate) fn list(
    connection: &Connection,
    request: &ReadCustomers,
) -> Result<CustomerPage, Fault> {
    // No customer has such an address, and PostgreSQL does not accept such text.
    if request
        .email
        .as_ref()
        .is_some_and(|email| email.contains('\0'))
    {
        return Ok(CustomerPage::default());
    }
    let (id, after) = (
        request.id.map(u64::cast_signed),
        request.after.map_or(-1, u64::cast_signed),
    );
    let limit = i64::try_from(request.limit).unwrap_or(i64::MAX);
    // Each query uses one index. Further conditions are checked on the one customer that it finds.
    let select = match (&request.id, &request.email) {
        (Some(_), _) => select_customers!(
            "organisation = ?1 and id > ?2 and id = ?4 and (cast(?5 as text) is null or email = ?5) limit ?3"
        ),
        (None, Some(_)) => select_customers!(
            "organisation = ?1 and id > ?2 and cast(?4 as bigint) is null and email = ?5 limit ?3"
        ),
        (None, None) => select_customers!(
            "organisation = ?1 and id > ?2 and cast(?4 as bigint) is null and cast(?5 as text) is null order by id limit ?3"
        ),
    };
    let mut select = connection.prepare_cached(select)?;
    let parameters = params![
        request.organisation.0,
        after,
        limit.saturating_add(1),
        id,
        request.email
    ];
    let mut rows = select.query(parameters)?;
    let mut page = CustomerPage::default();
    while let Some(row) = rows.next()? {
        if page.customers.len() == request.limit {
            page.next = page.customers.last().map(|last: &Customer| last.id);
            break;
        }
        page.customers.push(read(&row)?);
    }
    Ok(page)
}

/// Loads customers, line by line.
pub(crate) struct Customers<'c> {
    connection: &'c Connection,
    organisation: OrganisationId,
    by_id: Statement<'c>,
    by_email: Statement<'c>,
    replace: Statement<'c>,
}

const REPLACE: &str = "insert into customers (organisation, id, email, first_name, last_name, wants_new_password) \
    values (?1, ?2, ?3, ?4, ?5, ?6) on conflict (organisation, id) do update set email = excluded.email, \
    first_name = excluded.first_name, last_name = excluded.last_name, wants_new_password = excluded.wants_new_password";

impl<'c> Loader<'c, CustomerLine> for Customers<'c> {
    const ACTION: &'static str = "organisation.customers_loaded";

    fn begin(txn: &mut WriteTxn<'c>, organisation: OrganisationId) -> Result<Self, Fault> {
        txn.write_overlay()?;
        let prepare = |sql| txn.connection.prepare_cached(sql);
        Ok(Self {
            connection: txn.connection,
            organisation,
            by_id: prepare(select_customers!("organisation = ?1 and id = ?2"))?,
            by_email: prepare(select_customers!("organisation = ?1 and email = ?2"))?,
            replace: prepare(REPLACE)?,
        })
    }

    fn load(&mut self, line: &CustomerLine) -> Result<Result<LineOutcome, LineProblem>, Fault> {
        let organisation = self.organisation.0;
        let of_id = match line.id {
            Some(id) => self.by_id.query_row((organisation, id.cast_signed()), read),
            None => Err(crate::store::engine::driver::Error::NoRows),
        };
        let of_id = of_id.optional()?;
        let of_email = match &line.email {
            Some(email) => self.by_email.query_row((organisation, email), read),
            None => Err(crate::store::engine::driver::Error::NoRows),
        };
        let of_email = of_email.optional()?;
        if let (Some(id), Some(other)) = (line.id, &of_email)
            && other.id != id
        {
            let whose = format!("customer {}", other.id);
            return Ok(Err(LineProblem::taken("email", &whose)));
        }
        let before = of_id.or(of_email);
        let id = match line.id.or(before.as_ref().map(|customer| customer.id)) {
            Some(id) => Some(id),
            None => customer_numbers::next_id(self.connection, self.organisation)?,
        };
        let Some(id) = id else {
            return Ok(Err(LineProblem::required(
                "id",
                "is required because the highest customer number is in use",
            )));
        };
        let after = laid_over(before.as_ref(), line, id);
        if before.as_ref() == Some(&after) {
            return Ok(Ok(LineOutcome::Unchanged));
        }
        self.replace.execute(params![
            organisation,
            id.cast_signed(),
            after.email,
            after.first_name,
            after.last_name,
            after.wants_new_password,
        ])?;
        Ok(Ok(match before {
            None => LineOutcome::Created,
            Some(_) => LineOutcome::Updated,
        }))
    }

    fn finish(self, _: &WriteTxn<'c>) -> Result<(), Fault> {
        Ok(())
    }
}

/// The customer after a line was loaded.
fn laid_over(before: Option<&Customer>, line: &CustomerLine, id: u64) -> Customer {
    let new = Customer {
        id,
        email: None,
        first_name: None,
        last_name: None,
        wants_new_password: false,
    };
    let before = before.cloned().unwrap_or(new);
    let wants = line.wants_new_password.clone();
    Customer {
        id,
        email: line.email.clone().or(before.email),
        first_name: line.first_name.clone().over(before.first_name),
        last_name: line.last_name.clone().over(before.last_name),
        wants_new_password: wants.over(Some(before.wants_new_password)).unwrap_or(false),
    }
}
