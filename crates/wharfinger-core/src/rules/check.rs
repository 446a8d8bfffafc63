//! Checks an expression before it is ever evaluated: names exist, operands fit, and the work is bounded. Rewrites what CEL does not
//! do by itself: `has()` of an attribute, whole numbers beside amounts, and regular expressions.

use cel::common::ast::operators as op;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, Expr, ListExpr, LiteralValue, SelectExpr, SourceInfo,
};
use cel::parser::Expression;
use regex::Regex;

use super::compile::{Compiled, Fault};
use super::rewrite::{
    as_number, collected, compiled_pattern, is_accumulator, is_present, keeps_elements, of_literal,
};
use super::shape::Shape;

/// The function that calls with a regular expression become: the text, and the position among the rule's regular expressions.
pub(super) const MATCHES: &str = "matches_at";

/// Most levels of an expression.
const DEPTH_MAX: usize = 40;
/// Most loops inside one another.
const LOOPS_MAX: u32 = 2;
/// Most texts that are joined.
const JOINS_MAX: u32 = 8;
const FUNCTIONS: &str = "size, contains, startsWith, endsWith, matches, has, exists, exists_one, all, map, filter, int, double, string";

/// Checks and rewrites an expression.
pub(super) fn check(expression: &Expression, source: &SourceInfo) -> Result<Compiled, Fault> {
    let mut checking = Checking {
        source,
        variables: Vec::new(),
        regexes: Vec::new(),
        nodes: 0,
        loops: 0,
        loops_max: 0,
        joins: 0,
        longest_literal: 0,
        depth: 0,
        kept: None,
        names: Vec::new(),
        names_metadata: false,
    };
    let mut expression = expression.clone();
    let shape = checking.expression(&mut expression)?;
    match shape {
        Shape::Bool | Shape::Data | Shape::Unknown => {}
        _ => {
            let message = format!("must be true or false, but is {}", shape.name());
            return Err(Fault { at: 0, message });
        }
    }
    checking.names.sort_unstable();
    checking.names.dedup();
    Ok(Compiled {
        expression,
        regexes: checking.regexes,
        nodes: checking.nodes,
        loops: checking.loops_max,
        longest_literal: checking.longest_literal,
        names: checking.names,
        names_metadata: checking.names_metadata,
    })
}

struct Checking<'s> {
    source: &'s SourceInfo,
    /// The variables of the loops around, innermost last.
    variables: Vec<(String, Shape)>,
    regexes: Vec<Regex>,
    nodes: u64,
    loops: u32,
    loops_max: u32,
    joins: u32,
    longest_literal: u64,
    depth: usize,
    /// The variable of a loop that may collect its elements.
    kept: Option<String>,
    names: Vec<Vec<String>>,
    names_metadata: bool,
}

impl Checking<'_> {
    fn fault<T>(&self, id: u64, message: impl Into<String>) -> Result<T, Fault> {
        let start = self.source.offset_for(id).map_or(0, |(start, _)| start);
        Err(Fault {
            at: start as usize,
            message: message.into(),
        })
    }

    fn expression(&mut self, expression: &mut Expression) -> Result<Shape, Fault> {
        self.nodes += 1;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return self.fault(
                expression.id,
                format!("has more than {DEPTH_MAX} levels; split it into several rules"),
            );
        }
        let id = expression.id;
        let shape = match &mut expression.expr {
            Expr::Ident(name) => self.variable(id, name),
            Expr::Literal(literal) => Ok(of_literal(literal)),
            Expr::List(list) => self.list(list),
            Expr::Comprehension(comprehension) => self.comprehension(id, comprehension),
            Expr::Call(call) => self.call(id, call),
            Expr::Select(select) => {
                let (shape, is_test) = self.select(id, select)?;
                if is_test {
                    let attribute = std::mem::take(select);
                    expression.expr = is_present(id, attribute);
                }
                Ok(shape)
            }
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                self.fault(id, "objects cannot be made in a rule")
            }
        }?;
        self.depth -= 1;
        Ok(shape)
    }

    /// As [`Self::expression`], of a value that is compared, joined or made part of a list.
    fn value(&mut self, expression: &mut Expression) -> Result<Shape, Fault> {
        let shape = self.expression(expression)?;
        if shape.is_container() {
            let message = format!(
                "{} cannot be used as a value here; name an attribute of it, or use size()",
                shape.name()
            );
            return self.fault(expression.id, message);
        }
        Ok(shape)
    }

    fn variable(&mut self, id: u64, name: &str) -> Result<Shape, Fault> {
        let found = self.variables.iter().rev().find(|(known, _)| known == name);
        if let Some((_, shape)) = found {
            return Ok(*shape);
        }
        match name {
            "order" => Ok(Shape::Order),
            _ => self.fault(
                id,
                format!(
                    "unknown name `{name}`; attributes begin with `order`, such as order.total"
                ),
            ),
        }
    }

    fn list(&mut self, list: &mut ListExpr) -> Result<Shape, Fault> {
        self.longest_literal = self.longest_literal.max(list.elements.len() as u64);
        for element in &mut list.elements {
            // `filter()` collects elements as they are.
            let is_kept =
                matches!(&element.expr, Expr::Ident(name) if self.kept.as_deref() == Some(name));
            if is_kept {
                self.expression(element)?;
            } else {
                self.value(element)?;
            }
        }
        Ok(Shape::List)
    }

    /// Returns the shape, and whether `has()` of a known attribute is to be rewritten.
    fn select(&mut self, id: u64, select: &mut SelectExpr) -> Result<(Shape, bool), Fault> {
        let operand = self.expression(&mut select.operand)?;
        let shape = match operand.attribute(&select.field) {
            Ok(shape) => shape,
            Err(message) => return self.fault(id, message),
        };
        self.names_metadata |= shape == Shape::Data;
        if !select.test {
            self.note_name(select, shape);
            return Ok((shape, false));
        }
        match (operand, shape) {
            (Shape::Data | Shape::Unknown, _) => Ok((Shape::Bool, false)),
            (_, Shape::Text | Shape::Number) => Ok((Shape::Bool, true)),
            (_, Shape::Lines | Shape::Texts | Shape::Data) => self.fault(
                id,
                "has() takes an attribute with one value; use size() > 0 here",
            ),
            _ => self.fault(
                id,
                format!(
                    "has() takes an attribute with one value, such as has({}.country)",
                    select.field
                ),
            ),
        }
    }

    /// Notes the name of an attribute of the order, to say which one an order lacks.
    fn note_name(&mut self, select: &SelectExpr, shape: Shape) {
        if shape != Shape::Text && shape != Shape::Number {
            return;
        }
        let mut path = vec![select.field.clone()];
        let mut operand = &select.operand.expr;
        while let Expr::Select(outer) = operand {
            path.push(outer.field.clone());
            operand = &outer.operand.expr;
        }
        if matches!(operand, Expr::Ident(name) if name == "order") {
            path.reverse();
            self.names.push(path);
        }
    }

    fn comprehension(
        &mut self,
        id: u64,
        comprehension: &mut ComprehensionExpr,
    ) -> Result<Shape, Fault> {
        let range = self.expression(&mut comprehension.iter_range)?;
        let Some(element) = range.element() else {
            let message = format!(
                "exists(), all(), map() and filter() take a list, not {}",
                range.name()
            );
            return self.fault(comprehension.iter_range.id, message);
        };
        self.loops += 1;
        self.loops_max = self.loops_max.max(self.loops);
        if self.loops > LOOPS_MAX {
            return self.fault(
                id,
                format!("has more than {LOOPS_MAX} loops inside one another"),
            );
        }
        let makes_list = matches!(comprehension.accu_init.expr, Expr::List(_));
        let is_test = matches!(
            comprehension.accu_init.expr,
            Expr::Literal(LiteralValue::Boolean(_))
        );
        let before = self.variables.len();
        self.variables
            .push((comprehension.accu_var.clone(), Shape::Unknown));
        self.variables
            .push((comprehension.iter_var.clone(), element));
        if let Some(second) = &comprehension.iter_var2 {
            self.variables.push((second.clone(), Shape::Unknown));
        }
        self.expression(&mut comprehension.loop_cond)?;
        self.steps(
            &mut comprehension.loop_step,
            (makes_list, &comprehension.iter_var),
        )?;
        self.expression(&mut comprehension.result)?;
        self.variables.truncate(before);
        self.loops -= 1;
        Ok(match (is_test, makes_list, range) {
            (_, true, Shape::Lines) if keeps_elements(comprehension) => Shape::Lines,
            (_, true, _) => Shape::List,
            (true, ..) => Shape::Bool,
            // exists_one counts, and compares the count at the end.
            _ => Shape::Bool,
        })
    }

    /// The step of a loop. `map()` may collect values only: containers would be copied for each element. `filter()` collects the
    /// elements themselves.
    fn steps(
        &mut self,
        step: &mut Expression,
        (makes_list, variable): (bool, &str),
    ) -> Result<(), Fault> {
        if makes_list
            && let Some(collected) = collected(step)
            && !matches!(&collected.expr, Expr::Ident(name) if name == variable)
        {
            let mut collected = collected.clone();
            let shape = self.expression(&mut collected)?;
            if shape.is_container() || matches!(shape, Shape::Data | Shape::List | Shape::Unknown) {
                let message = "map() may make texts and numbers only; use string() or double() around data of the sender";
                return self.fault(collected.id, message);
            }
        }
        let around = self.kept.replace(variable.to_owned());
        let checked = self.expression(step);
        self.kept = around;
        checked.map(drop)
    }

    fn call(&mut self, id: u64, call: &mut CallExpr) -> Result<Shape, Fault> {
        if let Some(target) = &mut call.target {
            let shape = self.expression(target)?;
            return self.member(id, call, shape);
        }
        let name = call.func_name.clone();
        match name.as_str() {
            op::LOGICAL_AND | op::LOGICAL_OR | op::LOGICAL_NOT | op::NOT_STRICTLY_FALSE => {
                for argument in &mut call.args {
                    let shape = self.value(argument)?;
                    if !matches!(shape, Shape::Bool | Shape::Data | Shape::Unknown) {
                        let message =
                            format!("must be true or false here, but is {}", shape.name());
                        return self.fault(argument.id, message);
                    }
                }
                Ok(Shape::Bool)
            }
            op::EQUALS
            | op::NOT_EQUALS
            | op::LESS
            | op::LESS_EQUALS
            | op::GREATER
            | op::GREATER_EQUALS => {
                let shapes = self.values(call)?;
                self.comparable(id, &shapes)?;
                Ok(Shape::Bool)
            }
            op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO => {
                self.arithmetic(id, call)
            }
            op::NEGATE => Ok(self
                .values(call)?
                .first()
                .copied()
                .unwrap_or(Shape::Unknown)),
            op::CONDITIONAL => {
                let shapes = self.values(call)?;
                Ok(match shapes.as_slice() {
                    [_, one, other] if one == other => *one,
                    _ => Shape::Unknown,
                })
            }
            op::IN => self.is_in(call),
            op::INDEX => self.index(id, call),
            "size" => {
                for argument in &mut call.args {
                    self.expression(argument)?;
                }
                Ok(Shape::Int)
            }
            "int" | "double" | "string" => {
                self.values(call)?;
                Ok(match name.as_str() {
                    "int" => Shape::Int,
                    "double" => Shape::Number,
                    _ => Shape::Text,
                })
            }
            "matches" => self.matches(id, call),
            _ => self.fault(
                id,
                format!("unknown function `{name}`; functions: {FUNCTIONS}"),
            ),
        }
    }

    /// A call on a value, such as `order.key.startsWith("A")`.
    fn member(&mut self, id: u64, call: &mut CallExpr, target: Shape) -> Result<Shape, Fault> {
        let name = call.func_name.clone();
        match name.as_str() {
            "size" => {
                self.values(call)?;
                Ok(Shape::Int)
            }
            "contains" | "startsWith" | "endsWith" | "matches" => {
                if !matches!(target, Shape::Text | Shape::Data | Shape::Unknown) {
                    return self.fault(
                        id,
                        format!("{name}() is a function of texts, not of {}", target.name()),
                    );
                }
                if name == "matches" {
                    return self.matches(id, call);
                }
                self.values(call)?;
                Ok(Shape::Bool)
            }
            _ => self.fault(
                id,
                format!("unknown function `{name}`; functions: {FUNCTIONS}"),
            ),
        }
    }

    fn values(&mut self, call: &mut CallExpr) -> Result<Vec<Shape>, Fault> {
        let arguments = call.args.iter_mut();
        arguments.map(|argument| self.value(argument)).collect()
    }

    fn comparable(&self, id: u64, shapes: &[Shape]) -> Result<(), Fault> {
        let kind = |shape: Shape| match shape {
            Shape::Int | Shape::Number => Some(Shape::Number),
            Shape::Text | Shape::Bool | Shape::List => Some(shape),
            _ => None,
        };
        if let [one, other] = shapes
            && let (Some(one), Some(other)) = (kind(*one), kind(*other))
            && one != other
        {
            return self.fault(id, format!("compares {} with {}", one.name(), other.name()));
        }
        Ok(())
    }

    /// CEL does not mix whole numbers with others in arithmetic. Whole numbers beside amounts become numbers like them.
    fn arithmetic(&mut self, id: u64, call: &mut CallExpr) -> Result<Shape, Fault> {
        let shapes = self.values(call)?;
        if shapes.contains(&Shape::Bool) {
            return self.fault(id, "calculates with true or false");
        }
        if shapes.contains(&Shape::Number) {
            for (argument, shape) in call.args.iter_mut().zip(&shapes) {
                if *shape == Shape::Text {
                    return self.fault(argument.id, "calculates with a text");
                }
                if *shape == Shape::Int {
                    as_number(argument);
                }
            }
            return Ok(Shape::Number);
        }
        if shapes.iter().all(|shape| *shape == Shape::Int) {
            return Ok(Shape::Int);
        }
        if call.func_name == op::ADD {
            if self
                .variables
                .iter()
                .any(|(name, _)| is_accumulator(name, call))
            {
                return Ok(Shape::Unknown);
            }
            self.joins += 1;
            if self.joins > JOINS_MAX {
                return self.fault(id, format!("joins more than {JOINS_MAX} texts"));
            }
            let is_text = shapes.contains(&Shape::Text);
            return Ok(if is_text { Shape::Text } else { Shape::Unknown });
        }
        Ok(Shape::Unknown)
    }

    fn is_in(&mut self, call: &mut CallExpr) -> Result<Shape, Fault> {
        if let [wanted, list] = call.args.as_mut_slice() {
            self.value(wanted)?;
            let shape = self.expression(list)?;
            if !matches!(
                shape,
                Shape::Texts | Shape::List | Shape::Data | Shape::Unknown
            ) {
                return self.fault(list.id, format!("`in` takes a list, not {}", shape.name()));
            }
        }
        Ok(Shape::Bool)
    }

    fn index(&mut self, id: u64, call: &mut CallExpr) -> Result<Shape, Fault> {
        let [list, at] = call.args.as_mut_slice() else {
            return self.fault(id, "an index takes one value");
        };
        let shape = self.expression(list)?;
        self.value(at)?;
        match shape.element() {
            Some(element) => Ok(element),
            None => self.fault(
                id,
                format!("{} has no index; use a dot and a name", shape.name()),
            ),
        }
    }

    /// Compiles a regular expression now, so that none is compiled for an order.
    fn matches(&mut self, id: u64, call: &mut CallExpr) -> Result<Shape, Fault> {
        let text = match call.target.take() {
            Some(target) => *target,
            None if call.args.len() == 2 => {
                let mut text = call.args.remove(0);
                self.value(&mut text)?;
                text
            }
            None => return self.fault(id, "matches() takes a text and a regular expression"),
        };
        let [pattern] = call.args.as_slice() else {
            return self.fault(id, "matches() takes one regular expression");
        };
        let regex = match compiled_pattern(pattern) {
            Ok(regex) => regex,
            Err(message) => return self.fault(pattern.id, message),
        };
        let at = i64::try_from(self.regexes.len()).unwrap_or(i64::MAX);
        self.regexes.push(regex);
        let position = Expression {
            id: pattern.id,
            expr: Expr::Literal(LiteralValue::Int(at.into())),
        };
        MATCHES.clone_into(&mut call.func_name);
        call.args = vec![text, position];
        Ok(Shape::Bool)
    }
}
