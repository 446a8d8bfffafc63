//! Several servers on one database: one delivers, and another takes over when it is killed.

use serde_json::Value;

use super::Site;
use super::check::{Feed, check, has_all};
use crate::support::database::is_on_postgres;
use crate::support::receiver::Receiver;

fn all(_: &Value) -> bool {
    true
}

#[test]
fn one_of_two_servers_delivers_and_the_other_takes_over_when_it_is_killed() {
    if !is_on_postgres() {
        return;
    }
    let mut site = Site::start();
    let receivers = [(); 4].map(|()| Receiver::willing());
    for receiver in &receivers {
        site.create_for(receiver);
    }
    let mut kills = 0;
    for round in 0..2 {
        let other = site.another();
        site.take(&["A", "B", &format!("C-{round}")]);
        site.update("A", round + 1);
        // The server that has delivered is killed, with whatever it does.
        let killed = std::mem::replace(&mut site.server, other);
        killed.kill();
        kills += 1;
        site.update("B", round + 1);
        site.take(&[&format!("D-{round}")]);
        let feed = Feed::of(&site.server);
        for receiver in &receivers {
            receiver.wait_taken(|taken| has_all(taken, &feed, all));
        }
    }
    let feed = Feed::of(&site.server);
    for receiver in &receivers {
        let repeated = check(&receiver.taken(), &feed, all);
        // Sixteen requests at the same time are the default.
        assert!(repeated <= kills * 16, "{repeated}");
    }
}

#[test]
fn a_server_that_stops_gives_its_destinations_to_the_others_at_once() {
    if !is_on_postgres() {
        return;
    }
    let mut site = Site::start();
    let receiver = Receiver::willing();
    site.create_for(&receiver);
    site.take(&["A"]);
    let feed = Feed::of(&site.server);
    receiver.wait_taken(|taken| has_all(taken, &feed, all));
    let other = site.another();
    let stopped = std::mem::replace(&mut site.server, other);
    stopped.terminate();
    assert!(stopped.wait().0.success());
    site.take(&["B"]);
    let feed = Feed::of(&site.server);
    let taken = receiver.wait_taken(|taken| has_all(taken, &feed, all));
    assert_eq!(
        check(&taken, &feed, all),
        0,
        "what was reported does not come again"
    );
}
