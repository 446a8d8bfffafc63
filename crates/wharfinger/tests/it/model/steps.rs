//! Random actions of clients.

use std::fmt;

use serde_json::json;

use crate::support::client::Request;
use crate::support::fixture::secret_of;
use crate::support::seed::Random;
use crate::support::v1;

pub(super) const ORGANISATIONS: [&str; 2] = ["TRK001", "TRK002"];
/// The vendor route that withdraws an order also releases its key. Here it serves one organisation.
pub(super) const WITHDRAWING: (&str, &str) = ("TRK001", "gosweetspot");
const KEYS: usize = 5;
const CONTENTS: usize = 3;
const ORDERS_MAX: usize = 9;

/// How a dialect writes an order.
pub(super) struct Form {
    pub(super) dialect: &'static str,
    /// Whether an order names its organisation.
    names_organisation: bool,
    /// Whether a known order can be sent again.
    pub(super) resends: bool,
    key_member: &'static str,
    /// Mandatory members.
    mandatory: &'static [&'static str],
    /// Name and JSON of each member, given organisation, key and content.
    members: fn(&str, &str, &str) -> Vec<(&'static str, String)>,
}

impl fmt::Debug for Form {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.dialect)
    }
}

static FORMS: [Form; 4] = [
    Form {
        dialect: "native",
        names_organisation: true,
        resends: true,
        key_member: "key",
        mandatory: &["lines", "key"],
        members: |organisation, key, content| {
            vec![
                ("organisation", format!("{organisation:?}")),
                ("key", format!("\"K{key}\"")),
                ("placed_at", r#""2026-11-21""#.into()),
                ("lines", r#"[{"sku":"S","quantity":1}]"#.into()),
                ("instructions", content.into()),
            ]
        },
    },
    Form {
        dialect: "reevoo",
        names_organisation: true,
        resends: true,
        key_member: "order_ref",
        mandatory: &["order_items", "order_ref"],
        members: |organisation, key, content| {
            let customer = format!(r#"{{"email":"a@example.com","surname":{content}}}"#);
            vec![
                ("trkref", format!("{organisation:?}")),
                ("order_ref", format!("\"K{key}\"")),
                ("order_date", r#""01-02-2026""#.into()),
                ("customer", customer),
                ("order_items", r#"[{"sku":"S"}]"#.into()),
            ]
        },
    },
    Form {
        dialect: "gosweetspot",
        names_organisation: false,
        resends: true,
        key_member: "packingslipno",
        mandatory: &["packingslipno"],
        members: |_, key, content| {
            vec![
                ("packingslipno", format!("\"K{key}\"")),
                ("consignee", content.into()),
            ]
        },
    },
    Form {
        dialect: "centra",
        names_organisation: false,
        resends: false,
        key_member: "orderNumber",
        mandatory: &["products"],
        members: |_, key, content| {
            let address = r#"{"email":"a@example.com","country":"SE"}"#;
            vec![
                ("orderNumber", key.into()),
                ("comment", content.into()),
                ("address", address.into()),
                ("products", r#"[{"sku":"S","qty":1}]"#.into()),
            ]
        },
    },
];

/// One order of a submission.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    /// Its organisation, if it can be determined.
    pub(super) organisation: Option<&'static str>,
    /// Its order key, if it has one.
    pub(super) key: Option<String>,
    /// The code of its problem.
    pub(super) fault: Option<&'static str>,
    /// Equal for orders with equal content.
    pub(super) content: usize,
    /// The order as it is sent.
    pub(super) text: String,
}

#[derive(Clone, Debug)]
pub(super) struct Submission {
    pub(super) form: &'static Form,
    /// The organisation of all orders. `None` if each order names its own.
    pub(super) organisation: Option<&'static str>,
    pub(super) is_whole: bool,
    pub(super) is_dry: bool,
    /// The parameter `results`.
    pub(super) results: &'static str,
    pub(super) orders: Vec<Sent>,
}

/// A client's request.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Submit(Submission),
    /// Changes one order by id: `process` or `cancel`.
    Move(&'static str, String),
    MoveMany(&'static str, Vec<String>),
    /// Reports an order's fulfilment: id and status.
    Report(String, String),
    /// Withdraws the order with this key through its vendor's route.
    Withdraw(String),
}

impl Step {
    pub(super) fn request(&self) -> Request {
        match self {
            Self::Submit(submission) => submission.request(),
            Self::Move(verb, id) => v1::request("POST", &format!("/v1/orders/{id}/{verb}"), "full"),
            Self::MoveMany(verb, ids) => {
                let request = v1::request("POST", &format!("/v1/orders/{verb}"), "full");
                request.body(json!({"ids": ids}).to_string())
            }
            Self::Report(id, status) => {
                let request = v1::request("PUT", &format!("/v1/orders/{id}/fulfilment"), "full");
                request.body(json!({"status": status}).to_string())
            }
            Self::Withdraw(key) => {
                let target = format!("/api/customerorders?packingslipno={key}");
                Request::new("DELETE", &target).header("access_key", secret_of("one"))
            }
        }
    }
}

impl Submission {
    fn request(&self) -> Request {
        let mut target = format!(
            "/v1/batches?dialect={}&results={}",
            self.form.dialect, self.results
        );
        if let Some(organisation) = self.organisation {
            target += &format!("&organisation={organisation}");
        }
        if self.is_whole {
            target += "&policy=all_or_nothing";
        }
        if self.is_dry {
            target += "&dry_run=true";
        }
        let texts: Vec<_> = self.orders.iter().map(|sent| sent.text.as_str()).collect();
        v1::request("POST", &target, "full").body(format!("[{}]", texts.join(",")))
    }

    pub(super) fn random(random: &mut Random) -> Self {
        let form = &FORMS[random.below(FORMS.len())];
        let organisation = ORGANISATIONS[random.below(2)];
        let is_mixed = form.names_organisation && random.chance(40);
        let organisation = Some(organisation).filter(|_| !is_mixed);
        // An empty batch has an organisation only if the request names one.
        let least = usize::from(is_mixed || random.chance(95));
        let count = least + random.below(ORDERS_MAX);
        let faulty_percent = [0, 15, 100][random.below(10).saturating_sub(7)];
        let orders = (0..count).map(|_| Sent::random(form, organisation, faulty_percent, random));
        Self {
            form,
            organisation,
            orders: orders.collect(),
            is_whole: random.chance(25),
            is_dry: random.chance(12),
            results: ["all", "all", "rejected", "none"][random.below(4)],
        }
    }
}

impl Sent {
    fn random(
        form: &Form,
        of_batch: Option<&'static str>,
        faulty_percent: usize,
        random: &mut Random,
    ) -> Self {
        let organisation = of_batch.unwrap_or_else(|| ORGANISATIONS[random.below(2)]);
        let number = (1 + random.below(KEYS)).to_string();
        let content = random.below(CONTENTS);
        let mut members = (form.members)(organisation, &number, &format!("\"c{content}\""));
        let mut sent = Self {
            organisation: Some(organisation),
            key: Some(key_of(form, &number)),
            fault: None,
            content,
            text: String::new(),
        };
        if random.chance(faulty_percent) {
            match random.below(3) {
                0 => {
                    let missing = form.mandatory[random.below(form.mandatory.len())];
                    members.retain(|(name, _)| *name != missing);
                    sent.key = sent.key.filter(|_| missing != form.key_member);
                    sent.fault = Some("required");
                }
                1 => {
                    members = (form.members)(organisation, &number, r#""\ud800""#);
                    sent.fault = Some("lone_surrogate");
                    // An order with this member is not read at all.
                    (sent.organisation, sent.key) = (of_batch, None);
                }
                _ => {
                    return Self {
                        organisation: of_batch,
                        key: None,
                        fault: Some("not_object"),
                        text: "5".into(),
                        ..sent
                    };
                }
            }
        }
        sent.text = spell(members, random.chance(50));
        sent
    }
}

fn key_of(form: &Form, number: &str) -> String {
    // Some vendors identify orders by number, all others by text.
    if form.resends {
        format!("K{number}")
    } else {
        number.to_owned()
    }
}

/// Writes the same order in one of two spellings.
fn spell(mut members: Vec<(&'static str, String)>, is_odd: bool) -> String {
    if is_odd {
        members.reverse();
        let members = members.iter().map(|(name, json)| {
            let json = json.replace("\"c", "\"\\u0063");
            format!(" \"{name}\" :\t{json}")
        });
        return format!("{{{} }}", members.collect::<Vec<_>>().join(" ,"));
    }
    let members = members
        .iter()
        .map(|(name, json)| format!("\"{name}\":{json}"));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// A key that a withdrawable order may have.
pub(super) fn random_key(random: &mut Random) -> String {
    format!("K{}", 1 + random.below(KEYS))
}
