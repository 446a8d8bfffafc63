//! Requests that change something: one for each such route of every dialect.

use serde_json::Value;

use super::client::{Request, Response};
use super::fixture::{basic, secret_of};
use super::server::{Server, run};
use super::v1::{self, order, submit};

/// A request that changes something.
pub(crate) struct Change {
    /// The dialect in whose form it is answered.
    pub(crate) dialect: &'static str,
    /// Method and path template, as in the route table.
    pub(crate) route: (&'static str, &'static str),
    /// Whether it submits orders, so that it supports dry runs.
    pub(crate) submits: bool,
    pub(crate) target: String,
    pub(crate) body: String,
    key: (&'static str, String),
}

impl Change {
    /// The same request with key `full`, which can access several organisations. A request of an administrator stays as it is.
    pub(crate) fn request_of_full(&self) -> Request {
        let key = match self.dialect {
            "reevoo" => basic("full"),
            "native" if self.key.1 == format!("Bearer {}", secret_of("one")) => {
                format!("Bearer {}", secret_of("full"))
            }
            "native" => self.key.1.clone(),
            _ => secret_of("full"),
        };
        let request = Request::new(self.route.0, &self.target).header(self.key.0, key);
        request.body(self.body.clone())
    }

    pub(crate) fn request(&self) -> Request {
        self.request_to(&self.target)
    }

    /// The same request to another path or query.
    pub(crate) fn request_to(&self, target: &str) -> Request {
        let (name, secret) = &self.key;
        let request = Request::new(self.route.0, target).header(name, secret.clone());
        request.body(self.body.clone())
    }

    /// The same request with one more query parameter.
    pub(crate) fn request_with(&self, parameter: &str) -> Request {
        let mark = if self.target.contains('?') { '&' } else { '?' };
        self.request_to(&format!("{}{mark}{parameter}", self.target))
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: {} {}", self.dialect, self.route.0, self.route.1)
    }
}

/// The secret of a new administrator key, created by a command.
pub(crate) fn administrator(data: &std::path::Path) -> String {
    let scopes = ["admin", "orders:read", "orders:write"].map(|scope| ["--scope", scope]);
    let arguments = [
        &["key", "create", "--all-orgs", "--json"],
        scopes.as_flattened(),
    ]
    .concat();
    let output = run(data, &arguments);
    let printed: Value = serde_json::from_slice(&output.stdout).expect("a key is printed");
    printed["secret"].as_str().unwrap().to_owned()
}

/// One request for each route that changes something, after creating what they need. Imports are excluded, because they are
/// resumed in another way.
pub(crate) fn changes(server: &Server, administrator: &str) -> Vec<Change> {
    let mut changes = of_vendors(server);
    changes.extend(of_orders(server));
    changes.extend(of_administration(server, administrator));
    changes
}

/// Each batch has a valid order, a faulty one and a repeated one.
fn of_vendors(server: &Server) -> Vec<Change> {
    [of_reevoo(), of_centra(server), of_gosweetspot(server)]
        .into_iter()
        .flatten()
        .collect()
}

fn of_reevoo() -> Vec<Change> {
    let order = |key: &str, email: &str| {
        format!(
            r#"{{"trkref":"TRK001","order_ref":"{key}","order_date":"01-02-2026","customer":{{"email":"{email}"}},"order_items":[{{"sku":"S"}}]}}"#
        )
    };
    let change = |path, target: &str, body| Change {
        dialect: "reevoo",
        route: ("POST", path),
        submits: true,
        target: target.to_owned(),
        body,
        key: ("authorization", basic("one")),
    };
    let good = order("R-2", "a@example.com");
    vec![
        change(
            "/v4/organisations/{trkref}/customer_order",
            "/v4/organisations/TRK001/customer_order",
            order("R-1", "a@example.com"),
        ),
        change(
            "/v4/customer_orders",
            "/v4/customer_orders",
            format!("[{good},{},{good}]", order("R-3", "")),
        ),
    ]
}

fn of_centra(server: &Server) -> Vec<Change> {
    let order = |more: &str| {
        format!(
            r#"{{{more}"address":{{"email":"a@example.com","country":"SE"}},"products":[{{"sku":"S","qty":1}}]}}"#
        )
    };
    let change = |method, path, target: &str, body| Change {
        dialect: "centra",
        route: (method, path),
        submits: true,
        target: target.to_owned(),
        body,
        key: ("api-authorization", secret_of("one")),
    };
    let one = |more: &str| {
        let (path, target) = ("/centra/{organisation}/order", "/centra/TRK001/order");
        change("POST", path, target, order(more))
    };
    // The order to be completed.
    let draft = server.send(&one(r#""orderNumber":900,"createOnly":true,"#).request());
    assert_eq!(draft.status, 200, "{}", draft.text());
    // The order to be updated.
    let placed = server.send(&one(r#""orderNumber":901,"#).request());
    assert_eq!(placed.status, 200, "{}", placed.text());
    let good = order("");
    vec![
        one(""),
        change(
            "POST",
            "/centra/{organisation}/orders",
            "/centra/TRK001/orders",
            format!(r#"{{"one":{good},"two":{{}},"three":{good}}}"#),
        ),
        change(
            "POST",
            "/centra/{organisation}/order/{number}",
            "/centra/TRK001/order/900",
            r#"{"payment":{"auth":{"status":1,"amount":10}}}"#.into(),
        ),
        change(
            "PUT",
            "/centra/{organisation}/orders",
            "/centra/TRK001/orders",
            r#"{"order":901,"comment":"ring twice"}"#.into(),
        ),
    ]
}

fn of_gosweetspot(server: &Server) -> Vec<Change> {
    let slip = |key: &str, country: &str| {
        format!(r#"{{"packingslipno":"{key}","consignee":"Ann","country":"{country}"}}"#)
    };
    let slips = |key: &str| {
        let (good, faulty) = (slip(key, "NZ"), slip(&format!("{key}-2"), "XX"));
        format!("[{good},{faulty},{good}]")
    };
    let change = |route, target: &str, body| Change {
        dialect: "gosweetspot",
        route,
        submits: route.0 != "DELETE",
        target: target.to_owned(),
        body,
        key: ("access_key", secret_of("one")),
    };
    let (orders, older) = ("/api/customerorders", "/v2/neworders");
    let single = "/v2/neworder";
    // The order to be withdrawn.
    let gone = change(("POST", older), older, slips("GONE"));
    let gone = server.send(&gone.request());
    assert_eq!(gone.status, 200, "{}", gone.text());
    vec![
        change(("PUT", orders), orders, slips("P")),
        change(("POST", older), older, slips("N")),
        change(("PUT", older), older, slips("O")),
        change(("POST", single), single, slip("Q-1", "NZ")),
        change(("PUT", single), single, slip("Q-2", "NZ")),
        change(
            ("DELETE", orders),
            "/api/customerorders?packingslipno=GONE",
            String::new(),
        ),
    ]
}

fn of_orders(server: &Server) -> Vec<Change> {
    let orders: Vec<_> = (0..5).map(|number| order(&format!("M-{number}"))).collect();
    let (_, ids) = submit(server, "TRK001", &orders);
    let change = |route, submits, target: String, body: String| Change {
        dialect: "native",
        route,
        submits,
        target,
        body,
        key: ("authorization", format!("Bearer {}", secret_of("one"))),
    };
    let (good, bad) = (order("B-1"), r#"{"key":"B-2"}"#);
    let process = format!("/v1/orders/{}/process", ids[0]);
    let cancel = format!("/v1/orders/{}/cancel", ids[1]);
    let many = |id: &str| format!(r#"{{"ids":["{id}"]}}"#);
    vec![
        change(
            ("POST", "/v1/batches"),
            true,
            "/v1/batches?organisation=TRK001".into(),
            format!("[{good},{bad},{good}]"),
        ),
        change(
            ("POST", "/v1/orders/{id}/process"),
            false,
            process,
            String::new(),
        ),
        change(
            ("POST", "/v1/orders/{id}/cancel"),
            false,
            cancel,
            String::new(),
        ),
        change(
            ("POST", "/v1/orders/process"),
            false,
            "/v1/orders/process".into(),
            many(&ids[2]),
        ),
        change(
            ("POST", "/v1/orders/cancel"),
            false,
            "/v1/orders/cancel".into(),
            many(&ids[3]),
        ),
        change(
            ("PUT", "/v1/orders/{id}/fulfilment"),
            false,
            format!("/v1/orders/{}/fulfilment", ids[4]),
            r#"{"status":"picked"}"#.into(),
        ),
    ]
}

fn of_administration(server: &Server, administrator: &str) -> Vec<Change> {
    let key = format!("Bearer {administrator}");
    let new_key = r#"{"organisations":["TRK001"],"scopes":["orders:read"]}"#;
    let make = || {
        let request = Request::new("POST", "/v1/keys").header("authorization", key.clone());
        let made = server.send(&request.body(new_key)).json();
        made["id"].as_str().expect("a key is made").to_owned()
    };
    let ids = [make(), make()];
    let change = |route, target: &str, body: &str| Change {
        dialect: "native",
        route,
        submits: false,
        target: target.into(),
        body: body.into(),
        key: ("authorization", key.clone()),
    };
    vec![
        change(
            ("POST", "/v1/organisations"),
            "/v1/organisations",
            r#"{"code":"NEW1"}"#,
        ),
        change(
            ("PATCH", "/v1/organisations/{code}"),
            "/v1/organisations/TRK002",
            r#"{"name":"Renamed"}"#,
        ),
        change(
            ("POST", "/v1/organisations/{code}/products"),
            "/v1/organisations/TRK001/products",
            r#"[{"sku":"S-1","stock":3},{"sku":""},{"sku":"S-1","stock":2}]"#,
        ),
        change(
            ("POST", "/v1/organisations/{code}/customers"),
            "/v1/organisations/TRK001/customers",
            r#"[{"email":"a@example.com"},{"email":"b@example.com"}]"#,
        ),
        change(("POST", "/v1/keys"), "/v1/keys", new_key),
        change(
            ("POST", "/v1/keys/{id}/rotate"),
            &format!("/v1/keys/{}/rotate", ids[0]),
            "",
        ),
        change(
            ("DELETE", "/v1/keys/{id}"),
            &format!("/v1/keys/{}", ids[1]),
            "",
        ),
        change(
            ("POST", "/v1/customers/erase"),
            "/v1/customers/erase",
            r#"{"organisation":"TRK001","email":"nobody@example.com"}"#,
        ),
    ]
}

/// Asserts a refusal in the dialect's own form: this status, and a message.
pub(crate) fn assert_refused(dialect: &str, answer: &Response, status: u16) {
    assert_eq!(answer.status, status, "{dialect}: {}", answer.text());
    let json = answer.json();
    let sentence = match dialect {
        "reevoo" => {
            assert_eq!(json["status"], status);
            &json["message"]
        }
        "centra" => {
            assert_eq!(
                (&json["status"], &json["code"]),
                (&"no".into(), &(-7).into())
            );
            &json["msg"]
        }
        "gosweetspot" => &json["Message"],
        _ => {
            let content_type = answer.header("content-type");
            assert_eq!(content_type, Some("application/problem+json"));
            assert_eq!(json["status"], status);
            &json["detail"]
        }
    };
    assert!(sentence.is_string(), "{dialect}: {}", answer.text());
}

/// The code of a native refusal.
pub(crate) fn code(answer: &Response) -> String {
    answer.json()["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// A batch with one order in the native format.
pub(crate) fn one(key: &str) -> Request {
    let target = "/v1/batches?organisation=TRK001";
    v1::request("POST", target, "one").body(order(key).to_string())
}

/// What a client can compare of a response.
pub(crate) fn told(answer: &Response) -> (u16, Option<&str>, &[u8], Option<&str>) {
    (
        answer.status,
        answer.header("content-type"),
        &answer.body,
        answer.header("wharfinger-batch-id"),
    )
}

/// Whether a response was replayed.
pub(crate) fn is_replayed(answer: &Response) -> bool {
    match answer.header("idempotent-replayed") {
        None => false,
        Some(value) => {
            assert_eq!(value, "true");
            true
        }
    }
}
