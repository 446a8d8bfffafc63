//! Parts of an expression that are rewritten, or looked at, while it is checked.

use cel::common::ast::operators as op;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, SelectExpr};
use cel::parser::Expression;
use regex::{Regex, RegexBuilder};

use super::shape::Shape;

/// Most memory of a compiled regular expression, in bytes.
const REGEX_BYTES_MAX: usize = 256 << 10;

/// Compiles a regular expression that is written in a rule.
pub(super) fn compiled_pattern(pattern: &Expression) -> Result<Regex, &'static str> {
    let Expr::Literal(LiteralValue::String(written)) = &pattern.expr else {
        return Err("the regular expression must be written in the rule as text");
    };
    let mut builder = RegexBuilder::new(written.inner());
    builder
        .size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => {
                "the regular expression is too large; use fewer or smaller repetitions"
            }
            _ => "is not a regular expression that can be matched in linear time",
        })
}

pub(super) fn of_literal(literal: &LiteralValue) -> Shape {
    match literal {
        LiteralValue::Boolean(_) => Shape::Bool,
        LiteralValue::Double(_) => Shape::Number,
        LiteralValue::Int(_) => Shape::Int,
        LiteralValue::String(_) => Shape::Text,
        LiteralValue::Bytes(_) | LiteralValue::Null | LiteralValue::UInt(_) => Shape::Unknown,
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
