//! Alerts and the dashboard, compared with the metrics that a running server has.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{assert_content, read, root, tool};
use crate::support::changes::administrator;
use crate::support::client::Request;
use crate::support::fixture;
use crate::support::server::Server;
use crate::support::v1;

/// Labels that Prometheus adds.
const ADDED: [&str; 2] = ["instance", "job"];
/// The metric that Prometheus makes itself.
const UP: &str = "up";

/// The labels of each metric of a server that had traffic.
fn exposed() -> BTreeMap<String, BTreeSet<String>> {
    let data = fixture::data_directory();
    let administrator = administrator(data.path());
    let bearer = format!("Bearer {administrator}");
    let server = Server::start_with(data.path(), &["--destinations-allow", "127.0.0.0/8"]);
    // Nobody listens there. The metrics of a destination are there once it was tried.
    let body = r#"{"kind":"webhook","url":"http://127.0.0.1:9","start":"beginning"}"#;
    let create = Request::new("POST", "/v1/destinations").body(body);
    let answer = server.send(&create.header("authorization", bearer));
    assert_eq!(answer.status, 201, "{}", answer.text());
    // An event for it.
    let (answer, _) = v1::submit(&server, "TRK001", &[v1::order("A")]);
    assert!(answer.status < 300, "{}", answer.text());
    loop {
        let text = server.send(&Request::new("GET", "/metrics"));
        let mut metrics = BTreeMap::<_, BTreeSet<_>>::new();
        for line in text.text().lines().filter(|line| !line.starts_with('#')) {
            let (series, _) = line.rsplit_once(' ').expect("a sample has a value");
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let pairs = labels.trim_end_matches('}').split("\",");
            let labels = pairs.filter_map(|pair| pair.split_once('='));
            let known = metrics.entry(name.to_owned()).or_default();
            known.extend(labels.map(|(label, _)| label.to_owned()));
        }
        if metrics.contains_key("wharfinger_destination_attempts_total")
            && metrics.contains_key("wharfinger_destination_lag_events")
        {
            return metrics;
        }
    }
}

/// The words of an expression, each with the character behind it.
fn words(expression: &str) -> Vec<(&str, Option<char>)> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || "_:".contains(character);
    let mut words = Vec::new();
    let mut rest = expression;
    while let Some(begin) = rest.find(is_part) {
        rest = &rest[begin..];
        let end = rest
            .find(|character| !is_part(character))
            .unwrap_or(rest.len());
        words.push((&rest[..end], rest[end..].chars().next()));
        rest = &rest[end..];
    }
    words
}

/// Asserts that the metrics of an expression exist, and have the labels in it.
fn assert_exists(expression: &str, exposed: &BTreeMap<String, BTreeSet<String>>) {
    let of = |prefix: &str| {
        let words = words(expression).into_iter();
        let names = words.filter(|(word, _)| word.starts_with(prefix));
        Vec::from_iter(names.map(|(word, _)| word.to_owned()))
    };
    let metrics = of("wharfinger_");
    assert!(!metrics.is_empty() || !of(UP).is_empty(), "{expression}");
    let mut labels = BTreeSet::new();
    for metric in &metrics {
        let of_metric = exposed.get(metric);
        let of_metric = of_metric.unwrap_or_else(|| panic!("there is no {metric}: {expression}"));
        labels.extend(of_metric.iter().map(String::as_str));
    }
    labels.extend(ADDED);
    // What follows `by`, and what stands in braces before `=`.
    let mut asked = Vec::new();
    for part in expression.split("by (").skip(1) {
        asked.extend(part.split(')').next().unwrap_or_default().split(','));
    }
    for part in expression.split('{').skip(1) {
        let matchers = part.split('}').next().unwrap_or_default().split("\",");
        asked.extend(matchers.filter_map(|matcher| matcher.split(['=', '!']).next()));
    }
    for label in asked {
        assert!(
            labels.contains(label.trim()),
            "no label {label}: {expression}"
        );
    }
}

/// The name, the expression and the annotations of each alert.
fn alerts() -> Vec<(String, String, String)> {
    let text = read("deploy/prometheus/rules.yml");
    let mut alerts = Vec::new();
    for alert in text.split("- alert: ").skip(1) {
        let (name, rest) = alert.split_once('\n').unwrap();
        let (_, rest) = rest
            .split_once("expr:")
            .expect("an alert has an expression");
        let (expression, rest) = rest.split_once("labels:").expect("an alert has labels");
        let expression = expression.split("for:").next().unwrap();
        alerts.push((
            name.to_owned(),
            expression.trim_start_matches([' ', '|']).to_owned(),
            rest.to_owned(),
        ));
    }
    alerts
}

#[test]
fn metrics_and_labels_of_alerts_and_dashboard_exist() {
    let exposed = exposed();
    let alerts = alerts();
    assert!(alerts.len() >= 15);
    for (_, expression, annotations) in alerts {
        assert_exists(&expression, &exposed);
        // Labels in the sentences are those of the result.
        for label in annotations.split("$labels.").skip(1) {
            let label = label.split(' ').next().unwrap_or_default();
            let is_there =
                ADDED.contains(&label) || expression.contains(label) || label == "destination";
            assert!(is_there, "{label}: {annotations}");
        }
    }
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/wharfinger.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    let mut expressions = 0;
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64()), "{}", panel["title"]);
        for target in panel["targets"].as_array().into_iter().flatten() {
            assert_exists(target["expr"].as_str().unwrap(), &exposed);
            expressions += 1;
        }
    }
    assert!(expressions > 25, "{expressions}");
    // Each metric is shown somewhere.
    let shown = dashboard.to_string() + &read("deploy/prometheus/rules.yml");
    for metric in exposed.keys() {
        let base = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|ending| metric.strip_suffix(ending));
        let is_shown = shown.contains(base.unwrap_or(metric));
        assert!(is_shown, "{metric} is on no dashboard and in no alert");
    }
}

#[test]
fn prometheus_takes_the_alerts_and_they_fire_when_they_should() {
    let folder = root("deploy/prometheus");
    assert_content(&tool("promtool", &["check", "rules", "rules.yml"], &folder));
    assert_content(&tool(
        "promtool",
        &["test", "rules", "rules.test.yml"],
        &folder,
    ));
}

#[test]
fn each_alert_is_explained() {
    let page = read("docs/alerts.md");
    let headings = page.lines().filter_map(|line| line.strip_prefix("### "));
    let headings = Vec::from_iter(headings.map(str::to_owned));
    let alerts = alerts();
    let names = Vec::from_iter(alerts.iter().map(|(name, ..)| name.clone()));
    assert_eq!(headings, names, "in the same order");
    for (name, _, annotations) in &alerts {
        let anchor = format!("runbook: docs/alerts.md#{}\n", name.to_lowercase());
        assert!(format!("{annotations}\n").contains(&anchor), "{name}");
        assert!(annotations.contains("summary: "), "{name}");
        let (_, explained) = page.split_once(&format!("### {name}\n")).unwrap();
        let explained = explained.split("\n### ").next().unwrap_or_default();
        assert!(explained.contains("**Do:**"), "{name}: what to do?");
        let severity = if annotations.contains("severity: page") {
            "page"
        } else {
            "ticket"
        };
        assert!(
            explained.contains(&format!("Severity: {severity}.")),
            "{name}"
        );
    }
}
