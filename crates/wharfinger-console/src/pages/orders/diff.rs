//! The differences between two texts, line by line.

use std::ops::Range;

/// Lines of context around a difference.
const CONTEXT: usize = 2;
/// Most comparisons of lines. Texts that differ in more are shown as removed and added.
const COMPARED_MAX: usize = 4_000_000;

/// A line of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row<'t> {
    /// The line is in both.
    Same(&'t str),
    /// Only the old text has it.
    Removed(&'t str),
    /// Only the new text has it.
    Added(&'t str),
    /// So many lines are in both, and are not shown.
    Gap(usize),
}

/// Compares two texts. Of what they share, only the lines around differences are shown.
pub(super) fn compare<'t>(old: &'t str, new: &'t str) -> Vec<Row<'t>> {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let pairs = old.iter().zip(&new);
    let head = pairs.take_while(|(old, new)| old == new).count();
    let rest = old[head..].iter().rev().zip(new[head..].iter().rev());
    let tail = rest.take_while(|(old, new)| old == new).count();
    let (old_end, new_end) = (old.len() - tail, new.len() - tail);
    let mut rows: Vec<_> = old[..head].iter().map(|line| Row::Same(line)).collect();
    middle(&old[head..old_end], &new[head..new_end], &mut rows);
    rows.extend(old[old_end..].iter().map(|line| Row::Same(line)));
    folded(&rows)
}

/// Adds the rows of texts that differ in their first and last lines: the longest lines that they share stay.
fn middle<'t>(old: &[&'t str], new: &[&'t str], rows: &mut Vec<Row<'t>>) {
    let width = new.len() + 1;
    if (old.len() + 1).saturating_mul(width) > COMPARED_MAX {
        rows.extend(old.iter().map(|line| Row::Removed(line)));
        rows.extend(new.iter().map(|line| Row::Added(line)));
        return;
    }
    // How many lines the rests of both share, from each pair of lines on.
    let mut shared = vec![0_u32; (old.len() + 1) * width];
    for at in (0..old.len()).rev() {
        for there in (0..new.len()).rev() {
            shared[at * width + there] = if old[at] == new[there] {
                shared[(at + 1) * width + there + 1] + 1
            } else {
                shared[(at + 1) * width + there].max(shared[at * width + there + 1])
            };
        }
    }
    let (mut at, mut there) = (0, 0);
    while at < old.len() || there < new.len() {
        if at < old.len() && there < new.len() && old[at] == new[there] {
            rows.push(Row::Same(old[at]));
            (at, there) = (at + 1, there + 1);
        } else if at < old.len()
            && (there == new.len()
                || shared[(at + 1) * width + there] >= shared[at * width + there + 1])
        {
            rows.push(Row::Removed(old[at]));
            at += 1;
        } else {
            rows.push(Row::Added(new[there]));
            there += 1;
        }
    }
}

/// The rows, without shared lines that are far from any difference.
fn folded<'t>(rows: &[Row<'t>]) -> Vec<Row<'t>> {
    let differs = |row: &Row<'_>| matches!(row, Row::Removed(_) | Row::Added(_));
    let mut is_near = vec![false; rows.len()];
    for (at, _) in rows.iter().enumerate().filter(|(_, row)| differs(row)) {
        let near: Range<usize> = at.saturating_sub(CONTEXT)..(at + CONTEXT + 1).min(rows.len());
        is_near[near].fill(true);
    }
    let mut shown = Vec::new();
    let mut hidden = 0;
    for (row, is_near) in rows.iter().zip(is_near) {
        if !is_near {
            hidden += 1;
            continue;
        }
        if hidden > 0 {
            shown.push(Row::Gap(hidden));
            hidden = 0;
        }
        shown.push(*row);
    }
    if hidden > 0 {
        shown.push(Row::Gap(hidden));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::Row::{Added, Gap, Removed, Same};
    use super::*;

    #[test]
    fn what_differs_is_shown_with_the_lines_around_it() {
        let old = "a\nb\nc\nd\ne\nf\ng";
        let new = "a\nb\nc\nX\ne\nf\ng\nh";
        let expected = [
            Gap(1),
            Same("b"),
            Same("c"),
            Removed("d"),
            Added("X"),
            Same("e"),
            Same("f"),
            Same("g"),
            Added("h"),
        ];
        assert_eq!(compare(old, new), expected);
        assert_eq!(compare(old, old), [Gap(7)]);
        assert_eq!(compare("", "a"), [Added("a")]);
        assert_eq!(compare("a", ""), [Removed("a")]);
        assert_eq!(compare("", ""), []);
    }

    #[test]
    fn either_text_can_be_made_from_the_rows() {
        let texts = [
            "",
            "a",
            "a\nb",
            "b\na",
            "a\nc\nb\na",
            "c\nc\nc\na\nb",
            "b\nc",
        ];
        for old in texts {
            for new in texts {
                let rows = compare(old, new);
                let only =
                    |wanted: fn(&Row<'_>) -> bool| rows.iter().filter(|row| wanted(row)).count();
                let removed = only(|row| matches!(row, Removed(_)));
                let added = only(|row| matches!(row, Added(_)));
                let lines = |text: &str| text.lines().count();
                assert_eq!(lines(old) + added, lines(new) + removed, "{old:?} {new:?}");
            }
        }
    }

    #[test]
    fn texts_that_differ_in_too_much_are_shown_as_they_are() {
        let old = "a\n".repeat(3_000) + "x";
        let new = "b\n".repeat(3_000) + "y";
        let rows = compare(&old, &new);
        assert_eq!(rows.len(), 6_002);
    }
}
