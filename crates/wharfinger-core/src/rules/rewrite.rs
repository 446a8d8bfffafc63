//! Parts of an expression that are rewritten, or looked at, while it is checked.

use cel::common::ast::operators as op;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, SelectExpr};
use cel::parser::Expression;
use regex::{Regex, RegexBuilder};

use super::shape::Shape;

/// Most memory of a compiled regular expression, in bytes.
const REGEX_BYTES_MAX: usize = 256 << 10;

/// A regular expression counts once for each so many bytes, as it is written to be matched.
const REGEX_BYTES: usize = 4 << 10;

/// Compiles a regular expression that is written in a rule. Returns how much matching counts too.
pub(super) fn compiled_pattern(pattern: &Expression) -> Result<(Regex, u64), String> {
    let Expr::Literal(LiteralValue::String(written)) = &pattern.expr else {
        return Err("the regular expression must be written in the rule as text".to_owned());
    };
    let mut size = REGEX_BYTES;
    loop {
        let mut builder = RegexBuilder::new(written.inner());
        match builder.size_limit(size).build() {
            Ok(regex) => return Ok((regex, (size / REGEX_BYTES) as u64)),
            Err(regex::Error::CompiledTooBig(_)) if size < REGEX_BYTES_MAX => size *= 2,
            Err(regex::Error::CompiledTooBig(_)) => {
                let message =
                    "the regular expression is too large; use fewer or smaller repetitions";
                return Err(message.to_owned());
            }
            Err(error) => {
                let shown = error.to_string();
                let why = shown.lines().last().unwrap_or_default().trim();
                let why = why.strip_prefix("error: ").unwrap_or(why);
                return Err(format!("the regular expression is wrong: {why}"));
            }
        }
    }
}

/// Whether a number is written with a minus.
pub(super) fn is_negative(number: &Expression) -> bool {
    match &number.expr {
        Expr::Literal(LiteralValue::Int(whole)) => *whole.inner() < 0,
        Expr::Call(call) => {
            let is_literal = |argument: &Expression| matches!(argument.expr, Expr::Literal(_));
            call.func_name == op::NEGATE && call.args.iter().all(is_literal)
        }
        _ => false,
    }
}

pub(super) fn of_literal(literal: &LiteralValue) -> Shape {
    match literal {
        LiteralValue::Boolean(_) => Shape::Bool,
        LiteralValue::Double(_) => Shape::Number,
        LiteralValue::Int(_) => Shape::Int,
        LiteralValue::String(_) => Shape::Text,
        LiteralValue::Null => Shape::Null,
        LiteralValue::Bytes(_) | LiteralValue::UInt(_) => Shape::Unknown,
    }
}

/// `attribute != null`.
pub(super) fn is_present(id: u64, attribute: SelectExpr) -> Expr {
    let attribute = Expression {
        id,
        expr: Expr::Select(SelectExpr {
            test: false,
            ..attribute
        }),
    };
    let null = Expression {
        id,
        expr: Expr::Literal(LiteralValue::Null),
    };
    Expr::Call(CallExpr {
        func_name: op::NOT_EQUALS.to_owned(),
        target: None,
        args: vec![attribute, null],
    })
}

/// Makes a whole number a floating-point number.
pub(super) fn as_number(expression: &mut Expression) {
    if let Expr::Literal(LiteralValue::Int(whole)) = &expression.expr {
        #[expect(
            clippy::cast_precision_loss,
            reason = "CEL converts whole numbers in the same way"
        )]
        let number = *whole.inner() as f64;
        expression.expr = Expr::Literal(LiteralValue::Double(number.into()));
        return;
    }
    let id = expression.id;
    let whole = std::mem::take(expression);
    *expression = Expression {
        id,
        expr: Expr::Call(CallExpr {
            func_name: "double".to_owned(),
            target: None,
            args: vec![whole],
        }),
    };
}

/// Whether a call adds to the accumulator of a loop, whose name no rule can write.
pub(super) fn is_accumulator(name: &str, call: &CallExpr) -> bool {
    let of_call = |argument: &Expression| matches!(&argument.expr, Expr::Ident(own) if own == name);
    name.starts_with('@') && call.args.iter().any(of_call)
}

/// What the step of a loop adds to its list: the element of `@result + [element]`, also behind a condition.
pub(super) fn collected(step: &Expression) -> Option<&Expression> {
    let Expr::Call(call) = &step.expr else {
        return None;
    };
    match (call.func_name.as_str(), call.args.as_slice()) {
        (op::ADD, [_, list]) => match &list.expr {
            Expr::List(list) => list.elements.first(),
            _ => None,
        },
        (op::CONDITIONAL, [_, step, _]) => collected(step),
        _ => None,
    }
}

/// Whether a loop collects its elements as they are.
pub(super) fn keeps_elements(comprehension: &ComprehensionExpr) -> bool {
    let collected = collected(&comprehension.loop_step);
    collected.is_some_and(
        |kept| matches!(&kept.expr, Expr::Ident(name) if *name == comprehension.iter_var),
    )
}
