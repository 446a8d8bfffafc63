//! Faults at their place in a text: the whole text in pieces, or the lines around the faults.

use std::ops::Range;

use super::places::Place;

/// Lines before and behind a fault that are shown with it.
const CONTEXT_LINES: usize = 3;
/// Lines of a text that is shown whole.
const SHORT_LINES: usize = 4 * CONTEXT_LINES;
/// Bytes of one piece that are shown at most: a value may have a megabyte.
const PIECE_BYTES_MAX: usize = 600;

/// A piece of a text, and the number of the fault that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece<'t> {
    /// The text.
    pub(crate) text: &'t str,
    /// Bytes behind it that are not shown.
    pub(crate) left_out: usize,
    /// Which fault it is.
    pub(crate) fault: Option<usize>,
}

/// A row of an excerpt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Row<'t> {
    /// Lines that are not shown.
    Gap(usize),
    /// A line, from 1, with the faults that it has.
    Line(usize, Vec<Piece<'t>>, Vec<usize>),
}

impl Place {
    /// What of a text is marked: a short value, or else the name of what has a fault or lacks something.
    pub(crate) fn mark(&self, text: &str) -> Range<usize> {
        let value = &text[self.value.clone()];
        let is_container = value.starts_with(['{', '[']);
        match &self.name {
            Some(name) if is_container || value.len() > PIECE_BYTES_MAX => name.clone(),
            _ if is_container => self.value.start..self.value.start + 1,
            _ => self.value.clone(),
        }
    }
}

/// A text in pieces, with its marks. Marks that overlap another one are left out.
pub(crate) fn marked<'t>(text: &'t str, marks: &[(Range<usize>, usize)]) -> Vec<Piece<'t>> {
    pieces(text, 0..text.len(), marks, usize::MAX)
}

/// The lines around the faults of a text. `marks` are sorted by their places; each has the number of its fault.
pub(crate) fn excerpt<'t>(text: &'t str, marks: &[(Range<usize>, usize)]) -> Vec<Row<'t>> {
    let lines = lines_of(text);
    let line_of = |at: usize| lines.partition_point(|line| line.start <= at) - 1;
    let marked: Vec<_> = marks
        .iter()
        .map(|(range, _)| line_of(range.start))
        .collect();
    let mut rows = Vec::new();
    let mut shown_to = 0;
    for window in windows(&marked, lines.len()) {
        if window.start > shown_to {
            rows.push(Row::Gap(window.start - shown_to));
        }
        shown_to = window.end;
        for at in window {
            let first = marked.partition_point(|line| *line < at);
            let end = marked.partition_point(|line| *line <= at);
            let here = &marks[first..end];
            let pieces = pieces(text, lines[at].clone(), here, PIECE_BYTES_MAX);
            let faults = here.iter().map(|(_, fault)| *fault).collect();
            rows.push(Row::Line(at + 1, pieces, faults));
        }
    }
    if shown_to < lines.len() {
        rows.push(Row::Gap(lines.len() - shown_to));
    }
    rows
}

/// The lines that are shown: those around the marked ones, which are sorted. Without any, the beginning. A short text is shown
/// whole.
fn windows(marked: &[usize], lines: usize) -> Vec<Range<usize>> {
    if lines <= SHORT_LINES {
        return Vec::from_iter(Some(0..lines));
    }
    let mut windows: Vec<Range<usize>> = Vec::new();
    for line in marked {
        let window = line.saturating_sub(CONTEXT_LINES)..(line + CONTEXT_LINES + 1).min(lines);
        match windows.last_mut() {
            // A gap of one line would take as much room as the line.
            Some(last) if window.start <= last.end + 1 => last.end = window.end,
            None if window.start == 1 => windows.push(0..window.end),
            Some(_) | None => windows.push(window),
        }
    }
    if windows.is_empty() {
        windows.push(0..SHORT_LINES);
    }
    windows
}

/// The lines of a text, without their ends.
fn lines_of(text: &str) -> Vec<Range<usize>> {
    let mut start = 0;
    let lines = text.split('\n').map(|line| {
        let range = start..start + line.len();
        start = range.end + 1;
        range
    });
    lines.collect()
}

fn pieces<'t>(
    text: &'t str,
    within: Range<usize>,
    marks: &[(Range<usize>, usize)],
    bytes_max: usize,
) -> Vec<Piece<'t>> {
    let mut pieces = Vec::new();
    let mut at = within.start;
    let mut push = |range: Range<usize>, fault| {
        if !range.is_empty() {
            pieces.push(piece(&text[range], fault, bytes_max));
        }
    };
    for (mark, fault) in marks {
        let mark = mark.start..mark.end.min(within.end);
        if mark.start < at || mark.is_empty() {
            continue;
        }
        push(at..mark.start, None);
        push(mark.clone(), Some(*fault));
        at = mark.end;
    }
    push(at..within.end, None);
    pieces
}

fn piece(text: &str, fault: Option<usize>, bytes_max: usize) -> Piece<'_> {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Piece {
        text: &text[..end],
        left_out: text.len() - end,
        fault,
    }
}

#[cfg(test)]
mod tests {
    use super::super::locate;
    use super::*;

    fn shown(rows: &[Row<'_>]) -> String {
        let row = |row: &Row<'_>| match row {
            Row::Gap(lines) => format!("…{lines}"),
            Row::Line(number, pieces, faults) => {
                let pieces = pieces.iter().map(|piece| match piece.fault {
                    Some(fault) => format!("<{fault}:{}>", piece.text),
                    None => piece.text.to_owned(),
                });
                format!(
                    "{number} {}{}",
                    pieces.collect::<String>(),
                    "!".repeat(faults.len())
                )
            }
        };
        rows.iter().map(row).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn faults_are_shown_with_the_lines_around_them() {
        let text: String = (1..=30)
            .map(|line| format!("\"n{line}\": {line},\n"))
            .collect();
        let mark = |text_of: &str, fault| {
            let start = text.find(text_of).unwrap();
            (start..start + text_of.len(), fault)
        };
        let rows = excerpt(&text, &[mark("10", 0), mark("12", 1), mark("25", 2)]);
        let shown = shown(&rows);
        assert!(shown.starts_with("…6\n7 \"n7\": 7,\n"), "{shown}");
        assert!(shown.contains("\n10 \"n<0:10>\": 10,!\n11 "), "{shown}");
        assert!(shown.contains("\n15 \"n15\": 15,\n…6\n22 "), "{shown}");
        assert!(shown.ends_with("\n28 \"n28\": 28,\n…3"), "{shown}");
    }

    #[test]
    fn without_faults_the_beginning_is_shown() {
        let text = "line\n".repeat(40);
        let rows = excerpt(&text, &[]);
        assert_eq!(rows.len(), 13);
        assert_eq!(rows[12], Row::Gap(29));
        assert_eq!(shown(&excerpt("", &[])), "1 ");
    }

    #[test]
    fn a_short_text_is_shown_whole() {
        let text = format!("{}12", "line\n".repeat(11));
        let start = text.find("12").unwrap();
        let rows = excerpt(&text, &[(start..start + 2, 0)]);
        assert_eq!(rows.len(), 12);
        assert!(shown(&rows).ends_with("\n12 <0:12>!"), "{rows:?}");
        let longer = format!("line\n{text}");
        let rows = excerpt(&longer, &[(start + 5..start + 7, 0)]);
        assert_eq!(rows[0], Row::Gap(9));
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let text = format!("{{\"a\":\"{}\"}}", "é".repeat(500_000));
        let rows = excerpt(&text, &[]);
        let Row::Line(1, pieces, _) = &rows[0] else {
            panic!("{rows:?}")
        };
        assert!(pieces[0].text.len() <= PIECE_BYTES_MAX);
        assert_eq!(pieces[0].text.len() + pieces[0].left_out, text.len());
        let place = locate(&text, &["/a"]).pop().unwrap().unwrap();
        assert_eq!(&text[place.mark(&text)], "\"a\"");
    }

    #[test]
    fn marks_that_overlap_are_left_out_of_the_whole_text() {
        let text = "{\"a\":{\"b\":1}}";
        let of = |pointer| locate(text, &[pointer]).pop().unwrap().unwrap().mark(text);
        let marks = [(of(""), 0), (of("/a/c"), 1), (of("/a"), 2), (of("/a/b"), 3)];
        let pieces = marked(text, &marks);
        let faults: Vec<_> = pieces
            .iter()
            .map(|piece| (piece.text, piece.fault))
            .collect();
        assert_eq!(
            faults,
            [
                ("{", Some(0)),
                ("\"a\"", Some(1)),
                (":{\"b\":", None),
                ("1", Some(3)),
                ("}}", None)
            ]
        );
    }
}
