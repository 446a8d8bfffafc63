//! Values of parameters and columns, for both engines.

use super::error::Error;

/// A value of a parameter or a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'v> {
    /// SQL null.
    Null,
    /// A number, or a boolean as 0 or 1.
    Integer(i64),
    /// Text.
    Text(&'v str),
    /// Bytes.
    Blob(&'v [u8]),
}

impl<'v> Value<'v> {
    /// The bytes. `None` for null.
    pub(super) fn blob_or_null(self) -> Result<Option<&'v [u8]>, Error> {
        match self {
            Self::Null => Ok(None),
            Self::Blob(bytes) => Ok(Some(bytes)),
            Self::Text(text) => Ok(Some(text.as_bytes())),
            Self::Integer(_) => Err(Error::Value(
                "a column has a number where bytes are expected".into(),
            )),
        }
    }
}

/// A type that can be a parameter.
pub(crate) trait ToValue {
    /// The value.
    fn to_value(&self) -> Value<'_>;
}

/// A type that can be read from a column.
pub(crate) trait FromValue: Sized {
    /// Converts a value.
    ///
    /// # Errors
    /// The value has another type or is out of range.
    fn from_value(value: Value<'_>) -> Result<Self, Error>;
}

impl ToValue for Value<'_> {
    fn to_value(&self) -> Value<'_> {
        *self
    }
}

macro_rules! integers {
    ($($kind:ty),*) => {$(
        impl ToValue for $kind {
            fn to_value(&self) -> Value<'_> {
                Value::Integer(i64::from(*self))
            }
        }

        impl FromValue for $kind {
            fn from_value(value: Value<'_>) -> Result<Self, Error> {
                match value {
                    Value::Integer(number) => Self::try_from(number)
                        .map_err(|_| Error::Value(format!("the number {number} is out of range"))),
                    other @ (Value::Null | Value::Text(_) | Value::Blob(_)) => {
                        Err(Error::Value(format!("a column has {} where a number is expected", name(other))))
                    }
                }
            }
        }
    )*};
}

integers!(i64, i32, u32, u16, u8);

fn name(value: Value<'_>) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Integer(_) => "a number",
        Value::Text(_) => "text",
        Value::Blob(_) => "bytes",
    }
}

impl ToValue for bool {
    fn to_value(&self) -> Value<'_> {
        Value::Integer(i64::from(*self))
    }
}

impl FromValue for bool {
    fn from_value(value: Value<'_>) -> Result<Self, Error> {
        Ok(i64::from_value(value)? != 0)
    }
}

impl ToValue for str {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToValue for String {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl FromValue for String {
    fn from_value(value: Value<'_>) -> Result<Self, Error> {
        match value {
            Value::Text(text) => Ok(text.to_owned()),
            Value::Blob(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(text.to_owned()),
                Err(error) => Err(Error::Value(error.to_string())),
            },
            other @ (Value::Null | Value::Integer(_)) => Err(Error::Value(format!(
                "a column has {} where text is expected",
                name(other)
            ))),
        }
    }
}

impl ToValue for [u8] {
    fn to_value(&self) -> Value<'_> {
        Value::Blob(self)
    }
}

impl ToValue for Vec<u8> {
    fn to_value(&self) -> Value<'_> {
        Value::Blob(self)
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: Value<'_>) -> Result<Self, Error> {
        match value.blob_or_null()? {
            Some(bytes) => Ok(bytes.to_vec()),
            None => Err(Error::Value(
                "a column is null where bytes are expected".into(),
            )),
        }
    }
}

impl<const N: usize> ToValue for [u8; N] {
    fn to_value(&self) -> Value<'_> {
        Value::Blob(self)
    }
}

impl<const N: usize> FromValue for [u8; N] {
    fn from_value(value: Value<'_>) -> Result<Self, Error> {
        let bytes = value.blob_or_null()?.unwrap_or_default();
        Self::try_from(bytes)
            .map_err(|_| Error::Value(format!("a column has {} bytes, expected {N}", bytes.len())))
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, ToValue::to_value)
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value<'_>) -> Result<Self, Error> {
        match value {
            Value::Null => Ok(None),
            value @ (Value::Integer(_) | Value::Text(_) | Value::Blob(_)) => {
                T::from_value(value).map(Some)
            }
        }
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Value<'_> {
        (*self).to_value()
    }
}

/// The parameters of a statement, from `?1` on.
pub(crate) trait Params {
    /// Passes each value to `bind`, in order.
    ///
    /// # Errors
    /// Those of `bind`.
    fn each<'p>(
        &'p self,
        bind: &mut dyn FnMut(Value<'p>) -> Result<(), Error>,
    ) -> Result<(), Error>;
}

/// Values of different types.
impl Params for &[&dyn ToValue] {
    fn each<'p>(
        &'p self,
        bind: &mut dyn FnMut(Value<'p>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.iter().try_for_each(|value| bind(value.to_value()))
    }
}

impl<T: ToValue, const N: usize> Params for [T; N] {
    fn each<'p>(
        &'p self,
        bind: &mut dyn FnMut(Value<'p>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.iter().try_for_each(|value| bind(value.to_value()))
    }
}

/// No parameters.
impl Params for () {
    fn each<'p>(&'p self, _: &mut dyn FnMut(Value<'p>) -> Result<(), Error>) -> Result<(), Error> {
        Ok(())
    }
}

macro_rules! tuples {
    ($(($($field:ident),*)),*) => {$(
        impl<$($field: ToValue),*> Params for ($($field,)*) {
            fn each<'p>(
                &'p self,
                bind: &mut dyn FnMut(Value<'p>) -> Result<(), Error>,
            ) -> Result<(), Error> {
                #[expect(non_snake_case, reason = "the fields are named as their types are")]
                let ($($field,)*) = self;
                $(bind($field.to_value())?;)*
                Ok(())
            }
        }
    )*};
}

tuples!(
    (A, B),
    (A, B, C),
    (A, B, C, D),
    (A, B, C, D, E),
    (A, B, C, D, E, F)
);

/// Parameters of different types.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$(&$value as &dyn $crate::store::engine::driver::ToValue),*]
            as &[&dyn $crate::store::engine::driver::ToValue]
    };
}

pub(crate) use params;
