//! NDJSON: one order per line. A line that is no JSON is an order that cannot be right, and reading goes on after it.

use anyhow::Result;

use super::window::Window;
use super::{Record, Shape, Source};

/// The lines of a file.
pub(super) struct Lines {
    window: Window,
    /// Whether the file could not be read on.
    is_broken: bool,
}

impl Lines {
    pub(super) fn new(window: Window) -> Self {
        Self {
            window,
            is_broken: false,
        }
    }

    /// The length of the next line, and of the line break after it.
    fn line(&mut self) -> Result<Option<(usize, usize)>> {
        let mut seen = 0;
        loop {
            let rest = self.window.rest();
            if let Some(at) = memchr::memchr(b'\n', &rest[seen..]) {
                return Ok(Some((seen + at, 1)));
            }
            seen = rest.len();
            if !self.window.fill()? {
                return Ok((seen > 0).then_some((seen, 0)));
            }
        }
    }

    fn read(&mut self) -> Result<Option<Record>> {
        while let Some((length, after)) = self.line()? {
            let line = self.window.line();
            let bytes = &self.window.rest()[..length];
            if bytes
                .iter()
                .all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
            {
                self.window.consume(length + after);
                continue;
            }
            let carriage_return = usize::from(bytes.ends_with(b"\r"));
            let text = self.window.take_text(length - carriage_return)?;
            self.window.consume(carriage_return + after);
            return Ok(Some(Record::of_text(line, text)));
        }
        Ok(None)
    }
}

impl Source for Lines {
    fn shape(&self) -> Shape {
        Shape::Lines
    }

    fn next(&mut self) -> Result<Option<Record>> {
        if self.is_broken {
            return Ok(None);
        }
        let read = self.read();
        self.is_broken = read.is_err();
        read
    }
}
