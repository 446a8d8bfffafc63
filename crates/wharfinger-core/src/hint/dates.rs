//! Hints for dates: another form, a day that does not exist, day and month swapped, a year of two digits.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use super::quoted;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Longer texts are not dates.
const DATE_BYTES_MAX: usize = 60;

/// What a valid date looks like in a form such as `dd-mm-yyyy`.
pub(super) fn rule(form: &str) -> String {
    format!("a date such as {} ({form})", Form::of(form).example())
}

/// What is wrong with a date.
pub(super) fn hint(text: &str, is_text: bool, form: &str) -> String {
    let shown = quoted(text);
    let form = Form::of(form);
    let said = if is_text {
        Written::read(text).and_then(|written| written.fault(form))
    } else {
        of_number(text, form)
    };
    match said {
        Some(said) => format!("{shown}: {said}"),
        None if is_text => format!("{shown}: a date is written as {}", form.example()),
        None => format!("{shown}: a date is text, such as \"{}\"", form.example()),
    }
}

/// The forms of dates that dialects take.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `dd-mm-yyyy`.
    DayFirst,
    /// `yyyy-mm-dd`, or with a local time after a space.
    LocalTime,
    /// `yyyy-mm-dd`, or RFC 3339.
    Rfc3339,
}

impl Form {
    fn of(form: &str) -> Self {
        if form.starts_with("dd") {
            Self::DayFirst
        } else if form.contains("RFC") {
            Self::Rfc3339
        } else {
            Self::LocalTime
        }
    }

    fn example(self) -> &'static str {
        match self {
            Self::DayFirst => "18-11-2026",
            Self::LocalTime => "2026-11-18 or 2026-11-18 09:30:00",
            Self::Rfc3339 => "2026-11-18 or 2026-11-18T09:30:00Z",
        }
    }

    /// A date in this form.
    fn written(self, year: i16, month: u32, day: u32) -> String {
        match self {
            Self::DayFirst => format!("{day:02}-{month:02}-{year:04}"),
            Self::LocalTime | Self::Rfc3339 => format!("{year:04}-{month:02}-{day:02}"),
        }
    }
}

/// A number where a date is expected: seconds or milliseconds since 1970, or a date without its hyphens.
fn of_number(text: &str, form: Form) -> Option<String> {
    if text.len() == 8
        && let Some(date) = Written::read(text)
    {
        return date.fault(form);
    }
    let number: i64 = text.parse().ok()?;
    let time = match text.len() {
        9..=10 => Timestamp::from_second(number).ok()?,
        12..=13 => Timestamp::from_millisecond(number).ok()?,
        _ => return None,
    };
    let date = Offset::UTC.to_datetime(time).date();
    let day = date.day().unsigned_abs().into();
    let written = form.written(date.year(), date.month().unsigned_abs().into(), day);
    Some(format!("this is a Unix time; write \"{written}\""))
}

/// The order of the parts of a date.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    YearFirst,
    /// The day comes before the month, or the month before the day.
    YearLast,
    /// The month has a name, so it cannot be taken for the day.
    Named,
}

/// A date as it was written, in any form.
struct Written<'t> {
    day: u32,
    month: u32,
    year: u32,
    has_long_year: bool,
    order: Order,
    /// What stands between the numbers. `None` if nothing does, or if the month has a name.
    separator: Option<char>,
    /// What follows the date.
    rest: &'t str,
}

impl<'t> Written<'t> {
    fn read(text: &'t str) -> Option<Self> {
        let text = text.trim();
        if text.len() > DATE_BYTES_MAX {
            return None;
        }
        Self::of_numbers(text).or_else(|| Self::with_name(text))
    }

    fn of_numbers(text: &'t str) -> Option<Self> {
        let is_of_date =
            |letter: char| letter.is_ascii_digit() || matches!(letter, '-' | '/' | '.');
        let end = text
            .find(|letter| !is_of_date(letter))
            .unwrap_or(text.len());
        let (date, rest) = text.split_at(end);
        if date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()) {
            let is_year_first = is_year_first(date);
            let parts = match is_year_first {
                true => [&date[6..], &date[4..6], &date[..4]],
                false => [&date[..2], &date[2..4], &date[4..]],
            };
            let order = if is_year_first {
                Order::YearFirst
            } else {
                Order::YearLast
            };
            return Self::of_parts(parts, order, None, rest);
        }
        let mut parts = date.split(['-', '/', '.']);
        let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some_and(|part| !part.is_empty()) {
            return None;
        }
        let separator = ['/', '-', '.'].into_iter().find(|it| date.contains(*it));
        match first.len() {
            4 => Self::of_parts([third, second, first], Order::YearFirst, separator, rest),
            1 | 2 => Self::of_parts([first, second, third], Order::YearLast, separator, rest),
            _ => None,
        }
    }

    fn of_parts(
        [day, month, year]: [&str; 3],
        order: Order,
        separator: Option<char>,
        rest: &'t str,
    ) -> Option<Self> {
        if day.len() > 2 || month.len() > 2 || !matches!(year.len(), 2 | 4) {
            return None;
        }
        Some(Self {
            day: day.parse().ok()?,
            month: month.parse().ok()?,
            has_long_year: year.len() == 4,
            year: year.parse().ok()?,
            order,
            separator,
            rest,
        })
    }

    /// `18 Nov 2026`, `Nov 18, 2026` or `18-November-26`.
    fn with_name(text: &str) -> Option<Self> {
        let mut words = text.split(|letter: char| !letter.is_alphanumeric());
        let mut words = words.by_ref().filter(|word| !word.is_empty());
        let (first, second, year) = (words.next()?, words.next()?, words.next()?);
        let of_name = |word: &str| {
            let word = word.to_ascii_lowercase();
            let is_it =
                |month: &&str| word.len() >= 3 && month.to_ascii_lowercase().starts_with(&word);
            MONTHS.iter().position(is_it).map(|place| place as u32 + 1)
        };
        let (day, month) = match (of_name(first), of_name(second)) {
            (Some(month), None) => (second, month),
            (None, Some(month)) => (first, month),
            (_, _) => return None,
        };
        let day = day.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        Some(Self {
            month,
            ..Self::of_parts([day, "1", year], Order::Named, None, "")?
        })
    }

    /// What is wrong with it, in a form.
    fn fault(&self, form: Form) -> Option<String> {
        if !self.has_long_year {
            return self.short_year(form);
        }
        let year = i16::try_from(self.year).ok()?;
        let (day, month) = (self.day, self.month);
        let is_swapped = month > 12 && days_in(year, day).is_some_and(|days| month <= days);
        if is_swapped {
            let meant = form.written(year, day, month);
            return Some(format!("there is no month {month}; did you mean {meant}?"));
        }
        let Some(days) = days_in(year, month) else {
            return Some(format!("there is no month {month}"));
        };
        if day == 0 {
            return Some("there is no day 0".into());
        }
        if day > days {
            let name = MONTHS.get(month as usize - 1)?;
            return Some(match month {
                2 => format!("{name} {year} has {days} days"),
                _ => format!("{name} has {days} days"),
            });
        }
        self.other_form(form, year)
    }

    fn short_year(&self, form: Form) -> Option<String> {
        let year = i16::try_from(2000 + self.year).ok()?;
        let (day, month) = (self.day, self.month);
        let is_day = |day: u32, month: u32| {
            days_in(year, month).is_some_and(|days| (1..=days).contains(&day))
        };
        let said = if self.is_ambiguous(form) && is_day(day, month) {
            self.both(form, year)
        } else if is_day(day, month) {
            format!("did you mean {}?", form.written(year, month, day))
        } else if month > 12 && is_day(month, day) {
            format!("did you mean {}?", form.written(year, day, month))
        } else {
            return Some(format!(
                "the year needs four digits, and a date is written as {}",
                form.example()
            ));
        };
        Some(format!("the year needs four digits; {said}"))
    }

    /// Whether the day and the month can be taken for each other. Dates with points have the day first, and so have
    /// those that are written with the hyphens of a form that has it first.
    fn is_ambiguous(&self, form: Form) -> bool {
        let is_known = match self.separator {
            Some('.') => true,
            Some('-') => form == Form::DayFirst,
            Some(_) | None => false,
        };
        let can_be_month = (1..=12).contains(&self.day) && self.day != self.month;
        self.order == Order::YearLast && can_be_month && !is_known
    }

    /// Both meanings of an ambiguous date.
    fn both(&self, form: Form, year: i16) -> String {
        let date = form.written(year, self.month, self.day);
        let other = form.written(year, self.day, self.month);
        format!("write {date}, or {other} if the month comes first")
    }

    /// The date exists, but is written in another form.
    fn other_form(&self, form: Form, year: i16) -> Option<String> {
        let (day, month) = (self.day, self.month);
        let date = form.written(year, month, day);
        if self.is_ambiguous(form) {
            return Some(self.both(form, year));
        }
        let rest = self.rest.trim_start_matches(['T', 't', ' ', ',']);
        if rest.is_empty() {
            return Some(format!("did you mean {date}?"));
        }
        if form == Form::DayFirst {
            return Some(format!("write {date}, without the time"));
        }
        let (time, zone) = rest.split_at(rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len()));
        let time = clock(time.trim())?;
        match (time, form) {
            (Err(wrong), _) => Some(wrong),
            (Ok(time), Form::Rfc3339) if zone.is_empty() => Some(format!(
                "the time needs a time zone, such as {date}T{time}Z or {date}T{time}+01:00"
            )),
            (Ok(time), Form::Rfc3339) => {
                Some(format!("the form is {date}T{time}Z or {date}T{time}+01:00"))
            }
            (Ok(time), Form::LocalTime | Form::DayFirst) => Some(format!("write {date} {time}")),
        }
    }
}

/// Whether eight digits start with the year. `20112026` starts with the day, because there is no month 20.
fn is_year_first(digits: &str) -> bool {
    let is_year = |year: &str| year.starts_with("19") || year.starts_with("20");
    let is_month = digits[4..6]
        .parse()
        .is_ok_and(|month| days_in(2000, month).is_some());
    is_year(digits) && (is_month || !is_year(&digits[4..]))
}

/// The time of `9:30` as `09:30:00`, or what is wrong with it.
fn clock(text: &str) -> Option<Result<String, String>> {
    let text = text.split_once('.').map_or(text, |(second, _)| second);
    let mut parts = text.split(':');
    let mut part = |or: &'static str| -> Option<u32> { parts.next().unwrap_or(or).parse().ok() };
    let (hour, minute, second) = (part("")?, part("")?, part("00")?);
    if parts.next().is_some() {
        return None;
    }
    let wrong = [
        ("hour", hour, 24),
        ("minute", minute, 60),
        ("second", second, 60),
    ];
    Some(
        match wrong.into_iter().find(|(_, number, end)| number >= end) {
            Some((what, number, _)) => Err(format!("there is no {what} {number}")),
            None => Ok(format!("{hour:02}:{minute:02}:{second:02}")),
        },
    )
}

/// How many days a month has. `None` if there is no such month.
fn days_in(year: i16, month: u32) -> Option<u32> {
    let first = Date::new(year, i8::try_from(month).ok()?, 1).ok()?;
    Some(first.days_in_month().unsigned_abs().into())
}
