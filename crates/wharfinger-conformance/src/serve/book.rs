//! Which cases a client has shown, and which it got wrong.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::page::{Page, Received, credential_names};
use crate::case::{Case, Golden, Step};
use crate::compare::Difference;

/// Bytes of a request's body. Cases with longer ones are left out.
pub(super) const BODY_BYTES_MAX: usize = 4 << 20;

/// Requests that are remembered as wrong.
const WRONG_MAX: usize = 1_000;

/// The cases, and how far a client has come in each.
pub(super) struct Book {
    cases: Vec<Case>,
    pages: Vec<Page>,
    /// For each case, the place of the step that comes next.
    next: Vec<usize>,
    shown: BTreeSet<usize>,
    wrong: BTreeMap<(usize, usize), Wrong>,
    unknown: u64,
    /// The only case that is played, if the client chose one.
    chosen: Option<usize>,
    answered: u64,
}

/// A request that is nearly one of a case.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Wrong {
    /// The case's name.
    pub(super) case: String,
    /// The number of the step, from 1.
    pub(super) step: usize,
    /// Method and target in the case.
    pub(super) request: String,
    /// What differs, in the latest such request.
    pub(super) differences: Vec<Difference>,
    /// How often it came.
    pub(super) count: u64,
}

/// What the client has shown so far.
#[derive(Debug, Serialize)]
pub(super) struct Report<'b> {
    pub(super) dialect: &'b str,
    /// How many cases there are.
    pub(super) cases: usize,
    /// Cases of which every request came, in order.
    pub(super) shown: Vec<&'b str>,
    /// Requests that are nearly those of a case.
    pub(super) wrong: Vec<&'b Wrong>,
    /// Requests to a path of which there is no case.
    pub(super) unknown: u64,
}

/// A response to a request.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Book {
    pub(super) fn new(cases: Vec<Case>) -> Result<Self, String> {
        let names = credential_names(&cases);
        let is_short = |case: &Case| {
            let mut exchanges = case.exchanges();
            exchanges.all(|(_, exchange)| exchange.body().len() < BODY_BYTES_MAX)
        };
        let cases: Vec<Case> = cases.into_iter().filter(is_short).collect();
        let mut pages = Vec::new();
        for (at, case) in cases.iter().enumerate() {
            for (number, exchange) in case.exchanges() {
                pages.push(Page::new((at, number - 1), exchange, &names)?);
            }
        }
        Ok(Self {
            next: vec![0; cases.len()],
            cases,
            pages,
            shown: BTreeSet::new(),
            wrong: BTreeMap::new(),
            unknown: 0,
            chosen: None,
            answered: 0,
        })
    }

    pub(super) fn report<'b>(&'b self, dialect: &'b str) -> Report<'b> {
        let shown = self
            .shown
            .iter()
            .map(|case| self.cases[*case].name.as_str());
        Report {
            dialect,
            cases: self.cases.len(),
            shown: shown.collect(),
            wrong: self.wrong.values().collect(),
            unknown: self.unknown,
        }
    }

    /// Plays only this case from now on, from its beginning. False if there is no such case.
    pub(super) fn choose(&mut self, name: &str) -> bool {
        let found = self.cases.iter().position(|case| case.name == name);
        if let Some(case) = found {
            self.next[case] = 0;
            self.chosen = found;
        }
        found.is_some()
    }

    /// Plays all cases again, each from its beginning. What was shown stays.
    pub(super) fn begin_again(&mut self) {
        self.next.fill(0);
        self.chosen = None;
    }

    /// Answers a request.
    pub(super) fn answer(&mut self, received: &Received) -> Told {
        for case in 0..self.cases.len() {
            self.pass_commands(case);
        }
        let is_open = |page: &&Page| self.chosen.is_none_or(|chosen| chosen == page.case);
        let pages = self
            .pages
            .iter()
            .enumerate()
            .filter(|(_, page)| is_open(page));
        let near: Vec<(usize, Vec<Difference>)> = pages
            .filter(|(_, page)| page.is_at(received))
            .map(|(at, page)| (at, page.differences(received)))
            .collect();
        let equal = near
            .iter()
            .filter(|(_, differences)| differences.is_empty());
        let equal: Vec<usize> = equal.map(|(at, _)| *at).collect();
        // The farthest of those that come next, else the first.
        let coming = equal.iter().filter(|at| self.is_next(**at));
        let best = coming.max_by_key(|at| (self.pages[**at].step, usize::MAX - **at));
        match best.or(equal.first()).copied() {
            Some(best) => self.golden(best, &equal),
            None => self.complain(near, received),
        }
    }

    fn is_next(&self, at: usize) -> bool {
        let page = &self.pages[at];
        self.next[page.case] == page.step
    }

    /// Passes steps that are commands, if the client chose the case. Otherwise nobody has run them.
    fn pass_commands(&mut self, case: usize) {
        if self.chosen != Some(case) {
            return;
        }
        let steps = &self.cases[case].steps;
        while matches!(steps.get(self.next[case]), Some(Step::Command(_))) {
            self.next[case] += 1;
        }
    }

    /// The expected response of a page. All cases go on that expect this request and this response now.
    fn golden(&mut self, best: usize, equal: &[usize]) -> Told {
        let Ok(golden) = self.pages[best].exchange().golden() else {
            return Told::problem(500, "the case has no readable response");
        };
        let told = self.told(&golden, best);
        let text = (
            golden.status,
            golden.headers.clone(),
            golden.body.to_owned(),
        );
        let mut going_on = Vec::new();
        for at in equal.iter().filter(|at| self.is_next(**at)) {
            let page = &self.pages[*at];
            let other = page.exchange().golden();
            let is_same = other.is_ok_and(|other| {
                (other.status, &other.headers, other.body) == (text.0, &text.1, &text.2)
            });
            if is_same {
                going_on.push(page.case);
            }
        }
        for case in going_on {
            self.next[case] += 1;
            self.pass_commands(case);
            if self.next[case] >= self.cases[case].steps.len() {
                self.shown.insert(case);
                self.next[case] = 0;
            }
        }
        self.answered += 1;
        told
    }

    fn told(&self, golden: &Golden<'_>, best: usize) -> Told {
        let page = &self.pages[best];
        let mut ids = Ids::new(self.answered);
        let headers = golden.headers.iter();
        let mut headers: Vec<(String, String)> = headers
            .map(|(name, value)| ((*name).to_owned(), ids.fill(value)))
            .collect();
        let place = format!("{}/{}", self.cases[page.case].name, page.step + 1);
        headers.push(("wharfinger-case".into(), place));
        // The first id of the body is that of the header.
        ids.begin_again();
        Told {
            status: golden.status,
            headers,
            body: ids.fill(golden.body),
        }
    }

    /// The response to a request that no case has.
    fn complain(&mut self, near: Vec<(usize, Vec<Difference>)>, received: &Received) -> Told {
        let nearest = near
            .into_iter()
            .min_by_key(|(at, differences)| (differences.len(), !self.is_next(*at), *at));
        let Some((at, differences)) = nearest else {
            self.unknown += 1;
            let path = received.target.split('?').next().unwrap_or_default();
            let message = format!("no case has {} {path}", received.method);
            return Told::problem(400, &message);
        };
        let page = &self.pages[at];
        let exchange = page.exchange();
        let mut wrong = Wrong {
            case: self.cases[page.case].name.clone(),
            step: page.step + 1,
            request: format!("{} {}", exchange.method, exchange.target),
            differences,
            count: 1,
        };
        let body = serde_json::json!({
            "message": format!("no case has this request; the nearest is step {} of {}", wrong.step, wrong.case),
            "nearest": { "case": &wrong.case, "step": wrong.step },
            "differences": &wrong.differences,
        });
        let place = (page.case, page.step);
        wrong.count += self.wrong.get(&place).map_or(0, |known| known.count);
        if self.wrong.len() < WRONG_MAX || self.wrong.contains_key(&place) {
            self.wrong.insert(place, wrong);
        }
        Told {
            status: 400,
            headers: vec![("content-type".into(), "application/json".into())],
            body: body.to_string(),
        }
    }
}

impl Told {
    /// A response that says what is wrong.
    pub(super) fn problem(status: u16, message: &str) -> Self {
        Self {
            status,
            headers: vec![("content-type".into(), "application/json".into())],
            body: serde_json::json!({ "message": message }).to_string(),
        }
    }
}

/// Ids for the placeholders of one response. No two responses have the same.
struct Ids {
    answer: u64,
    place: u32,
}

impl Ids {
    fn new(answer: u64) -> Self {
        Self { answer, place: 0 }
    }

    fn begin_again(&mut self) {
        self.place = 0;
    }

    fn fill(&mut self, text: &str) -> String {
        let mut filled = String::new();
        for (at, part) in text.split("<uuid>").enumerate() {
            if at > 0 {
                let (answer, place) = (self.answer & 0xffff_ffff, self.place);
                filled.push_str(&format!(
                    "019a0000-0000-7000-8000-{:04x}{answer:08x}",
                    place & 0xffff
                ));
                self.place += 1;
            }
            filled.push_str(part);
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Dialect, Exchange, dialects, normalise};
    use crate::serve::page::credentials_of;

    /// The request that a case expects.
    fn received(exchange: &Exchange) -> Received {
        let headers = exchange.headers_with(&|name| Some(credentials_of(name)));
        Received {
            method: exchange.method.clone(),
            target: exchange.target.clone(),
            headers: headers.unwrap(),
            body: exchange.body().into_owned(),
        }
    }

    #[test]
    fn a_client_that_sends_a_case_has_shown_it() {
        for id in dialects() {
            let cases = Dialect::embedded(id).unwrap().cases;
            let mut book = Book::new(cases).unwrap();
            for case in book.cases.clone() {
                assert!(book.choose(&case.name));
                for (number, exchange) in case.exchanges() {
                    let told = book.answer(&received(exchange));
                    let place = format!("{id}/{}, step {number}", case.name);
                    let golden = exchange.golden().unwrap();
                    assert_eq!(told.status, golden.status, "{place}: {}", told.body);
                    assert_eq!(normalise(&told.body), normalise(golden.body), "{place}");
                }
            }
            let report = book.report(id);
            assert_eq!(report.shown.len(), report.cases, "{id}");
            assert!(report.wrong.is_empty() && report.unknown == 0, "{id}");
        }
    }

    #[test]
    fn requests_that_come_before_decide_what_is_answered() {
        let case = |name: &str, steps: &[(&str, &str)]| {
            let folder = tempfile::tempdir().unwrap();
            let place = folder.path().join("own/cases").join(name);
            std::fs::create_dir_all(&place).unwrap();
            for ((path, body), number) in steps.iter().zip(1..) {
                let request = format!("GET {path}\n\n");
                std::fs::write(place.join(format!("{number}.request")), request).unwrap();
                let response = format!("200\n\n{body}\n");
                std::fs::write(place.join(format!("{number}.response")), response).unwrap();
            }
            crate::case::read_all(folder.path()).remove(0).unwrap()
        };
        let cases = vec![
            case("0001-one", &[("/a", "first")]),
            case("0002-again", &[("/a", "first"), ("/a", "second")]),
            case("0003-other", &[("/b", "other"), ("/a", "third")]),
        ];
        let mut book = Book::new(cases).unwrap();
        let mut ask = |path: &str| {
            let received = Received {
                method: "GET".into(),
                target: path.into(),
                headers: Vec::new(),
                body: Vec::new(),
            };
            book.answer(&received).body
        };
        assert_eq!(
            [ask("/a"), ask("/a"), ask("/b"), ask("/a")],
            ["first", "second", "other", "third"]
        );
        assert!(ask("/c").contains("no case has GET /c"));
        let report = book.report("own");
        assert_eq!(report.shown, ["0001-one", "0002-again", "0003-other"]);
        assert_eq!((report.wrong.len(), report.unknown), (0, 1));
    }
}
