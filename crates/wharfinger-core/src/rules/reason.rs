//! Why a rule could not be evaluated, in words that never contain a value of the order.

use cel::ExecutionError;

/// The reason, as the end of a sentence.
pub(super) fn reason(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(name) => format!("there is no `{}`", short(name)),
        ExecutionError::NoSuchOverload(overload) => {
            let name = operator(overload.function());
            format!(
                "{name} cannot be applied to {}",
                overload.argument_types().join(" and ")
            )
        }
        ExecutionError::UndeclaredReference(name) => format!("`{}` is not known", short(name)),
        ExecutionError::UnexpectedType { got, want } => {
            format!("a value is {}, not {}", short(got), short(want))
        }
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "it divides by zero".to_owned()
        }
        ExecutionError::Overflow(..) => "a number is too large".to_owned(),
        ExecutionError::IndexOutOfBounds(_) => "a list has no element with this index".to_owned(),
        ExecutionError::ValuesNotComparable(..)
        | ExecutionError::UnsupportedBinaryOperator(..)
        | ExecutionError::UnsupportedIndex(..) => {
            "values of different kinds are combined".to_owned()
        }
        ExecutionError::FunctionError { function, .. } => {
            format!("{}() cannot convert a value", short(function))
        }
        _ => "a value is not of the expected kind".to_owned(),
    }
}

/// An operator as it is written: `_>_` is `>`.
fn operator(name: &str) -> String {
    let written = name.trim_matches('_');
    if written.is_empty() || written.chars().any(char::is_alphanumeric) {
        return format!("{}()", short(name));
    }
    format!("`{written}`")
}

fn short(name: &str) -> String {
    name.chars().take(60).collect()
}
