//! The parts of a request that a dialect reads, and what it reads from them.

use super::operation::Operation;
use super::reply::Results;
use super::stored::OrderQuery;
use crate::decide::admit::Policy;
use crate::order::ids::BatchId;
use crate::order::organisation::{Caller, Organisation};

/// The parts of a request that precede its body.
#[derive(Clone, Copy, Debug)]
pub struct Head<'h> {
    /// Path parameters, decoded.
    pub path: &'h [(String, String)],
    /// Query parameters, decoded, in order.
    pub query: &'h [(String, String)],
    /// Header fields, with lowercase names.
    pub headers: &'h [(&'h str, &'h str)],
}

impl<'h> Head<'h> {
    /// Returns a path parameter.
    #[must_use]
    pub fn path_parameter(&self, name: &str) -> Option<&'h str> {
        find(self.path, |known| known == name)
    }

    /// Returns the first query parameter with this name, ignoring case.
    #[must_use]
    pub fn query_parameter(&self, name: &str) -> Option<&'h str> {
        find(self.query, |known| known.eq_ignore_ascii_case(name))
    }

    /// Returns a header field. `name` must be lowercase.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'h str> {
        let field = self.headers.iter().find(|(known, _)| *known == name);
        field.map(|(_, value)| *value)
    }
}

fn find(pairs: &[(String, String)], is_wanted: impl Fn(&str) -> bool) -> Option<&str> {
    let pair = pairs.iter().find(|(name, _)| is_wanted(name));
    pair.map(|(_, value)| value.as_str())
}

/// The API key that a request presents.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// No key, or one that cannot be read.
    Missing,
    /// A key's id and secret.
    Pair {
        /// The key's id.
        id: String,
        /// The key's secret.
        secret: String,
    },
    /// A key's secret alone.
    Secret(String),
}

/// Hides secrets from logs.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => out.write_str("Missing"),
            Self::Pair { id, .. } => write!(out, "Pair({id})"),
            Self::Secret(_) => out.write_str("Secret"),
        }
    }
}

/// What an order is judged against.
#[derive(Clone, Copy, Debug)]
pub struct Context<'c> {
    /// The route of the request.
    pub operation: &'c Operation,
    /// The request's head, for path parameters.
    pub head: &'c Head<'c>,
    /// The caller that sent the request.
    pub caller: Caller<'c>,
    /// The organisation that the request names, if any.
    pub organisation: Option<&'c Organisation>,
}

/// The options of a request that submits orders.
#[derive(Clone, Debug, Default)]
pub struct SubmitOptions {
    /// The id of the dialect of the orders. `None` means the request's own dialect.
    pub written_in: Option<String>,
    /// Whether valid orders are stored when others are rejected.
    pub policy: Policy,
    /// Which orders the response lists.
    pub results: Results,
    /// The batch whose rejected orders are sent again.
    pub mends: Option<BatchId>,
}

/// What a request without orders asks for.
pub enum ParsedRequest {
    /// Orders, filtered and paged.
    Orders(OrderQuery),
    /// The order with this key.
    Order {
        /// The order key.
        key: String,
    },
    /// Cancel these orders and release their keys.
    Withdraw {
        /// The order keys, as the response spells them.
        keys: Vec<String>,
        /// A fallback for each key, used if no order holds the key.
        otherwise: Vec<Option<String>>,
    },
    /// The organisations that the API key reaches, or the one that the request names.
    Organisations {
        /// How many to skip.
        offset: u64,
        /// How many to return, at least 1.
        limit: u64,
    },
}
