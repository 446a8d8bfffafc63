//! Which sums a caller may see, and reading them.

use std::collections::HashSet;

use wharfinger_core::order::ids::OrganisationId;
use wharfinger_core::order::organisation::OrgAccess;

use super::deltas::LogRow;
use crate::store::api::{Step, Visible};
use crate::store::engine::driver::{Connection, Row};
use crate::store::engine::fault::Fault;
use crate::store::receipts::extents::stored_organisation;

/// Organisations that are looked up one by one, at most. For more, all rows of a time are read.
const LOOKED_UP_MAX: usize = 256;

/// What a query is about: organisations, and orders of no known organisation.
pub(super) struct Shown {
    /// `None` for all.
    organisations: Option<HashSet<OrganisationId>>,
    nobody: Nobody,
}

/// Which orders without a known organisation are shown.
enum Nobody {
    None,
    OfKey(String),
    All,
}

impl Shown {
    /// What a caller sees, or only what it sees of an organisation.
    pub(super) fn new(visible: &Visible, organisation: Option<OrganisationId>) -> Self {
        if let Some(organisation) = organisation {
            let shows = visible.shows(Some(organisation), "");
            return Self {
                organisations: Some(HashSet::from_iter(shows.then_some(organisation))),
                nobody: Nobody::None,
            };
        }
        match visible {
            Visible::All => Self {
                organisations: None,
                nobody: Nobody::All,
            },
            Visible::To {
                organisations,
                key_id,
            } => Self {
                organisations: match organisations {
                    OrgAccess::All => None,
                    OrgAccess::Only(ids) => Some(ids.iter().copied().collect()),
                },
                nobody: Nobody::OfKey(key_id.clone()),
            },
        }
    }

    /// Whether all organisations are shown.
    pub(super) fn has_all(&self) -> bool {
        self.organisations.is_none()
    }

    /// Whether orders of an organisation, or of none, are shown, if this key sent them.
    pub(super) fn has(&self, organisation: Option<OrganisationId>, key_id: &str) -> bool {
        match (organisation, &self.organisations, &self.nobody) {
            (Some(organisation), Some(of), _) => of.contains(&organisation),
            (Some(_), None, _) | (None, _, Nobody::All) => true,
            (None, _, Nobody::OfKey(own)) => own == key_id,
            (None, _, Nobody::None) => false,
        }
    }

    /// The organisations to look up, as the tables have them. `None` if all rows of a time are to be read.
    pub(super) fn looked_up(&self) -> Option<Vec<i64>> {
        let of = self.organisations.as_ref()?;
        let mut stored = Vec::from_iter(of.iter().map(|of| i64::from(of.0)));
        if !matches!(self.nobody, Nobody::None) {
            stored.push(stored_organisation(None).into());
        }
        (stored.len() <= LOOKED_UP_MAX).then_some(stored)
    }
}

/// Reads the rows of a table of sums for some steps and organisations. `None` for all organisations.
pub(super) fn each_row(
    connection: &Connection,
    (table, columns): (&str, &str),
    (step, begins): (Step, &[i64]),
    organisations: Option<&[i64]>,
    mut take: impl FnMut(&Row<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    if begins.is_empty() {
        return Ok(());
    }
    let step = step.number();
    if let Some(session) = connection.postgres() {
        let only = organisations.map_or("", |_| "and organisation = any(?3::bigint[])");
        let select = format!(
            "select {columns} from {table} where step = ?1 and at_ms = any(?2::bigint[]) {only} and sound({table}.intact)"
        );
        let statement = session.prepare(&select)?;
        let rows = match &organisations {
            Some(organisations) => statement.query_arrays(&[&step, &begins, organisations])?,
            None => statement.query_arrays(&[&step, &begins])?,
        };
        return rows.iter().try_for_each(|row| take(&Row::Postgres(row)));
    }
    let only = organisations.map_or(
        "",
        |_| "and organisation in (select value from json_each(?3))",
    );
    let select = format!(
        "select {columns} from {table} where step = ?1 and at_ms in (select value from json_each(?2)) {only} \
         and sound({table}.intact)"
    );
    let json = |numbers: &[i64]| serde_json::to_string(numbers).expect("numbers are always JSON");
    let begins = json(begins);
    let mut select = connection.prepare_cached(&select)?;
    let mut rows = match organisations {
        Some(organisations) => select.query((step, begins, json(organisations)))?,
        None => select.query((step, begins))?,
    };
    while let Some(row) = rows.next()? {
        take(&row)?;
    }
    Ok(())
}

/// Reads the rows of the log, which are not in the sums yet.
pub(super) fn each_log_row(
    connection: &Connection,
    mut take: impl FnMut(LogRow) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let select = "select key_id, changes from stats_log where sound(stats_log.intact)";
    let mut select = connection.prepare_cached(select)?;
    let mut rows = select.query_lazily(())?;
    while let Some(row) = rows.next()? {
        take(LogRow::read(&row, 0)?)?;
    }
    Ok(())
}
