//! Any body, sent to any route of any dialect: it is answered with readable JSON and a status below 500, and nothing panics.
//!
//! The first byte chooses the dialect, the second one the route, and the rest is the body.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wharfinger_core::dialects;

#[allow(dead_code)]
#[path = "../../crates/wharfinger-core/tests/support/mod.rs"]
mod support;

use support::case::{self, KEYS};
use support::play::{World, secret_of};

fuzz_target!(|bytes: &[u8]| {
    let [dialect, route, body @ ..] = bytes else {
        return;
    };
    let dialect = dialects::ALL[usize::from(*dialect) % dialects::ALL.len()];
    let operations = dialect.operations();
    let operation = &operations[usize::from(*route) % operations.len()];
    let target = operation.path.replace(['{', '}'], "");
    let secret = secret_of(KEYS[1].id);
    let token = case::basic_token(KEYS[1].id, &secret);
    let authorizations = [format!("Bearer {secret}"), format!("Basic {token}")];
    for authorization in authorizations {
        let headers = [
            ("authorization", authorization.as_str()),
            ("api-authorization", &secret),
            ("access_key", &secret),
            ("site_id", "TRK001"),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        match World::new(dialect).request(operation.method, &target, &headers, body) {
            Ok((reply, _)) => {
                assert!((200..500).contains(&reply.status), "{}", reply.status);
                let json = serde_json::from_slice::<serde_json::Value>(&reply.body);
                assert!(json.is_ok(), "{}", String::from_utf8_lossy(&reply.body));
            }
            Err(complaint) => assert!(complaint.contains("@server"), "{complaint}"),
        }
    }
});
