//! Checks an expression before it is ever evaluated: names exist, operands fit, and the work is bounded. Rewrites what CEL does not
//! do by itself: `has()` of an attribute, whole numbers beside amounts, and regular expressions.

use cel::common::ast::{ComprehensionExpr, Expr, ListExpr, LiteralValue, SelectExpr, SourceInfo};
use cel::parser::Expression;
use regex::Regex;

use super::compile::{Compiled, Fault};
use super::cost::Cost;
use super::rewrite::{collected, is_present, keeps_elements, of_literal};
use super::shape::Shape;

/// Most levels of an expression.
const DEPTH_MAX: usize = 40;
/// Most loops inside one another: none is in another.
const LOOPS_MAX: usize = 1;

/// Checks and rewrites an expression. Its first regular expression gets the position `first_regex`.
pub(super) fn check(
    (expression, source): (&Expression, &SourceInfo),
    first_regex: usize,
) -> Result<Compiled, Fault> {
    let mut checking = Checking {
        source,
        variables: Vec::new(),
        regexes: Vec::new(),
        first_regex,
        cost: Cost::default(),
        loops: 0,
        depth: 0,
        kept: None,
        names: Vec::new(),
        names_metadata: false,
    };
    let mut expression = expression.clone();
    let mut shape = checking.expression(&mut expression)?;
    if let (Shape::Unknown, Expr::Literal(_)) = (shape, &expression.expr) {
        shape = Shape::Number;
    }
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
        cost: checking.cost,
        names: checking.names,
        names_metadata: checking.names_metadata,
    })
}

pub(super) struct Checking<'s> {
    source: &'s SourceInfo,
    /// The variables of the loops around, innermost last.
    pub(super) variables: Vec<(String, Shape)>,
    pub(super) regexes: Vec<Regex>,
    /// The position of the first of them among those of all rules.
    pub(super) first_regex: usize,
    pub(super) cost: Cost,
    /// How many loops are around.
    loops: usize,
    depth: usize,
    /// The variable of a loop that may collect its elements.
    kept: Option<String>,
    names: Vec<Vec<String>>,
    names_metadata: bool,
}

impl Checking<'_> {
    pub(super) fn fault<T>(&self, id: u64, message: impl Into<String>) -> Result<T, Fault> {
        let start = self.source.offset_for(id).map_or(0, |(start, _)| start);
        Err(Fault {
            at: start as usize,
            message: message.into(),
        })
    }

    pub(super) fn expression(&mut self, expression: &mut Expression) -> Result<Shape, Fault> {
        self.cost.nodes[self.loops] += 1;
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
            Expr::Literal(literal) => {
                if let LiteralValue::String(text) = literal {
                    self.cost.literal_bytes += text.inner().len() as u64;
                }
                Ok(of_literal(literal))
            }
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
    pub(super) fn value(&mut self, expression: &mut Expression) -> Result<Shape, Fault> {
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
        let length = list.elements.len() as u64;
        self.cost.longest_literal = self.cost.longest_literal.max(length);
        for element in &mut list.elements {
            // `filter()` collects elements as they are.
            let is_kept =
                matches!(&element.expr, Expr::Ident(name) if self.kept.as_deref() == Some(name));
            if is_kept {
                self.expression(element)?;
            } else if self.value(element)?.may_be_container() {
                self.cost.wholes[self.loops] += 1;
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
        let makes_list = matches!(comprehension.accu_init.expr, Expr::List(_));
        if self.loops >= LOOPS_MAX {
            return self.fault(id, "has a loop inside a loop; loops must not be nested");
        }
        // A loop copies each element, and once more if it collects it.
        self.cost.wholes[self.loops] += 1 + u64::from(makes_list);
        self.loops += 1;
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

    /// Counts texts that are looked at.
    pub(super) fn count_texts(&mut self, texts: u64) {
        self.cost.texts[self.loops] += texts;
    }

    /// Counts a list or an object that is copied or compared.
    pub(super) fn count_whole(&mut self) {
        self.cost.wholes[self.loops] += 1;
    }

    /// Counts a search in a list: a loop over it.
    pub(super) fn count_search(&mut self) {
        self.count_whole();
        self.cost.nodes[self.loops + 1] += 1;
        self.cost.texts[self.loops + 1] += 1;
    }
}
