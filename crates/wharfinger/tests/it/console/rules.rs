//! The page of an organisation's rules.

use serde_json::{Value, json};

use super::orders::{assert_fits, full_order, go, picture};
use super::{Cookie, NARROW, WIDE, admin, show, sign_in_by_form, sign_in_with};
use crate::support::browser::Browser;
use crate::support::client::Request;
use crate::support::fixture::{self, DataDirectory};
use crate::support::server::Server;
use crate::support::v1::{order, submit};

const PAGE: &str = "/console/organisations/TRK001/rules";

struct Office {
    server: Server,
    id: String,
    secret: String,
    _data: DataDirectory,
}

impl Office {
    fn open() -> Self {
        let data = fixture::data_directory();
        let (id, secret) = admin(data.path());
        let server = Server::start(data.path());
        Self {
            server,
            id,
            secret,
            _data: data,
        }
    }

    fn sign_in(&self, browser: &Browser, path: &str) {
        show(browser, &self.server, path);
        sign_in_with(browser, &self.id, &self.secret);
    }

    fn request(&self, method: &str) -> Request {
        let request = Request::new(method, "/v1/organisations/TRK001/rules");
        request.header("authorization", format!("Bearer {}", self.secret))
    }

    /// The rules that are set: names and expressions.
    fn rules(&self) -> Vec<(String, String)> {
        let answer = self.server.send(&self.request("GET")).json();
        let rules = answer["rules"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let pair = |rule: &Value| (text(&rule["name"]), text(&rule["when"]));
        rules.map(pair).collect()
    }

    fn set(&self, rules: &Value) {
        let put = self.request("PUT");
        let put = put.body(json!({ "rules": rules }).to_string());
        assert_eq!(self.server.send(&put).status, 200);
    }

    /// Sends the form of the page as a browser without scripts does. Returns the status and the page.
    fn post(&self, cookie: &Cookie, fields: &[(&str, &str)]) -> (u16, String) {
        let csrf = cookie.csrf(&self.server);
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("csrf", &csrf).extend_pairs(fields);
        let request = Request::new("POST", PAGE);
        let answer = self.server.send(&cookie.on(request).body(form.finish()));
        (answer.status, answer.text().to_owned())
    }
}

fn rule(name: &str, when: &str) -> Value {
    json!({"name": name, "when": when, "sentence": format!("Because of {name}.")})
}

#[test]
fn an_administrator_writes_a_rule_tests_it_and_saves_it() {
    for size in [WIDE, NARROW] {
        let office = Office::open();
        submit(
            &office.server,
            "TRK001",
            &[full_order("R-1", "Ann"), order("R-2")],
        );
        let browser = Browser::start(size.0, size.1);
        office.sign_in(&browser, "/console/organisations/TRK001");
        browser.find("main a[href$='/rules']").click();
        browser.wait("document.querySelector('h1').innerText === 'Rules of TRK001'");
        browser.find("[name=name]").fill("lines");
        browser.find("[name=sentence]").fill("<b>Many</b> lines.");
        browser.find("[name=when]").fill("size(order.lnes) > 1");
        // What is wrong is marked while it is written.
        browser.wait(
            "document.querySelector('.rule-faults .what')?.innerText.includes('did you mean')",
        );
        assert_eq!(browser.find(".rule-faults mark").text(), "lnes");
        browser
            .wait("document.querySelector('[name=when]').getAttribute('aria-invalid') === 'true'");
        picture(&browser, &format!("rules-wrong-{}", size.0));
        assert_fits(&browser);
        browser.labelled("main", "Save").click();
        browser.wait("document.querySelector('#rules-summary .notice.bad')");
        assert_eq!(office.rules(), []);
        assert_eq!(browser.find("[name=name]").value(), "lines");
        browser.find("[name=when]").fill("size(order.lines) > 1");
        browser.wait("!document.querySelector('.rule-faults .what')");
        browser.wait("!document.querySelector('[aria-invalid]')");
        // The test names the orders that would be held, and changes nothing.
        browser.labelled("main", "Test").click();
        let tested = browser.find("#trial .notice").text();
        assert!(
            tested.contains("1 of the latest 2 orders would be held"),
            "{tested}"
        );
        let row = browser.find("#trial tbody tr").text();
        assert!(
            row.contains("R-1") && row.contains("<b>Many</b> lines."),
            "{row}"
        );
        picture(&browser, &format!("rules-tested-{}", size.0));
        assert_fits(&browser);
        assert_eq!(office.rules(), []);
        browser.labelled("main", "Save").click();
        browser.wait("location.search === '?done=saved'");
        let expected = ("lines".to_owned(), "size(order.lines) > 1".to_owned());
        assert_eq!(office.rules(), [expected]);
        let (answer, _) = submit(&office.server, "TRK001", &[full_order("R-3", "Bo")]);
        assert_eq!(answer.json()["results"][0]["rule"], "lines");
        assert_eq!(browser.errors(), Vec::<String>::new());
    }
}

#[test]
fn rules_are_ordered_and_removed_without_scripts() {
    let office = Office::open();
    office.set(&json!([
        rule("a", "true"),
        rule("b", "false"),
        rule("c", "order.total > 1")
    ]));
    let browser = Browser::start_without_scripts(NARROW.0, NARROW.1);
    office.sign_in(&browser, PAGE);
    // Each button loads the page again.
    let has = |names: &[&str]| {
        let names = format!("{names:?}");
        let shown = "JSON.stringify([...document.querySelectorAll('[name=name]')].map((field) => field.value))";
        browser.wait_with(
            &format!("{shown} === given[0]"),
            &[names.replace(", ", ",").into()],
        );
    };
    browser.find("[aria-label='Move rule 3 up']").click();
    has(&["a", "c", "b"]);
    browser.find("[aria-label='Remove rule 1']").click();
    has(&["c", "b"]);
    browser.labelled("main", "Add a rule").click();
    has(&["c", "b", ""]);
    // A rule that stays empty is none.
    browser.labelled("main", "Add a rule").click();
    has(&["c", "b", "", ""]);
    browser
        .find("fieldset.rule:nth-of-type(4) [name=name]")
        .fill("d");
    browser
        .find("fieldset.rule:nth-of-type(4) [name=when]")
        .fill("1 +");
    browser
        .find("fieldset.rule:nth-of-type(4) [name=sentence]")
        .fill("D");
    // Enter in a field checks, and removes nothing.
    browser
        .find("fieldset.rule:nth-of-type(4) [name=sentence]")
        .write("\u{e007}");
    browser.find("fieldset.rule:nth-of-type(4) .fault");
    assert_eq!(browser.count_shown(".fault"), 1);
    browser.find("#rules-summary .notice.bad");
    browser
        .find("fieldset.rule:nth-of-type(4) [name=when]")
        .fill("size(order.lines) > 9");
    browser.labelled("main", "Test").click();
    let tested = browser.find("#trial").text();
    assert!(tested.contains("no order to test"), "{tested}");
    browser.labelled("main", "Save").click();
    browser.wait("location.search === '?done=saved'");
    let names: Vec<_> = office.rules().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["c", "b", "d"]);
}

#[test]
fn nobody_overwrites_the_rules_of_another_person_unseen() {
    let office = Office::open();
    office.set(&json!([rule("mine", "true")]));
    let (mine, other) = (
        Browser::start(WIDE.0, WIDE.1),
        json!([rule("theirs", "order.total > 5")]),
    );
    office.sign_in(&mine, PAGE);
    mine.find("[name=name]").fill("changed");
    office.set(&other);
    mine.labelled("main", "Save").click();
    let told = mine.find(".notice.warm").text();
    assert!(
        told.contains("theirs") && told.contains("order.total > 5"),
        "{told}"
    );
    assert_eq!(mine.find("[name=name]").value(), "changed");
    assert_eq!(office.rules()[0].0, "theirs");
    mine.labelled("main", "Save").click();
    mine.wait("location.search === '?done=saved'");
    assert_eq!(office.rules()[0].0, "changed");
}

#[test]
fn only_administrators_of_an_organisation_see_its_rules() {
    let office = Office::open();
    let evil = "<script>alert(1)</script>";
    office.set(&json!([{"name": evil, "when": "order.key == '<script>'", "sentence": evil}]));
    let chief = Cookie::of(&office.server, &office.id, &office.secret);
    let page = chief.get(&office.server, PAGE);
    assert!(page.text().contains("&lt;script&gt;alert") && !page.text().contains(evil));
    let (status, page) = office.post(
        &chief,
        &[
            ("do", "check"),
            ("name", evil),
            ("sentence", evil),
            ("when", "<script>"),
        ],
    );
    assert_eq!(status, 200);
    assert!(
        page.contains("1 thing is wrong") && !page.contains("<script>"),
        "{page}"
    );
    for (key, status) in [("full", 403), ("other", 403)] {
        let cookie = sign_in_by_form(&office.server, key);
        assert_eq!(cookie.get(&office.server, PAGE).status, status, "{key}");
        let fields = [
            ("do", "save"),
            ("name", "a"),
            ("sentence", "b"),
            ("when", "true"),
        ];
        assert_eq!(office.post(&cookie, &fields).0, status, "{key}");
    }
    let (status, _) = office.post(&chief, &[("do", "save"), ("was", "x")]);
    assert_eq!(status, 409);
    let nowhere = chief.get(&office.server, "/console/organisations/NOWHERE/rules");
    assert_eq!(nowhere.status, 404);
    assert_eq!(office.rules()[0].0, evil);
    let browser = Browser::start(WIDE.0, WIDE.1);
    office.sign_in(&browser, PAGE);
    go(&browser, &office.server, PAGE);
    assert_eq!(browser.find("[name=name]").value(), evil);
    assert_eq!(browser.errors(), Vec::<String>::new());
}
