//! What a command that runs until it is interrupted says at its end.

use std::sync::{Mutex, PoisonError};

use crate::terminal::complain;

/// The last words of the command.
static LAST_WORDS: Mutex<Option<String>> = Mutex::new(None);

/// Sets what is said at the end, such as how to resume.
pub fn set_last_words(words: String) {
    *LAST_WORDS.lock().unwrap_or_else(PoisonError::into_inner) = Some(words);
}

/// Says the last words on standard error, at most once.
pub fn say_last_words() {
    let words = LAST_WORDS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some(words) = words {
        complain(format_args!("{words}"));
    }
}

/// Ends the process after the user has interrupted it, with status 0: such a command has no other end.
pub fn end() -> ! {
    say_last_words();
    std::process::exit(0)
}
