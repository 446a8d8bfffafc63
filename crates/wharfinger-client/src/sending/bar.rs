//! The progress bar, and lines that say why the client waits.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::Totals;
use crate::http::Wait;
use crate::source::Progress;
use crate::terminal::complain;

/// The same reason is told once in this time.
const TOLD_AGAIN: Duration = Duration::from_secs(10);

/// Shows how far a file is sent, on a terminal only.
pub(crate) struct Bar {
    bar: ProgressBar,
    progress: Progress,
    began: Instant,
    /// The last reason for waiting, and when it was told.
    told: Mutex<Option<(String, Instant)>>,
}

impl Bar {
    /// Begins a bar for a file. Without a terminal on standard error, it stays hidden.
    pub(crate) fn begin(progress: Progress) -> Self {
        let (bar, template) = match progress.bytes_total {
            Some(bytes) => (
                ProgressBar::new(bytes),
                "{wide_bar} {percent}% {msg}, {eta} left",
            ),
            None => (ProgressBar::no_length(), "{spinner} {msg}"),
        };
        // The template is fixed and valid.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self {
            bar,
            progress,
            began: Instant::now(),
            told: Mutex::new(None),
        }
    }

    /// Shows counts.
    pub(crate) fn show(&self, totals: &Totals) {
        self.bar.set_position(self.progress.bytes_read());
        let rate = totals.per_second(self.began.elapsed());
        let (taken, rejected) = (totals.taken(), totals.rejected);
        self.bar.set_message(format!(
            "{rate} orders/s, {taken} accepted, {rejected} rejected"
        ));
    }

    /// Says why the client waits, unless that was just said.
    pub(crate) fn tell(&self, wait: &Wait) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = told
            .as_ref()
            .is_none_or(|(why, when)| *why != wait.why || when.elapsed() >= TOLD_AGAIN);
        if is_new {
            let seconds = wait.pause.as_secs_f64();
            let line = format_args!("wharfinger: waiting {seconds:.1} s: {}", wait.why);
            self.bar.suspend(|| complain(line));
            *told = Some((wait.why.clone(), Instant::now()));
        }
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
