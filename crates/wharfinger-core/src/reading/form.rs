//! Reads an object attribute by attribute and notes every problem.
//!
//! A dialect's decoder follows the vendor's table: one line per attribute, in the table's order. Problems are reported
//! in that order.

use std::borrow::Cow;

use crate::json::{Decimal, Kind, Object, Value};
use crate::limits::{PROBLEMS_PER_ORDER_MAX, WARNINGS_PER_ORDER_MAX};
use crate::order::problem::{Code, Path, Problem, Step};
use crate::order::warning::{Warning, WarningCode};
use crate::reading::validate::Checked;

/// An object while its attributes are read.
#[derive(Debug)]
pub struct Form<'f, 'd, 'a> {
    object: Object<'d, 'a>,
    place: StackPath<'f>,
    notes: &'f mut Notes,
    /// Whether the object may have any members.
    takes_any: bool,
}

/// What is noted while an order is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// The problems.
    pub problems: Vec<Problem>,
    /// The warnings: oddities that do not reject the order.
    pub warnings: Vec<Warning>,
    /// Whether an object of the order may have members that no rule has read.
    pub has_unread: bool,
}

/// The path to an object, as a chain on the decoders' stack. It becomes a [`Path`] only for a problem or a warning.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StackPath<'f> {
    Root,
    Member(&'f StackPath<'f>, &'f str),
    Element(&'f StackPath<'f>, usize),
}

impl StackPath<'_> {
    pub(crate) fn path(&self) -> Path {
        Path(self.steps(0))
    }

    /// Returns the steps, with capacity for exactly `more` further ones, so that a path wastes no memory.
    fn steps(&self, more: usize) -> Vec<Step> {
        match self {
            Self::Root => Vec::with_capacity(more),
            Self::Member(parent, name) => {
                let mut steps = parent.steps(more + 1);
                steps.push(Step::Name((*name).to_owned()));
                steps
            }
            Self::Element(parent, index) => {
                let mut steps = parent.steps(more + 1);
                steps.push(Step::Index(*index));
                steps
            }
        }
    }
}

/// Whether an attribute is required.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Absence is a problem.
    Mandatory,
    /// The attribute may be absent, null, blank or empty.
    Optional,
}

impl<'f, 'd, 'a> Form<'f, 'd, 'a> {
    /// Starts reading an order.
    #[must_use]
    pub fn of_order(object: Value<'d, 'a>, notes: &'f mut Notes) -> Self {
        Self {
            object: Object::new(object),
            place: StackPath::Root,
            notes,
            takes_any: false,
        }
    }

    /// Ends the reading. Returns the object and the notes.
    #[inline]
    pub fn end(self) -> (Value<'d, 'a>, &'f mut Notes) {
        self.notes.has_unread |= !self.takes_any && !self.object.is_read_through();
        (self.object.value(), self.notes)
    }

    /// Returns the value of an attribute that is present and not blank.
    #[must_use]
    #[inline(always)]
    pub fn present(&self, name: &str) -> Option<Value<'d, 'a>> {
        self.object.get(name).filter(|value| !value.is_blank())
    }

    /// Returns all members, whatever their names.
    pub fn members(&mut self) -> impl Iterator<Item = (Cow<'a, str>, Value<'d, 'a>)> + use<'d, 'a> {
        self.takes_any = true;
        self.object.value().members()
    }

    /// Whether an attribute is present, even if blank.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.object.get(name).is_some()
    }

    /// Returns the object itself.
    #[must_use]
    pub fn value(&self) -> Value<'d, 'a> {
        self.object.value()
    }

    /// Reads an attribute by a rule. Returns `None` if it is absent or invalid, and notes the problem, if any.
    #[inline(always)]
    pub fn read<T>(
        &mut self,
        name: &str,
        need: Need,
        rule: impl FnOnce(Value<'d, 'a>) -> Checked<T>,
    ) -> Option<T> {
        let Some(value) = self.present(name) else {
            self.require(name, need);
            return None;
        };
        match rule(value) {
            Ok(meaning) => Some(meaning),
            Err(code) => {
                self.problem(name, code);
                None
            }
        }
    }

    /// Reads a required attribute.
    #[inline(always)]
    pub fn mandatory<T>(
        &mut self,
        name: &str,
        rule: impl FnOnce(Value<'d, 'a>) -> Checked<T>,
    ) -> Option<T> {
        self.read(name, Need::Mandatory, rule)
    }

    /// Reads an optional attribute.
    #[inline(always)]
    pub fn optional<T>(
        &mut self,
        name: &str,
        rule: impl FnOnce(Value<'d, 'a>) -> Checked<T>,
    ) -> Option<T> {
        self.read(name, Need::Optional, rule)
    }

    /// Checks that an attribute is an object. The object may have any members.
    pub fn any_object(&mut self, name: &str, need: Need) {
        self.container(name, need, Kind::Object, Code::NotObject);
    }

    /// Reads a number by a rule, and warns if it has more decimals than calculations use.
    #[inline]
    pub fn number(
        &mut self,
        name: &str,
        need: Need,
        rule: impl FnOnce(Value<'d, 'a>) -> Checked<Decimal<'a>>,
    ) -> Option<Decimal<'a>> {
        let number = self.read(name, need, rule)?;
        if let Some(decimals) = number.rounded_to() {
            self.warn(name, WarningCode::Rounded { decimals });
        }
        Some(number)
    }

    /// Reads the attributes of a nested object. If it is mandatory, an empty object counts as missing.
    pub fn object<T>(
        &mut self,
        name: &str,
        need: Need,
        read: impl FnOnce(&mut Form<'_, 'd, 'a>) -> T,
    ) -> Option<T> {
        let value = self.container(name, need, Kind::Object, Code::NotObject)?;
        let place = StackPath::Member(&self.place, name);
        Some(within(value, place, self.notes, read))
    }

    /// Reads each element of an array of objects and returns the number of elements.
    ///
    /// If the array is mandatory, an empty one counts as missing. Each element that is not an object is a problem.
    pub fn objects(
        &mut self,
        name: &str,
        need: Need,
        mut read: impl FnMut(&mut Form<'_, 'd, 'a>),
    ) -> usize {
        let Some(array) = self.container(name, need, Kind::Array, Code::NotArray) else {
            return 0;
        };
        let place = StackPath::Member(&self.place, name);
        let mut count = 0;
        for (index, element) in array.elements().enumerate() {
            count += 1;
            let place = StackPath::Element(&place, index);
            if element.kind() == Kind::Object {
                within(element, place, self.notes, &mut read);
            } else {
                note(&mut self.notes.problems, place, Code::NotObject);
            }
        }
        count
    }

    /// Like [`Self::objects`], but also accepts an object whose members are all objects, under any names.
    pub fn keyed_objects(
        &mut self,
        name: &str,
        need: Need,
        mut read: impl FnMut(&mut Form<'_, 'd, 'a>),
    ) -> usize {
        let is_keyed = |value: &Value<'d, 'a>| {
            value.kind() == Kind::Object && value.items().all(|item| item.kind() == Kind::Object)
        };
        let Some(array) = self.present(name).filter(is_keyed) else {
            return self.objects(name, need, read);
        };
        if array.is_empty_container() {
            self.require(name, need);
        }
        let place = StackPath::Member(&self.place, name);
        let mut count = 0;
        for (key, item) in array.members() {
            count += 1;
            let place = StackPath::Member(&place, &key);
            within(item, place, self.notes, &mut read);
        }
        count
    }

    /// Like [`Self::scalars`], but also accepts an object with any names.
    pub fn keyed_scalars<T>(
        &mut self,
        name: &str,
        need: Need,
        mut rule: impl FnMut(Value<'d, 'a>) -> Checked<T>,
    ) {
        let is_keyed =
            |value: &Value<'d, 'a>| value.kind() == Kind::Object && !value.is_empty_container();
        let Some(array) = self.present(name).filter(is_keyed) else {
            return self.scalars(name, need, rule);
        };
        let place = StackPath::Member(&self.place, name);
        for (key, item) in array.members() {
            if let Err(code) = rule(item) {
                note(
                    &mut self.notes.problems,
                    StackPath::Member(&place, &key),
                    code,
                );
            }
        }
    }

    /// Checks each scalar of an array by a rule.
    pub fn scalars<T>(
        &mut self,
        name: &str,
        need: Need,
        mut rule: impl FnMut(Value<'d, 'a>) -> Checked<T>,
    ) {
        let Some(array) = self.container(name, need, Kind::Array, Code::NotArray) else {
            return;
        };
        let place = StackPath::Member(&self.place, name);
        for (index, element) in array.elements().enumerate() {
            if let Err(code) = rule(element) {
                note(
                    &mut self.notes.problems,
                    StackPath::Element(&place, index),
                    code,
                );
            }
        }
    }

    /// Notes a problem with an attribute of this object.
    pub fn problem(&mut self, name: &str, code: Code) {
        note(
            &mut self.notes.problems,
            StackPath::Member(&self.place, name),
            code,
        );
    }

    /// Notes a problem with this object itself.
    pub fn problem_here(&mut self, code: Code) {
        note(&mut self.notes.problems, self.place, code);
    }

    /// Notes a warning about an attribute of this object.
    #[cold]
    pub fn warn(&mut self, name: &str, code: WarningCode) {
        let warnings = &mut self.notes.warnings;
        if warnings.len() < WARNINGS_PER_ORDER_MAX {
            let path = StackPath::Member(&self.place, name).path();
            warnings.push(Warning { path, code });
        }
    }

    #[inline(always)]
    fn container(
        &mut self,
        name: &str,
        need: Need,
        kind: Kind,
        wrong_kind: Code,
    ) -> Option<Value<'d, 'a>> {
        let Some(value) = self.present(name) else {
            self.require(name, need);
            return None;
        };
        // The check for emptiness comes first because PHP writes an empty object as `[]`.
        if value.is_empty_container() {
            self.require(name, need);
            return None;
        }
        if value.kind() != kind {
            self.problem(name, wrong_kind);
            return None;
        }
        Some(value)
    }

    fn require(&mut self, name: &str, need: Need) {
        if need == Need::Mandatory {
            self.problem(name, Code::Required);
        }
    }
}

/// Reads a nested object.
#[inline(always)]
fn within<'d, 'a, T>(
    object: Value<'d, 'a>,
    place: StackPath<'_>,
    notes: &mut Notes,
    read: impl FnOnce(&mut Form<'_, 'd, 'a>) -> T,
) -> T {
    let object = Object::new(object);
    let mut form = Form {
        object,
        place,
        notes,
        takes_any: false,
    };
    let meaning = read(&mut form);
    form.end();
    meaning
}

/// Notes a problem, unless the order has reached the limit. Cold: most orders have no problems.
#[cold]
fn note(problems: &mut Vec<Problem>, place: StackPath<'_>, code: Code) {
    if problems.len() < PROBLEMS_PER_ORDER_MAX {
        let path = place.path();
        problems.push(Problem { path, code });
    }
}
