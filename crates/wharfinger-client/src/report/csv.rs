//! Faults as tables. Text that a spreadsheet would run as a formula is neutralised.

use std::io::Write;

use anyhow::Result;

use super::Fault;
use crate::formulas::guarded;

/// The columns of a file of reasons, which stands beside a file of rejected orders.
pub const REASON_COLUMNS: [&str; 6] = ["line", "key", "pointer", "code", "message", "hint"];

/// A fault as a row of [`REASON_COLUMNS`]. The message names the column of a table that the value came from.
#[must_use]
pub fn reason(fault: &Fault) -> [String; 6] {
    let error = &fault.error;
    let message = match &fault.cell {
        Some(cell) => format!("column \"{}\": {}", cell.column, error.message),
        None => error.message.clone(),
    };
    [
        fault.line().to_string(),
        cell(fault.place.key.as_deref()),
        cell(Some(&error.pointer)),
        cell(Some(&error.code)),
        cell(Some(&message)),
        cell(error.hint.as_deref()),
    ]
}

/// Writes a table with all that is known of each fault.
#[derive(Debug)]
pub struct AllColumns<W: Write> {
    rows: csv::Writer<W>,
}

impl<W: Write> AllColumns<W> {
    /// Starts a table with the names of the columns.
    ///
    /// # Errors
    /// `out` cannot be written to.
    pub fn begin(out: W) -> Result<Self> {
        let mut rows = csv::Writer::from_writer(out);
        rows.write_record([
            "file", "line", "column", "key", "severity", "pointer", "code", "message", "value",
            "rule", "hint",
        ])?;
        Ok(Self { rows })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// The output cannot be written to.
    pub fn push(&mut self, fault: &Fault) -> Result<()> {
        let error = &fault.error;
        let line = fault.line().to_string();
        self.rows.write_record([
            &*cell(Some(&fault.place.file)),
            &line,
            &cell(fault.cell.as_ref().map(|cell| cell.column.as_str())),
            &cell(fault.place.key.as_deref()),
            fault.severity(),
            &cell(Some(&error.pointer)),
            &cell(Some(&error.code)),
            &cell(Some(&error.message)),
            &cell(error.value.as_deref()),
            &cell(error.rule.as_deref()),
            &cell(error.hint.as_deref()),
        ])?;
        Ok(())
    }

    /// Writes what is still in memory.
    ///
    /// # Errors
    /// The output cannot be written to.
    pub fn finish(mut self) -> Result<()> {
        self.rows.flush()?;
        Ok(())
    }
}

/// The text of a cell.
fn cell(text: Option<&str>) -> String {
    guarded(text.unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::Cell;
    use super::super::tests::fault;
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        let mut fault = fault("=1+1", Some("@SUM(A1)"));
        fault.error.value = Some("+46 70\n\"x\"".into());
        fault.place.file = "-orders.json".into();
        assert_eq!(
            reason(&fault),
            [
                "12",
                "'=1+1",
                "/customer/email",
                "not_email",
                "customer.email is not an e-mail address",
                "'@SUM(A1)"
            ]
        );
        let mut bytes = Vec::new();
        let mut table = AllColumns::begin(&mut bytes).unwrap();
        table.push(&fault).unwrap();
        table.finish().unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "file,line,column,key,severity,pointer,code,message,value,rule,hint\n\
             '-orders.json,12,,'=1+1,error,/customer/email,not_email,customer.email is not an e-mail address,\
             \"'+46 70\n\"\"x\"\"\",,'@SUM(A1)\n"
        );
    }

    #[test]
    fn the_column_of_a_table_is_named() {
        let mut fault = fault("A-1", None);
        fault.cell = Some(Cell {
            row: 7,
            column: "Email".into(),
        });
        let reason = reason(&fault);
        assert_eq!(reason[0], "7");
        assert_eq!(
            reason[4],
            "column \"Email\": customer.email is not an e-mail address"
        );
    }
}
