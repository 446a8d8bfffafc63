//! Checks the calls of an expression: functions exist, and get as many arguments as they take, of the right kinds.

use cel::common::ast::operators as op;
use cel::common::ast::{CallExpr, Expr, LiteralValue};
use cel::parser::Expression;

use super::check::Checking;
use super::compile::Fault;
use super::rewrite::{as_number, compiled_pattern, is_accumulator, is_negative};
use super::shape::Shape;

/// The function that calls with a regular expression become: the text, and the position among the regular expressions of all rules.
pub(super) const MATCHES: &str = "matches_at";

/// Most texts that are joined.
const JOINS_MAX: u64 = 8;
const FUNCTIONS: &str = "size, contains, startsWith, endsWith, matches, has, exists, exists_one, all, map, filter, int, double, string";

impl Checking<'_> {
    pub(super) fn call(&mut self, id: u64, call: &mut CallExpr) -> Result<Shape, Fault> {
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
            | op::GREATER_EQUALS => self.comparison(id, call),
            op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO => {
                self.arithmetic(id, call)
            }
            op::NEGATE => match self.values(call)?.as_slice() {
                [shape @ (Shape::Int | Shape::Number | Shape::Data | Shape::Unknown)] => Ok(*shape),
                _ => self.fault(id, "`-` takes a number"),
            },
            op::CONDITIONAL => match self.values(call)?.as_slice() {
                [Shape::Bool | Shape::Data | Shape::Unknown, one, other] => {
                    Ok(if one == other { *one } else { Shape::Unknown })
                }
                _ => self.fault(id, "the condition before `?` must be true or false"),
            },
            op::IN => self.is_in(call),
            op::INDEX => self.index(id, call),
            "size" => {
                let [argument] = call.args.as_mut_slice() else {
                    return self.fault(id, "size() takes one argument");
                };
                let shape = self.expression(argument)?;
                self.size(id, shape)
            }
            "int" | "double" | "string" => {
                if call.args.len() != 1 {
                    return self.fault(id, format!("{name}() takes one argument"));
                }
                self.values(call)?;
                self.count_texts(1);
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
                if !call.args.is_empty() {
                    return self.fault(id, "size() after a dot takes no argument");
                }
                self.size(id, target)
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
                let shapes = self.values(call)?;
                let [Shape::Text | Shape::Data | Shape::Unknown] = shapes.as_slice() else {
                    return self.fault(id, format!("{name}() takes one argument, a text"));
                };
                self.count_texts(2);
                Ok(Shape::Bool)
            }
            _ => self.fault(
                id,
                format!("unknown function `{name}`; functions: {FUNCTIONS}"),
            ),
        }
    }

    fn size(&mut self, id: u64, of: Shape) -> Result<Shape, Fault> {
        if matches!(of, Shape::Number | Shape::Int | Shape::Bool | Shape::Null) {
            return self.fault(id, format!("{} has no size", of.name()));
        }
        self.count_texts(1);
        Ok(Shape::Int)
    }

    fn comparison(&mut self, id: u64, call: &mut CallExpr) -> Result<Shape, Fault> {
        let shapes = self.values(call)?;
        self.comparable(id, &shapes)?;
        let is_equality = matches!(call.func_name.as_str(), op::EQUALS | op::NOT_EQUALS);
        if !is_equality && shapes.contains(&Shape::Null) {
            return self.fault(id, "null can be compared with == and != only");
        }
        if shapes.iter().all(|shape| shape.may_be_container()) {
            self.count_whole();
        }
        if shapes.iter().all(|shape| shape.may_be_text()) {
            self.count_texts(1);
        }
        Ok(Shape::Bool)
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
        if shapes.contains(&Shape::Null) {
            return self.fault(id, "calculates with null");
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
            if shapes.contains(&Shape::List) {
                return self.fault(id, "lists cannot be joined");
            }
            if shapes.iter().all(|shape| shape.may_be_container()) {
                self.count_whole();
            }
            self.count_texts(1);
            self.cost.joins += 1;
            if self.cost.joins > JOINS_MAX {
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
            match &list.expr {
                Expr::List(written) => self.count_texts(written.elements.len() as u64),
                _ => self.count_search(),
            }
        }
        Ok(Shape::Bool)
    }

    fn index(&mut self, id: u64, call: &mut CallExpr) -> Result<Shape, Fault> {
        let [list, at] = call.args.as_mut_slice() else {
            return self.fault(id, "an index takes one value");
        };
        let shape = self.expression(list)?;
        let position = self.value(at)?;
        if matches!(shape, Shape::Lines | Shape::Texts | Shape::List)
            && (is_negative(at) || !matches!(position, Shape::Int | Shape::Data | Shape::Unknown))
        {
            return self.fault(at.id, "an index of a list is a whole number from 0");
        }
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
                let shape = self.value(&mut text)?;
                if !matches!(shape, Shape::Text | Shape::Data | Shape::Unknown) {
                    let message = format!("matches() takes a text, not {}", shape.name());
                    return self.fault(id, message);
                }
                text
            }
            None => return self.fault(id, "matches() takes a text and a regular expression"),
        };
        let [pattern] = call.args.as_slice() else {
            return self.fault(id, "matches() takes one regular expression");
        };
        let (regex, weight) = match compiled_pattern(pattern) {
            Ok(compiled) => compiled,
            Err(message) => return self.fault(pattern.id, message),
        };
        self.count_texts(weight);
        let at = self.first_regex + self.regexes.len();
        let at = i64::try_from(at).unwrap_or(i64::MAX);
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
