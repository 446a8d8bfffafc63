//! The columns of the tables, and the statements that write many rows at a time.

/// A column, and its type in the database. Values are sent as text.
pub(super) type Column = (&'static str, &'static str);

/// Columns of `orders`.
pub(super) const ORDERS: &[Column] = &[
    ("id", "uuid"),
    ("organisation", "text"),
    ("dialect", "text"),
    ("key", "text"),
    ("number", "bigint"),
    ("state", "text"),
    ("revision", "integer"),
    ("batch_id", "uuid"),
    ("created_at", "timestamptz"),
    ("updated_at", "timestamptz"),
    ("placed_at", "timestamptz"),
    ("fulfilled_at", "timestamptz"),
    ("language", "text"),
    ("locale", "text"),
    ("currency", "text"),
    ("line_count", "integer"),
    ("lines_total", "numeric"),
    ("shipping_price", "numeric"),
    ("discount", "numeric"),
    ("total", "numeric"),
    ("customer_key", "text"),
    ("customer_id", "bigint"),
    ("customer_ref", "text"),
    ("customer_email", "text"),
    ("customer_title", "text"),
    ("customer_first_name", "text"),
    ("customer_last_name", "text"),
    ("customer_phone", "text"),
    ("billing_name", "text"),
    ("billing_company", "text"),
    ("billing_lines", "text"),
    ("billing_suburb", "text"),
    ("billing_city", "text"),
    ("billing_state", "text"),
    ("billing_postcode", "text"),
    ("billing_country", "text"),
    ("shipping_name", "text"),
    ("shipping_company", "text"),
    ("shipping_lines", "text"),
    ("shipping_suburb", "text"),
    ("shipping_city", "text"),
    ("shipping_state", "text"),
    ("shipping_postcode", "text"),
    ("shipping_country", "text"),
    ("delivery_reference", "text"),
    ("purchase_order", "text"),
    ("instructions", "text"),
    ("metadata", "json"),
    ("origin", "uuid"),
    ("fulfilment_status", "text"),
    ("tracking_url", "text"),
    ("fulfilment", "json"),
    ("position", "bigint"),
    ("destination", "uuid"),
];

/// Columns of `order_lines`.
pub(super) const LINES: &[Column] = &[
    ("order_id", "uuid"),
    ("line", "integer"),
    ("quantity", "numeric"),
    ("sku", "text"),
    ("ean", "text"),
    ("product_id", "text"),
    ("description", "text"),
    ("unit_price", "numeric"),
    ("currency", "text"),
    ("weight_kg", "numeric"),
    ("warehouse", "text"),
    ("back_ordered", "boolean"),
    ("fulfilled_quantity", "numeric"),
    ("metadata", "json"),
];

/// Columns of `customers`.
pub(super) const CUSTOMERS: &[Column] = &[
    ("organisation", "text"),
    ("key", "text"),
    ("customer_id", "bigint"),
    ("ref", "text"),
    ("email", "text"),
    ("title", "text"),
    ("first_name", "text"),
    ("last_name", "text"),
    ("phone", "text"),
    ("first_order_at", "timestamptz"),
    ("last_order_at", "timestamptz"),
    ("position", "bigint"),
    ("destination", "uuid"),
];

/// A statement that inserts rows. Its parameters are an array of texts for each column.
pub(super) fn insert(schema: &str, table: &str, columns: &[Column]) -> String {
    let names = list(columns, |(name, _)| (*name).to_owned());
    let typed = list(columns, |(name, kind)| format!("\"{name}\"::{kind}"));
    let quoted = list(columns, |(name, _)| format!("\"{name}\""));
    let numbers = 1..=columns.len();
    let arrays = Vec::from_iter(numbers.map(|number| format!("${number}::text[]"))).join(", ");
    format!(
        "insert into {schema}.{table} ({names}) select {typed} from unnest({arrays}) as rows ({quoted})"
    )
}

/// As [`insert`], and replaces rows with the same key unless an event behind this one has written them.
pub(super) fn upsert(schema: &str, table: &str, columns: &[Column], key: &[&str]) -> String {
    let others = columns.iter().filter(|(name, _)| !key.contains(name));
    let set = others.map(|(name, _)| match *name {
        "first_order_at" => {
            format!("{name} = least({schema}.{table}.{name}, excluded.{name})")
        }
        "last_order_at" => {
            format!("{name} = greatest({schema}.{table}.{name}, excluded.{name})")
        }
        name => format!("{name} = excluded.{name}"),
    });
    let set = Vec::from_iter(set).join(", ");
    let insert = insert(schema, table, columns);
    let key = key.join(", ");
    format!(
        "{insert} on conflict ({key}) do update set {set} where {schema}.{table}.position <= excluded.position"
    )
}

fn list(columns: &[Column], write: impl Fn(&Column) -> String) -> String {
    Vec::from_iter(columns.iter().map(write)).join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::schema::MIGRATIONS;
    use super::*;

    /// The columns of a table, as the migrations create it.
    fn created(table: &str) -> Vec<(String, String)> {
        let sql = MIGRATIONS.concat();
        let begin = format!("create table {{schema}}.{table} (\n");
        let (_, behind) = sql.split_once(&begin).unwrap();
        let (body, _) = behind.split_once("\n);").unwrap();
        let lines = body.lines().map(str::trim);
        let columns = lines.filter(|line| !line.starts_with("primary key ("));
        let words = columns.map(|line| {
            let mut words = line.trim_end_matches(',').split(' ');
            let mut word = || words.next().unwrap().to_owned();
            (word(), word())
        });
        words.collect()
    }

    #[test]
    fn each_column_is_created_and_written() {
        for (table, columns) in [
            ("orders", ORDERS),
            ("order_lines", LINES),
            ("customers", CUSTOMERS),
        ] {
            let written = columns.iter();
            let written = written.map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned()));
            assert_eq!(created(table), Vec::from_iter(written), "{table}");
        }
    }
}
