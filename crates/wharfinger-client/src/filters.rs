//! Which orders a command is about, as the list of orders of a server knows it.

use clap::Args;
use uuid::Uuid;
use wharfinger_core::dialects;

use crate::pages::Query;
use crate::since::Since;

/// Which orders. All conditions must match.
#[derive(Args, Clone, Debug, Default)]
pub struct Filters {
    /// Only orders of this organisation
    #[arg(long, env = "WHARFINGER_ORG", value_name = "CODE")]
    pub org: Option<String>,
    /// Only orders in this state
    #[arg(long, value_parser = ["draft", "held", "pending", "processed", "cancelled"])]
    pub state: Option<String>,
    /// Only orders that were submitted in this dialect
    #[arg(long, value_parser = dialect)]
    pub dialect: Option<String>,
    /// Only orders with this order key
    #[arg(long)]
    pub key: Option<String>,
    /// Only orders with this order number
    #[arg(long)]
    pub number: Option<u64>,
    /// Only orders whose customer has this e-mail address
    #[arg(long)]
    pub email: Option<String>,
    /// Only orders first submitted in this batch
    #[arg(long, value_name = "ID")]
    pub batch: Option<Uuid>,
    /// Only orders created at this time or later: RFC 3339, or how long ago, such as 10m
    #[arg(long, value_name = "TIME")]
    pub created_after: Option<Since>,
    /// Only orders created before this time
    #[arg(long, value_name = "TIME")]
    pub created_before: Option<Since>,
    /// Only orders changed at this time or later, in the order of their latest change
    #[arg(long, value_name = "TIME")]
    pub updated_after: Option<Since>,
}

impl Filters {
    /// The parameters of the list of orders.
    pub(crate) fn query(&self) -> Query {
        Query::default()
            .with("organisation", self.org.as_ref())
            .with("state", self.state.as_ref())
            .with("dialect", self.dialect.as_ref())
            .with("key", self.key.as_ref())
            .with("number", self.number)
            .with("email", self.email.as_ref())
            .with("batch", self.batch)
            .with("created_after", self.created_after)
            .with("created_before", self.created_before)
            .with("updated_after", self.updated_after)
    }
}

fn dialect(id: &str) -> Result<String, String> {
    let known = dialects::find(id).map(|_| id.to_owned());
    known.ok_or_else(|| format!("expected one of {}", dialects::ids()))
}
