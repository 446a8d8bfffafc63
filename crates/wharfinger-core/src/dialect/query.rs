//! Strict reading of query parameters: an unknown, repeated or invalid parameter is refused.

use crate::decide::admit::Policy;
use crate::dialect::{Head, Operation, ParameterPlace, Results};
use crate::order::failure::RequestFailure;

/// The parameters of a query. All of them are known.
#[derive(Clone, Copy, Debug)]
pub struct Query<'h> {
    pairs: &'h [(String, String)],
}

impl<'h> Query<'h> {
    /// Checks a query against an operation's parameters, each of which may occur once.
    ///
    /// # Errors
    /// [`RequestFailure::BadParameter`]: a parameter is unknown or repeated.
    pub fn new(head: &Head<'h>, operation: &Operation) -> Result<Self, RequestFailure> {
        let known = operation.parameters.iter();
        let known = known.filter(|parameter| parameter.place == ParameterPlace::Query);
        let known: Vec<_> = known.map(|parameter| parameter.name).collect();
        for (at, (name, _)) in head.query.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let known = if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                };
                return Err(RequestFailure::BadParameter(format!(
                    "Unknown parameter {name:?}; known parameters: {known}"
                )));
            }
            if head.query[..at].iter().any(|(earlier, _)| earlier == name) {
                return Err(RequestFailure::BadParameter(format!(
                    "Parameter {name} is given twice"
                )));
            }
        }
        Ok(Self { pairs: head.query })
    }

    /// Returns a parameter as it was sent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'h str> {
        let pair = self.pairs.iter().find(|(known, _)| known == name);
        pair.map(|(_, value)| value.as_str())
    }

    /// Reads `policy`: whether valid orders are stored when others are rejected.
    ///
    /// # Errors
    /// [`RequestFailure::BadParameter`].
    pub fn policy(&self) -> Result<Policy, RequestFailure> {
        let policy = self.read("policy", "partial or all_or_nothing", |value| match value {
            "partial" => Some(Policy::Partial),
            "all_or_nothing" => Some(Policy::AllOrNothing),
            _ => None,
        });
        Ok(policy?.unwrap_or_default())
    }

    /// Reads `results`: which orders the response lists.
    ///
    /// # Errors
    /// [`RequestFailure::BadParameter`].
    pub fn results(&self) -> Result<Results, RequestFailure> {
        let results = self.read("results", "all, rejected or none", |value| match value {
            "all" => Some(Results::All),
            "rejected" => Some(Results::Rejected),
            "none" => Some(Results::None),
            _ => None,
        });
        Ok(results?.unwrap_or_default())
    }

    /// Reads a parameter by a rule. Returns `None` if it is absent.
    ///
    /// # Errors
    /// [`RequestFailure::BadParameter`]: the rule does not accept the value. `wanted` says what it accepts.
    pub fn read<T>(
        &self,
        name: &str,
        wanted: &str,
        rule: impl FnOnce(&'h str) -> Option<T>,
    ) -> Result<Option<T>, RequestFailure> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let read = rule(value).ok_or_else(|| {
            RequestFailure::BadParameter(format!("Parameter {name} must be {wanted}"))
        })?;
        Ok(Some(read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{Action, Parameter, ParameterKind};
    use crate::order::organisation::Scope;

    const LIMIT: &[Parameter] = &[Parameter::query("limit", ParameterKind::Text, "How many")];

    #[test]
    fn unknown_repeated_and_wrong_parameters_are_told() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let told = |query: &[(String, String)]| {
            let head = Head {
                path: &[],
                query,
                headers: &[],
            };
            let operation = Operation {
                name: "list",
                method: "GET",
                path: "/list",
                scope: Some(Scope::OrdersRead),
                action: Action::List,
                summary: "Lists",
                parameters: LIMIT,
            };
            let limit = Query::new(&head, &operation).and_then(|query| {
                query.read("limit", "a number", |value| value.parse::<u8>().ok())
            });
            limit.map_err(|failure| failure.message())
        };
        assert_eq!(told(&[]), Ok(None));
        assert_eq!(told(&[pair("limit", "7")]), Ok(Some(7)));
        let wrong = told(&[pair("limit", "-7")]);
        assert_eq!(wrong, Err("Parameter limit must be a number".to_owned()));
        let twice = told(&[pair("limit", "7"), pair("limit", "7")]);
        assert_eq!(twice, Err("Parameter limit is given twice".to_owned()));
        let unknown = told(&[pair("Limit", "7")]);
        assert_eq!(
            unknown,
            Err("Unknown parameter \"Limit\"; known parameters: limit".to_owned())
        );
    }
}
