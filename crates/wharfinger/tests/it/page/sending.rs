//! Sending requests from the page, and what it shows of the responses.

use std::process::Command;

use serde_json::json;

use super::{WIDE, assert_quiet, open, send, shown, use_key};
use crate::support::fixture::{self, secret_of};
use crate::support::server::Server;
use crate::support::stored::rows;
use crate::support::v1::{get, order_id, request};

#[test]
fn a_batch_that_is_sent_from_the_page_is_stored() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let browser = open(&server, WIDE, "#native_submit");
    use_key(&browser, "one");
    let of_route = |label: &str| browser.labelled("#native_submit", label);
    let effect = || browser.find("#native_submit .effect").text();
    // Closed lists are choices.
    for (name, value) in [
        ("policy", "all_or_nothing"),
        ("results", "rejected"),
        ("dialect", "reevoo"),
    ] {
        let choice = of_route(name);
        assert_eq!(choice.property("tagName"), "SELECT", "{name}");
        choice.choose(value);
        assert_eq!(choice.value(), value);
        choice.choose("");
    }
    assert!(
        effect().starts_with("Send stores these orders"),
        "{}",
        effect()
    );
    let before = rows(data.path());
    of_route("Dry run").click();
    assert!(effect().contains("Nothing is stored"), "{}", effect());
    let (status, body) = send(&browser, "native_submit");
    assert!(status.starts_with("200 OK"), "{status}");
    assert!(body.contains("\"accepted\": 1"), "{body}");
    assert!(rows(data.path()) == before, "something was stored");
    of_route("Dry run").click();
    let (status, _) = send(&browser, "native_submit");
    assert!(
        status.starts_with("200 OK") && status.contains(" ms, "),
        "{status}"
    );
    let headers = browser.find("#native_submit .headers").text();
    assert!(headers.contains("wharfinger-batch-id"), "{headers}");
    let stored = get(&server, "/v1/orders?organisation=TRK001&key=A-1");
    assert_eq!(stored["data"][0]["lines"][0]["unit_price"], "55.10");
    // One line for each order, from the other example.
    of_route("Content-Type").choose("application/x-ndjson");
    let text = browser.find("#native_submit textarea");
    assert_eq!(text.value().trim().lines().count(), 1);
    let (_, body) = send(&browser, "native_submit");
    assert!(body.contains("\"unchanged\": 1"), "{body}");
    assert_quiet(&browser);
}

#[test]
fn numbers_are_shown_as_they_came() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let order = r#"{"key":"A","placed_at":"2026-11-21","lines":[{"sku":"S \"1\", [x]: {}","unit_price":55.10}],
        "metadata":{"big":123456789012345678901234567890,"price":55.10,"small":1e-7,"none":[],"nothing":{},"list":[1.0,null,true]}}"#;
    let target = "/v1/batches?organisation=TRK001";
    let made = server.send(&request("POST", target, "full").body(order));
    assert_eq!(made.status, 200, "{}", made.text());
    let browser = open(&server, WIDE, "#native_show_order");
    use_key(&browser, "one");
    browser
        .labelled("#native_show_order", "id")
        .write(&order_id(&made, 0));
    let (status, body) = send(&browser, "native_show_order");
    assert!(status.starts_with("200 OK"), "{status}");
    assert!(
        body.starts_with("{\n  \"organisation\": \"TRK001\",\n"),
        "{body}"
    );
    for line in [
        r#"    "big": 123456789012345678901234567890,"#,
        r#"    "price": 55.10,"#,
        r#"    "small": 1e-7,"#,
        r#"    "none": [],"#,
        r#"    "nothing": {},"#,
        "      1.0,\n      null,\n      true\n    ]",
        r#"      "sku": "S \"1\", [x]: {}","#,
    ] {
        assert!(body.contains(line), "{line} is not in {body}");
    }
}

/// Text that would do something in a page, in a shell, or to the lines around it.
const HOSTILE: &str = r#"<script>document.title='owned'</script><img src=x onerror=alert(1)> "'$(touch owned)`touch owned` \ & %41 \u202egnp.exe\u2066\u0007"#;

#[test]
fn what_a_response_contains_is_shown_as_text() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let hostile: String = serde_json::from_str(&format!(
        "\"{}\"",
        HOSTILE.replace(r#"""#, r#"\""#).replace(r"\ &", r"\\ &")
    ))
    .unwrap();
    assert!(hostile.contains('\u{202e}'), "{hostile}");
    let order = json!({"key": "H", "placed_at": "2026-11-21", "lines": [{"sku": "S"}], "metadata": {"note": hostile}});
    let target = "/v1/batches?organisation=TRK001";
    let made = server.send(&request("POST", target, "full").body(order.to_string()));
    assert_eq!(made.status, 200, "{}", made.text());
    let browser = open(&server, WIDE, "#native_show_order");
    use_key(&browser, "one");
    let id = browser.labelled("#native_show_order", "id");
    id.write(&order_id(&made, 0));
    let (_, body) = send(&browser, "native_show_order");
    assert!(
        body.contains("<script>document.title='owned'</script>"),
        "{body}"
    );
    // Marks that change the direction of writing are escapes, as JSON allows.
    assert!(body.contains(r"\u202egnp.exe\u2066\u0007"), "{body}");
    assert!(!body.contains(['\u{202e}', '\u{2066}']), "{body}");
    assert_eq!(browser.run("return document.title", &[]), "Wharfinger API");
    let made = "return document.querySelectorAll('.answer script, .answer img').length";
    assert_eq!(browser.run(made, &[]), 0);
    // A refusal repeats what was asked for.
    id.fill("<b>7</b>");
    send(&browser, "native_show_order");
    assert_eq!(browser.count_shown(".answer b"), 0);
    assert_quiet(&browser);
}

#[test]
fn a_long_response_is_cut() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let note = "n".repeat(50_000);
    let order = |number: usize| json!({"key": format!("L-{number}"), "placed_at": "2026-11-21", "lines": [{"sku": "S"}], "metadata": {"note": note}});
    let orders: Vec<_> = (0..40).map(order).collect();
    let target = "/v1/batches?organisation=TRK001&results=none";
    let body = serde_json::to_vec(&orders).unwrap();
    assert_eq!(
        server
            .send(&request("POST", target, "full").body(body))
            .status,
        200
    );
    let browser = open(&server, WIDE, "#native_list_orders");
    use_key(&browser, "one");
    let (status, body) = send(&browser, "native_list_orders");
    assert!(status.starts_with("200 OK"), "{status}");
    assert!(body.len() <= 1 << 20, "{} bytes are shown", body.len());
    let note = browser.find("#native_list_orders .answer .note").text();
    assert!(note.contains("Use curl for the rest"), "{note}");
}

#[test]
fn an_error_is_a_sentence_that_says_what_to_do() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let browser = open(&server, WIDE, "#native_submit");
    let advice = || browser.find("#native_submit .advice").text();
    let (status, _) = send(&browser, "native_submit");
    assert!(status.starts_with("401"), "{status}");
    assert!(
        advice().starts_with("The request had no API key."),
        "{}",
        advice()
    );
    // Its link leads to the field.
    browser.run(
        "document.querySelector('#native_submit .advice a').click()",
        &[],
    );
    browser.wait("document.activeElement.id === 'secret'");
    browser.focused().write("full:wrong");
    browser.labelled("#key", "Check the key").click();
    browser.wait("document.querySelector('#key-state.refused')");
    let (status, _) = send(&browser, "native_submit");
    assert!(status.starts_with("401"), "{status}");
    assert!(
        advice().starts_with("The server did not accept"),
        "{}",
        advice()
    );
    use_key(&browser, "reader");
    let (status, _) = send(&browser, "native_submit");
    assert!(status.starts_with("403"), "{status}");
    assert!(
        advice().contains("lacks the scope orders:write"),
        "{}",
        advice()
    );
    // A route of another dialect needs the key's id.
    browser.labelled("#key", "API key").fill("full-secret");
    browser.run("location.hash = '#reevoo_organisations'", &[]);
    let (said, _) = send(&browser, "reevoo_organisations");
    assert!(said.contains("Write ID:SECRET"), "{said}");
    // No server at all.
    server.kill();
    let (said, _) = send(&browser, "native_submit");
    assert!(said.starts_with("The server did not answer."), "{said}");
    assert!(said.contains("use the same Idempotency-Key"), "{said}");
    assert_quiet(&browser);
}

#[test]
fn the_copied_command_sends_the_same_request_from_a_shell() {
    let data = fixture::data_directory();
    let server = Server::start(data.path());
    let browser = open(&server, WIDE, "#native_submit");
    browser.permit_clipboard();
    use_key(&browser, "one");
    let directory = tempfile::tempdir().unwrap();
    let run = |route: &str| {
        browser
            .labelled(&format!("#{route}"), "Copy as curl")
            .click();
        browser.wait_with(
            "document.querySelector(given[0]).textContent === 'Copied'",
            &[format!("#{route} .copy [role=status]").into()],
        );
        let command = browser.run_async("return await navigator.clipboard.readText()");
        let command = command.as_str().unwrap().to_owned();
        assert!(!command.contains("one-secret"), "{command}");
        let output = Command::new("sh")
            .arg("-c")
            .arg(command.replacen("curl", "curl -sS", 1))
            .current_dir(directory.path())
            .env("KEY_SECRET", secret_of("one"))
            .output()
            .expect("sh starts");
        assert!(output.status.success(), "{command}\n{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    // The note has everything that a shell could take for its own.
    let order = format!(
        r#"{{"key": "C'1 $HOME", "placed_at": "2026-11-21", "lines": [{{"sku": "S"}}], "metadata": {{"note": {}}}}}"#,
        serde_json::to_string(HOSTILE).unwrap()
    );
    browser.find("#native_submit textarea").fill(&order);
    browser
        .labelled("#native_submit", "Idempotency-Key")
        .write("it's $(touch owned) \"1\" \\ !");
    let printed = run("native_submit");
    assert!(printed.contains("\"accepted\":1"), "{printed}");
    // The same request again gets the same response, so the header field is the same too.
    let again = run("native_submit");
    assert_eq!(again, printed);
    let (_, replayed) = send(&browser, "native_submit");
    let replayed: serde_json::Value = serde_json::from_str(&replayed).unwrap();
    assert_eq!(
        replayed,
        serde_json::from_str::<serde_json::Value>(&printed).unwrap()
    );
    browser.run("location.hash = '#native_list_orders'", &[]);
    browser
        .labelled("#native_list_orders", "key")
        .write("C'1 $HOME");
    let listed = run("native_list_orders");
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    assert_eq!(listed["data"][0]["metadata"]["note"], HOSTILE);
    // Basic credentials, and a method that is not implied.
    browser.run("location.hash = '#reevoo_organisations'", &[]);
    assert!(run("reevoo_organisations").contains("TRK001"));
    let id = listed["data"][0]["id"].as_str().unwrap().to_owned();
    browser.run("location.hash = '#native_process_order'", &[]);
    browser.labelled("#native_process_order", "id").write(&id);
    let processed = run("native_process_order");
    assert!(processed.contains("processed"), "{processed}");
    let made = std::fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(made, 0, "the shell ran a part of the text");
    shown(&browser, "native_submit");
    assert_quiet(&browser);
}
