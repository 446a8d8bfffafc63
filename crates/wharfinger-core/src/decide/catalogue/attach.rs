//! Attaches an order to a customer.

use super::Names;
use crate::order::problem::{Code, Path, Problem};

/// What an order says about its customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attach {
    /// The number of an existing customer.
    pub id: Option<u64>,
    /// Whether to attach to the customer with this e-mail address, and to register one if there is none.
    pub registers: bool,
    /// The e-mail address, normalised.
    pub email: Option<String>,
    /// Given names, for registration.
    pub first_name: Option<String>,
    /// Family names, for registration.
    pub last_name: Option<String>,
    /// Whether the customer requests a new password.
    pub wants_new_password: bool,
}

/// The existing customers that an order could be attached to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KnownCustomers {
    /// Whether a customer has the number that the order names.
    pub has_id: bool,
    /// The number of the customer with the order's e-mail address.
    pub of_email: Option<u64>,
}

/// The customer that an order is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attached {
    /// No customer.
    Nobody,
    /// The existing customer with this number.
    To(u64),
    /// A customer that is to be registered.
    New,
}

/// Decides which customer an order is attached to.
pub(super) fn attach(
    attach: &Attach,
    names: &Names,
    known: KnownCustomers,
) -> Result<Attached, Problem> {
    let problem = |name, code| Problem {
        path: Path::of(name),
        code,
    };
    if attach.id.is_some() && !known.has_id {
        return Err(problem(names.customer, Code::UnknownCustomer));
    }
    if attach.registers && attach.email.is_none() {
        return Err(problem(names.register, Code::NeedsEmail));
    }
    match (attach.id, known.of_email) {
        (Some(id), Some(other)) if attach.registers && id != other => {
            Err(problem(names.register, Code::OtherCustomer))
        }
        (Some(id), _) => Ok(Attached::To(id)),
        (None, Some(known)) if attach.registers => Ok(Attached::To(known)),
        (None, None) if attach.registers => Ok(Attached::New),
        (None, _) => Ok(Attached::Nobody),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_is_found_registered_or_refused() {
        let names = Names {
            lines: "lines",
            customer: "customer",
            register: "register",
        };
        let named = |id, registers, email: bool| Attach {
            id,
            registers,
            email: email.then(|| "ann@example.com".into()),
            ..Attach::default()
        };
        let known = |has_id, of_email| KnownCustomers { has_id, of_email };
        for (attach, known, expected) in [
            (
                named(None, false, true),
                known(false, Some(7)),
                Ok(Attached::Nobody),
            ),
            (
                named(None, true, true),
                known(false, Some(7)),
                Ok(Attached::To(7)),
            ),
            (
                named(None, true, true),
                known(false, None),
                Ok(Attached::New),
            ),
            (
                named(Some(3), false, true),
                known(true, Some(7)),
                Ok(Attached::To(3)),
            ),
            (
                named(Some(3), true, true),
                known(true, Some(3)),
                Ok(Attached::To(3)),
            ),
            (
                named(Some(3), true, true),
                known(true, None),
                Ok(Attached::To(3)),
            ),
            (
                named(Some(3), true, true),
                known(true, Some(7)),
                Err(Code::OtherCustomer),
            ),
            (
                named(Some(3), false, true),
                known(false, None),
                Err(Code::UnknownCustomer),
            ),
            (
                named(None, true, false),
                known(false, None),
                Err(Code::NeedsEmail),
            ),
        ] {
            let found = super::attach(&attach, &names, known).map_err(|problem| problem.code);
            assert_eq!(found, expected, "{attach:?} {known:?}");
        }
    }
}
