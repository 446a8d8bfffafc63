//! Sets of short codes of ASCII letters, such as country codes, with lookups in about a nanosecond.
//!
//! The crates that know the codes hash each code, and an order has several. So each crate is asked once for every
//! possible code, and the answers are stored as bits.

use std::sync::LazyLock;

/// ISO 3166-1 alpha-2, such as `GB`.
pub(crate) static COUNTRIES: LazyLock<Codes<2>> =
    LazyLock::new(|| Codes::known_to(b'A', |code| rust_iso3166::from_alpha2(code).is_some()));

/// ISO 639-1, such as `en`.
pub(crate) static LANGUAGES: LazyLock<Codes<2>> =
    LazyLock::new(|| Codes::known_to(b'a', |code| isolang::Language::from_639_1(code).is_some()));

/// ISO 4217, such as `GBP`.
pub(crate) static CURRENCIES: LazyLock<Codes<3>> = LazyLock::new(|| {
    Codes::known_to(b'A', |code| {
        iso_currency::Currency::from_code(code).is_some()
    })
});

const LETTERS: usize = 26;

/// A set of codes of `N` letters, all upper case or all lower case.
pub(crate) struct Codes<const N: usize> {
    /// The first letter of the alphabet in the codes' case: `A` or `a`.
    first: u8,
    /// One row per combination of the preceding letters, with one bit per last letter.
    rows: Vec<u32>,
}

impl<const N: usize> Codes<N> {
    fn known_to(first: u8, is_known: impl Fn(&str) -> bool) -> Self {
        let letters = u32::try_from(N).expect("a few letters");
        let mut rows = vec![0; LETTERS.pow(letters - 1)];
        for number in 0..LETTERS.pow(letters) {
            let mut rest = number;
            let mut code = [first; N];
            for letter in code.iter_mut().rev() {
                *letter += (rest % LETTERS) as u8;
                rest /= LETTERS;
            }
            if str::from_utf8(&code).is_ok_and(&is_known) {
                rows[number / LETTERS] |= 1 << (number % LETTERS);
            }
        }
        Self { first, rows }
    }

    /// All codes in alphabetical order, joined by `|`.
    pub(crate) fn alternatives(&self) -> String {
        let mut codes = Vec::new();
        for number in 0..self.rows.len() * LETTERS {
            let mut rest = number;
            let mut code = [self.first; N];
            for letter in code.iter_mut().rev() {
                *letter += (rest % LETTERS) as u8;
                rest /= LETTERS;
            }
            if self.has(&code) {
                codes.push(code.map(char::from).iter().collect::<String>());
            }
        }
        codes.join("|")
    }

    /// Whether this is one of the codes.
    pub(crate) fn has(&self, code: &[u8]) -> bool {
        let Ok(letters) = <[u8; N]>::try_from(code) else {
            return false;
        };
        let mut number = 0;
        for letter in letters {
            let place = usize::from(letter.wrapping_sub(self.first));
            if place >= LETTERS {
                return false;
            }
            number = number * LETTERS + place;
        }
        self.rows[number / LETTERS] >> (number % LETTERS) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All texts of `length` characters, from letters, digits, and the characters next to each of their ranges.
    fn texts(length: usize) -> Vec<String> {
        let signs: Vec<char> = ('/'..='{').collect();
        let mut texts = vec![String::new()];
        for _ in 0..length {
            let longer = |text: &String| signs.iter().map(|sign| format!("{text}{sign}")).collect();
            texts = texts
                .iter()
                .flat_map(|text| -> Vec<String> { longer(text) })
                .collect();
        }
        texts
    }

    #[test]
    fn a_set_says_what_its_crate_says() {
        for text in (0..=3).flat_map(texts) {
            let country = text.len() == 2 && rust_iso3166::from_alpha2(&text).is_some();
            assert_eq!(COUNTRIES.has(text.as_bytes()), country, "{text}");
            let is_small = text.bytes().all(|byte| byte.is_ascii_lowercase());
            let language = text.len() == 2 && isolang::Language::from_639_1(&text).is_some();
            assert_eq!(
                LANGUAGES.has(text.as_bytes()),
                language && is_small,
                "{text}"
            );
            let currency = text.len() == 3 && iso_currency::Currency::from_code(&text).is_some();
            assert_eq!(CURRENCIES.has(text.as_bytes()), currency, "{text}");
        }
        assert!(COUNTRIES.has(b"GB") && LANGUAGES.has(b"en") && CURRENCIES.has(b"GBP"));
        assert!(!COUNTRIES.has("é".as_bytes()) && !CURRENCIES.has("Eé".as_bytes()));
    }
}
