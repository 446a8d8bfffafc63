use std::net::{IpAddr, Ipv4Addr};

use async_trait::async_trait;

use super::*;
use crate::host::{Changes, Client, NoEntry};

/// A server with one session, whose token is `good`. Its store can be read, or not.
struct One {
    is_readable: bool,
}

/// Nothing is ever stored.
struct Never;

#[async_trait]
impl Changes for Never {
    async fn next(&mut self) {
        std::future::pending::<()>().await;
    }
}

#[async_trait]
impl Host for One {
    async fn sign_in(&self, _: &str, _: &str, _: IpAddr) -> Result<String, NoEntry> {
        Err(NoEntry::Unavailable)
    }

    async fn session(&self, token: &str) -> Result<Session, NoSession> {
        if !self.is_readable {
            return Err(NoSession::Unavailable);
        }
        if token != "good" {
            return Err(NoSession::Ended);
        }
        Ok(Session {
            token: token.to_owned(),
            key_id: "key_1".to_owned(),
            scopes: Vec::new(),
            reaches_all: true,
            rights: Arc::default(),
            caller: Arc::new(()),
        })
    }

    fn renew(&self, session: &Session) -> Option<Session> {
        Some(session.clone())
    }

    async fn sign_out(&self, _: &str) {}

    fn changes(&self) -> Box<dyn Changes> {
        Box::new(Never)
    }

    async fn pause(&self, _: Duration) {}

    fn is_stopping(&self) -> bool {
        false
    }

    async fn call(&self, _: &Session, _: Request) -> Response {
        Response::default()
    }

    fn now_ms(&self) -> i64 {
        0
    }

    fn client(&self, _: &Request) -> Client {
        Client {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            is_secure: false,
        }
    }
}

/// What becomes of a form: its status, where it leads, and the page.
async fn sent(is_readable: bool, fields: &[(&str, &str)], body: &str) -> (u16, String, String) {
    let host: Shared = Arc::new(One { is_readable });
    let mut request = Request::builder()
        .method("POST")
        .uri("/console/orders/1?tab=a");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let Err(response) = Posted::from_request(request, &host).await else {
        return (200, String::new(), String::new());
    };
    let (parts, body) = response.into_parts();
    let location = parts.headers.get("location");
    let location = location
        .map_or("", |location| location.to_str().unwrap())
        .to_owned();
    let page = body.collect().await.unwrap().to_bytes();
    let page = String::from_utf8(page.to_vec()).unwrap();
    (parts.status.as_u16(), location, page)
}

const GOOD: (&str, &str) = ("cookie", "wharfinger_session=good");
const ENDED: (&str, &str) = ("cookie", "wharfinger_session=ended");
const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");
const FOREIGN: (&str, &str) = ("sec-fetch-site", "cross-site");
const SIGN_IN: &str = "/console/sign-in?next=%2Fconsole%2Forders%2F1%3Ftab%3Da";

fn form(token: &str) -> String {
    format!("note=a%3Cb%3E%22&csrf={}", session::csrf(token))
}

#[tokio::test]
async fn a_form_of_another_site_changes_nothing_and_is_not_kept() {
    for fields in [&[GOOD, FOREIGN][..], &[ENDED, FOREIGN], &[FOREIGN]] {
        let (status, _, page) = sent(true, fields, &form("good")).await;
        assert_eq!(status, 403);
        assert!(
            page.contains("Nothing was changed") && !page.contains("note"),
            "{page}"
        );
    }
}

#[tokio::test]
async fn a_form_without_a_session_is_kept_if_a_page_of_the_console_made_it() {
    // The browser says so, or the form has the token of the session that has ended.
    for (fields, body) in [(&[OWN][..], form("x")), (&[ENDED][..], form("ended"))] {
        let (status, _, page) = sent(true, fields, &body).await;
        assert_eq!(status, 401);
        let kept = r#"<input type="hidden" name="kept.note" value="a&lt;b&gt;&quot;">"#;
        assert!(page.contains(kept), "{page}");
        assert!(
            page.contains(r#"name="form" value="/console/orders/1?tab=a""#),
            "{page}"
        );
        assert!(!page.contains("kept.csrf"), "{page}");
    }
    for (fields, body) in [
        (&[][..], form("x")),
        (&[ENDED][..], form("x")),
        (&[ENDED][..], String::new()),
    ] {
        let (status, location, page) = sent(true, fields, &body).await;
        assert_eq!((status, location.as_str()), (303, SIGN_IN));
        assert!(!page.contains("note"), "{page}");
    }
}

#[tokio::test]
async fn a_form_of_another_session_is_shown_before_it_is_sent() {
    for body in [form("ended"), "note=a%3Cb%3E%22".to_owned()] {
        let (status, _, page) = sent(true, &[GOOD, OWN], &body).await;
        assert_eq!(status, 403);
        assert!(page.contains("Send this form?"), "{page}");
        assert!(
            page.contains(r#"action="/console/orders/1?tab=a""#),
            "{page}"
        );
        let token = format!(r#"name="csrf" value="{}""#, session::csrf("good"));
        assert!(page.contains(&token), "{page}");
        assert!(
            page.contains(r#"dir="auto">a&lt;b&gt;&quot;</pre>"#),
            "{page}"
        );
    }
}

#[tokio::test]
async fn a_form_can_be_sent_again_when_the_store_is_back() {
    let (status, _, page) = sent(false, &[GOOD], &form("good")).await;
    assert_eq!(status, 503);
    let token = format!(r#"name="csrf" value="{}""#, session::csrf("good"));
    assert!(
        page.contains(&token) && page.contains("a&lt;b&gt;"),
        "{page}"
    );
}

#[tokio::test]
async fn a_form_has_limits() {
    let large = format!("note={}", "x".repeat(FORM_BYTES_MAX));
    let (status, _, page) = sent(true, &[GOOD], &large).await;
    assert_eq!(status, 413, "{page}");
    let many = "a=b&".repeat(FIELDS_MAX + 1);
    let (status, _, page) = sent(true, &[GOOD], &many).await;
    assert_eq!(status, 400, "{page}");
    // Nobody who shows nothing makes the server read a form.
    let (status, location, _) = sent(true, &[], &large).await;
    assert_eq!((status, location.as_str()), (303, SIGN_IN));
}

#[tokio::test]
async fn a_page_for_nobody_leads_to_the_form_and_a_link_elsewhere_tries_again() {
    let mode = ("sec-fetch-mode", "navigate");
    for (fields, status) in [
        (&[][..], 303),
        (&[OWN, mode][..], 303),
        // The cookie is missing because the link was on another site. The next request has it.
        (&[FOREIGN, mode][..], 200),
        (&[FOREIGN, mode, ENDED][..], 303),
        (&[FOREIGN][..], 303),
    ] {
        let headers = {
            let mut headers = http::HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, http::HeaderValue::from_static(value));
            }
            headers
        };
        let response = sign_in::needed(&headers, "/console/orders/1?tab=a");
        assert_eq!(response.status().as_u16(), status, "{fields:?}");
        if status == 200 {
            let page = response.into_body().collect().await.unwrap().to_bytes();
            let page = String::from_utf8(page.to_vec()).unwrap();
            let refresh =
                r#"content="0; url=/console/enter?next=%2Fconsole%2Forders%2F1%3Ftab%3Da""#;
            assert!(page.contains(refresh), "{page}");
        } else {
            assert_eq!(response.headers()["location"], SIGN_IN);
        }
    }
}
