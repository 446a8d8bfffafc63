//! Receivers that are slow, broken or hostile.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

use super::check::{Feed, check, has_all, text};
use super::{Site, definition, definition_with};
use crate::support::receiver::{Receiver, Reply};

fn all(_: &Value) -> bool {
    true
}

/// Waits until attempts for a destination have failed. Returns them.
fn failures(site: &Site, id: &str) -> Vec<Value> {
    site.until(id, "/deliveries", "an attempt fails", |told| {
        let attempts = told["attempts"]
            .as_array()
            .unwrap_or_else(|| panic!("{told}"));
        let failed = attempts.iter().filter(|one| one["result"] != "delivered");
        let failed = Vec::from_iter(failed.cloned());
        (!failed.is_empty()).then_some(failed)
    })
}

#[test]
fn one_that_hangs_one_that_fails_and_one_that_dribbles_cost_the_others_nothing() {
    let site = Site::start();
    let hanging = Receiver::start(|_| Reply::Hang);
    let failing = Receiver::start(|_| Reply::Status(500));
    let slow = Receiver::start(|_| Reply::Dribble);
    for receiver in [&hanging, &failing, &slow] {
        let definition = definition_with(&receiver.url(), &json!({"timeout_s": 300}));
        site.create(&definition);
    }
    site.take(&["first"]);
    for receiver in [&hanging, &failing, &slow] {
        receiver.wait_arrived(1);
    }
    let others = Vec::from_iter((0..20).map(|_| Receiver::willing()));
    for receiver in &others {
        site.create_for(receiver);
    }
    let keys = Vec::from_iter((0..20).map(|number| format!("K-{number}")));
    site.take(&Vec::from_iter(keys.iter().map(String::as_str)));
    let feed = Feed::of(&site.server);
    // They get everything while the three are as they are.
    for receiver in &others {
        let taken = receiver.wait_taken(|taken| has_all(taken, &feed, all));
        assert_eq!(check(&taken, &feed, all), 0);
    }
    assert_eq!(hanging.taken().len(), 0);
}

#[test]
fn answers_that_are_no_answers_are_told_and_the_event_comes_again() {
    for (reply, result) in [
        (Reply::Status(500), "refused"),
        (
            Reply::Full(
                302,
                "location: http://127.0.0.1:1/\r\n".into(),
                String::new(),
            ),
            "refused",
        ),
        (Reply::Hang, "timeout"),
        (Reply::HugeHead, "bad_answer"),
        (Reply::Garbage, "bad_answer"),
        (Reply::Close, "broken_off"),
    ] {
        let site = Site::start();
        let mut is_first = true;
        let bad = reply.clone();
        let receiver = Receiver::start(move |_| {
            if std::mem::take(&mut is_first) {
                return bad.clone();
            }
            Reply::Status(200)
        });
        let definition = definition_with(&receiver.url(), &json!({"timeout_s": 1, "parallel": 1}));
        let id = text(&site.create(&definition)["id"]);
        site.take(&["A"]);
        let feed = Feed::of(&site.server);
        let taken = receiver.wait_taken(|taken| has_all(taken, &feed, all));
        check(&taken, &feed, all);
        let arrived = receiver.arrived();
        assert_eq!(
            arrived[0].header("webhook-id"),
            Some(&*text(&feed.events[0]["id"]))
        );
        let failed = &failures(&site, &id)[0];
        assert_eq!(failed["result"], result, "{reply:?}: {failed}");
        assert_eq!(failed["webhook_id"], feed.events[0]["id"]);
    }
}

#[test]
fn an_answer_is_taken_by_its_status_however_its_body_goes_on() {
    for reply in [Reply::Dribble, Reply::Endless, Reply::Cut] {
        let site = Site::start();
        let hostile = reply.clone();
        let receiver = Receiver::start(move |_| hostile.clone());
        site.create(&definition_with(&receiver.url(), &json!({"timeout_s": 1})));
        site.take(&["A", "B"]);
        let feed = Feed::of(&site.server);
        let taken = receiver.wait_taken(|taken| has_all(taken, &feed, all));
        assert_eq!(check(&taken, &feed, all), 0, "{reply:?}");
    }
}

#[test]
fn the_first_kibibyte_of_an_answer_is_kept() {
    let site = Site::start();
    let long = format!("no: {}", "é".repeat(5_000));
    let receiver = Receiver::start(move |_| Reply::Full(400, String::new(), long.clone()));
    let id = site.create_for(&receiver);
    site.take(&["A"]);
    receiver.wait_arrived(2);
    let attempts = failures(&site, &id);
    let answer = text(&attempts[0]["answer"]);
    assert!(answer.starts_with("no: éé") && answer.len() <= 1_024 && answer.len() > 1_000);
}

#[test]
fn a_destination_that_is_gone_is_disabled_and_that_is_told() {
    let site = Site::start();
    let receiver = Receiver::start(|_| Reply::Status(410));
    let id = site.create_for(&receiver);
    site.take(&["A"]);
    receiver.wait_arrived(1);
    let told = site.until(&id, "", "it is disabled", |told| {
        (told["state"] == "disabled").then(|| told.clone())
    });
    assert!(told["hint"].to_string().contains("410"), "{told}");
    let audit = site.server.send(&site.administer("GET", "/v1/audit"));
    assert!(
        audit.text().contains("destination.disabled"),
        "{}",
        audit.text()
    );
    assert_eq!(
        site.server.metric("wharfinger_destinations_disabled_total"),
        1.0
    );
    receiver.behave(|_| Reply::Status(200));
    site.act(&id, "resume", &json!({}));
    let feed = Feed::of(&site.server);
    site.act(&id, "replay", &json!({"from": "failed"}));
    let taken = receiver.wait_taken(|taken| has_all(taken, &feed, all));
    assert_eq!(check(&taken, &feed, all), 0);
}

/// Makes a CA, and a certificate from it for a name, in a directory.
fn certificates(directory: &std::path::Path, name: &str) -> Arc<ServerConfig> {
    let script = format!(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=ca \
         -keyout ca.key -out ca.pem && \
         openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=receiver \
         -CA ca.pem -CAkey ca.key -addext subjectAltName={name} -addext basicConstraints=critical,CA:FALSE \
         -keyout key.pem -out cert.pem"
    );
    let made = std::process::Command::new("sh")
        .arg("-c")
        .arg(script)
        .current_dir(directory)
        .output();
    assert!(made.unwrap().status.success());
    let certificate = CertificateDer::from_pem_file(directory.join("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(directory.join("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key);
    Arc::new(config.unwrap())
}

#[test]
fn a_receiver_with_tls_must_have_a_certificate_that_is_trusted_and_of_its_name() {
    let files = tempfile::tempdir().unwrap();
    let right = certificates(files.path(), "IP:127.0.0.1");
    let ca = files.path().join("ca.pem");
    let ca = ca.to_str().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let untrusted = certificates(elsewhere.path(), "IP:127.0.0.1");
    let allowed = ["--destinations-allow", "127.0.0.0/8,::1/128"];
    let options = [&allowed[..], &["--destinations-ca", ca]].concat();
    let site = Site::start_with(&options, Vec::new());
    let take = |config| Receiver::start_at("127.0.0.1:0", Some(config), |_| Reply::Status(200));
    let (good, bad) = (take(right), take(untrusted));
    let url = |receiver: &Receiver| format!("https://{}/hook", receiver.address);
    site.create(&definition(&url(&good)));
    let refused = text(&site.create(&definition(&url(&bad)))["id"]);
    // A name that the certificate does not have.
    let misnamed = url(&good).replace("127.0.0.1", "localhost");
    let misnamed = text(&site.create(&definition(&misnamed))["id"]);
    site.take(&["A"]);
    let feed = Feed::of(&site.server);
    let taken = good.wait_taken(|taken| has_all(taken, &feed, all));
    assert_eq!(check(&taken, &feed, all), 0);
    for id in [refused, misnamed] {
        let attempts = failures(&site, &id);
        assert_eq!(attempts[0]["result"], "tls", "{attempts:?}");
    }
    assert_eq!(bad.arrived().len(), 0);
    assert_eq!(good.arrived().len(), taken.len());
}
