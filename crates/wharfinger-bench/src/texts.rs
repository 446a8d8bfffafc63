//! The texts of an order that differ from request to request: words and digits, redrawn in place. A word is replaced by words
//! of its own length, so that bodies keep theirs.

use crate::pools::{Pool, Random};

/// Where an order has texts that are redrawn, in the sequence of their places.
#[derive(Default)]
pub(crate) struct Texts {
    varied: Vec<Varied>,
}

/// One such text.
struct Varied {
    at: usize,
    choice: Choice,
}

enum Choice {
    /// This many digits.
    Digits(usize),
    /// One of the words in this list, see [`WordLists`].
    Words(usize),
}

/// The words of each pool by their length. Shared by the orders of a body.
#[derive(Default)]
pub(crate) struct WordLists {
    /// Words of one pool that are equally long.
    lists: Vec<(&'static str, Vec<&'static str>)>,
}

impl WordLists {
    /// The number of the list that contains this word of this pool.
    fn number(&mut self, pool: &'static Pool, word: &str) -> usize {
        let known = self.lists.iter().position(|(name, words)| {
            *name == pool.name && words.iter().all(|other| other.len() == word.len())
        });
        known.unwrap_or_else(|| {
            let words = pool.words.iter().copied();
            let same = words.filter(|other| other.len() == word.len());
            self.lists.push((pool.name, same.collect()));
            self.lists.len() - 1
        })
    }
}

impl Texts {
    /// Adds a word that was written at `at`.
    pub(crate) fn add_word(
        &mut self,
        at: usize,
        pool: &'static Pool,
        word: &str,
        lists: &mut WordLists,
    ) {
        let choice = Choice::Words(lists.number(pool, word));
        self.varied.push(Varied { at, choice });
    }

    /// Adds digits that were written at `at`.
    pub(crate) fn add_digits(&mut self, at: usize, count: usize) {
        let choice = Choice::Digits(count);
        self.varied.push(Varied { at, choice });
    }

    /// Moves all places behind bytes that were inserted.
    pub(crate) fn shift(&mut self, by: usize) {
        for varied in &mut self.varied {
            varied.at += by;
        }
    }

    /// Writes the texts of the order with this stamp. They follow from the stamp, so that an order can be sent again unchanged.
    pub(crate) fn redraw(&self, stamp: u64, lists: &WordLists, bytes: &mut [u8]) {
        let mut random = Random::new(stamp);
        for Varied { at, choice } in &self.varied {
            match choice {
                Choice::Digits(count) => {
                    for digit in &mut bytes[*at..*at + *count] {
                        *digit = random.digit();
                    }
                }
                Choice::Words(list) => {
                    let word = random.pick(&lists.lists[*list].1).as_bytes();
                    bytes[*at..*at + word.len()].copy_from_slice(word);
                }
            }
        }
    }
}
