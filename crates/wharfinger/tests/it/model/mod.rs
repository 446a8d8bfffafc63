//! A randomised test against a simple model: orders in every dialect, retries, state changes and reports. The server is killed
//! between steps and during them. On PostgreSQL there are two servers, and each step uses one of them.

mod expected;
mod look;
mod steps;

use serde_json::Value;
use wharfinger_core::order::ids::BatchId;

use self::expected::Model;
use self::look::{Reader, look, look_into_all, plain};
use self::steps::{ORGANISATIONS, Step, Submission, WITHDRAWING, random_key};
use crate::support::client::{Connection, Request, Response};
use crate::support::database::is_on_postgres;
use crate::support::fixture;
use crate::support::seed::{Random, storm};
use crate::support::server::{Server, run};
use crate::support::stored::{self, batch_of};
use crate::support::v1::get;

const STEPS: usize = 70;
/// Steps after which everything is compared.
const LOOK_EVERY: usize = 10;

#[test]
fn storm_of_steps_ends_as_the_model_says() {
    storm(6, |seed| {
        let mut player = Player::new(seed);
        for step in 1..=STEPS {
            player.step();
            if step % LOOK_EVERY == 0 {
                player.look();
            }
        }
        player.restart();
        player.look();
        look_into_all(player.server(), &player.model);
        let faults = stored::check(player.data.path()).faults;
        assert_eq!(faults, Vec::<String>::new());
    });
}

/// A step as it was sent.
#[derive(Clone, Debug)]
struct Sending {
    step: Step,
    idempotency_key: Option<String>,
}

impl Sending {
    fn request(&self) -> Request {
        let request = self.step.request();
        match &self.idempotency_key {
            Some(key) => request.header("idempotency-key", key.as_str()),
            None => request,
        }
    }
}

struct Player {
    random: Random,
    /// The servers, and the one in use. `None` only while it is being restarted. They are dropped before their store.
    servers: Vec<Option<Server>>,
    at: usize,
    data: fixture::DataDirectory,
    model: Model,
    reader: Reader,
    /// All steps that were sent and answered.
    sent: Vec<Sending>,
    /// The saved responses.
    kept: Vec<(Sending, Response)>,
    /// Idempotency keys used so far.
    keys: usize,
}

impl Player {
    fn new(seed: u64) -> Self {
        let data = fixture::data_directory();
        let count = if is_on_postgres() { 2 } else { 1 };
        Self {
            random: Random::new(seed),
            servers: (0..count)
                .map(|_| Some(Server::start(data.path())))
                .collect(),
            at: 0,
            data,
            model: Model::default(),
            reader: Reader::default(),
            sent: Vec::new(),
            kept: Vec::new(),
            keys: 0,
        }
    }

    fn server(&self) -> &Server {
        self.servers[self.at].as_ref().expect("it runs")
    }

    fn look(&mut self) {
        let server = self.servers[self.at].as_ref().expect("it runs");
        look(server, &self.model, &mut self.reader);
    }

    fn step(&mut self) {
        if self.servers.len() > 1 {
            self.at = self.random.below(self.servers.len());
        }
        match self.random.below(100) {
            0..4 => self.move_from_another_process(),
            4..14 => self.send_again(),
            14..19 => self.send_again_with_key(),
            19..22 => self.reuse_key(),
            22..25 => self.restart(),
            25..34 => self.kill_amid(),
            _ => {
                let sending = self.next();
                self.send(&sending);
            }
        }
    }

    /// A new random step.
    fn next(&mut self) -> Sending {
        let step = match self.random.below(100) {
            0..12 => Step::Move(self.verb(), self.id()),
            12..22 => self.bulk(),
            22..30 => Step::Report(self.id(), format!("S{}", self.random.below(3))),
            30..36 => Step::Withdraw(random_key(&mut self.random)),
            _ => Step::Submit(Submission::random(&mut self.random)),
        };
        self.keys += 1;
        let can_be_kept = !matches!(step, Step::Withdraw(_)) && self.random.chance(50);
        Sending {
            step,
            idempotency_key: can_be_kept.then(|| format!("key {}", self.keys)),
        }
    }

    fn verb(&mut self) -> &'static str {
        ["process", "cancel"][self.random.below(2)]
    }

    /// The id of an order in any state, or of none.
    fn id(&mut self) -> String {
        let count = self.model.orders.len();
        let at = self.random.below(count + 1 + count / 10);
        match self.model.orders.get(at) {
            Some(order) => order.id.clone(),
            None => "019a0000-0000-7000-8000-000000000001".into(),
        }
    }

    /// State changes of orders in one dialect. The feed guarantees no order between dialects within a request.
    fn bulk(&mut self) -> Step {
        let verb = self.verb();
        let first = self.id();
        let orders = &self.model.orders;
        let dialect = orders.iter().find(|order| order.id == first);
        let dialect = dialect.map(|order| order.dialect);
        let mut ids = vec![first];
        for _ in 0..self.random.below(8) {
            let id = self.id();
            let mut orders = self.model.orders.iter();
            let order = orders.find(|order| order.id == id);
            if order.is_none_or(|order| Some(order.dialect) == dialect) {
                ids.push(id);
            }
        }
        Step::MoveMany(verb, ids)
    }

    fn send(&mut self, sending: &Sending) {
        let response = self.server().send(&sending.request());
        self.hold(sending, response);
    }

    /// Compares the response to a new step with the model's.
    fn hold(&mut self, sending: &Sending, response: Response) {
        let step = &sending.step;
        let is_submission = matches!(step, Step::Submit(_));
        let batch = is_submission.then(|| {
            let is_answer = response.header("wharfinger-batch-id").is_some();
            assert!(is_answer, "{step:?}: {}", response.text());
            batch_of(&response)
        });
        let expected = self.model.apply(step, batch);
        assert_eq!(
            response.status,
            expected.status,
            "{step:?}: {}",
            response.text()
        );
        if expected.body != Value::Null {
            assert_eq!(plain(response.json()), expected.body, "{step:?}");
        }
        if expected.is_kept && sending.idempotency_key.is_some() {
            self.kept.push((sending.clone(), response));
        }
        self.sent.push(sending.clone());
    }

    /// Sends an earlier step again without a key.
    fn send_again(&mut self) {
        if let Some(sending) = pick(&self.sent, &mut self.random) {
            let again = Sending {
                idempotency_key: None,
                ..sending.clone()
            };
            self.send(&again);
        }
    }

    /// Sends an earlier step again with its key. It must get the same response and change nothing.
    fn send_again_with_key(&mut self) {
        let Some((sending, first)) = pick(&self.kept, &mut self.random) else {
            return;
        };
        let again = self.server().send(&sending.request());
        assert_eq!(
            again.header("idempotent-replayed"),
            Some("true"),
            "{sending:?}"
        );
        for name in ["content-type", "wharfinger-batch-id"] {
            assert_eq!(again.header(name), first.header(name), "{sending:?}");
        }
        assert_eq!(again.status, first.status, "{sending:?}");
        assert_eq!(again.text(), first.text(), "{sending:?}");
    }

    /// Sends a different request with a used key. It must change nothing.
    fn reuse_key(&mut self) {
        let mut other = Submission::random(&mut self.random);
        // Dry runs ignore the key.
        other.is_dry = false;
        if let Some((used, _)) = pick(&self.kept, &mut self.random) {
            let other = Sending {
                step: Step::Submit(other),
                idempotency_key: used.idempotency_key.clone(),
            };
            let refused = self.server().send(&other.request());
            assert_eq!(refused.status, 422, "{other:?}: {}", refused.text());
            assert_eq!(refused.json()["code"], "idempotency_key_reused");
        }
    }

    fn restart(&mut self) {
        self.kill();
        self.servers[self.at] = Some(Server::start(self.data.path()));
    }

    fn kill(&mut self) {
        let server = self.servers[self.at].take();
        server.expect("it runs").kill();
    }

    /// Kills the server while it works on a request. If there was no response, sends the request again.
    fn kill_amid(&mut self) {
        let mut sending = self.next();
        match sending.step {
            // The receipts show whether it was done.
            Step::Submit(_) => {}
            Step::Withdraw(_) => return self.send(&sending),
            Step::Move(..) | Step::MoveMany(..) | Step::Report(..) => {
                sending.idempotency_key = Some(format!("killed {}", self.keys));
            }
        }
        let mut connection = Connection::open(self.server().address);
        connection.write(&sending.request().bytes());
        for _ in 0..self.random.below(4) {
            // Serving other requests gives the server time to progress.
            get(self.server(), "/v1/batches?limit=1");
        }
        self.kill();
        let answer = connection.read();
        self.servers[self.at] = Some(Server::start(self.data.path()));
        match answer {
            Some(answer) => self.hold(&sending, answer),
            None => {
                if sending.idempotency_key.is_none() {
                    self.learn_what_was_done(&sending.step);
                }
                self.send(&sending);
            }
        }
    }

    /// Applies a submission that was not answered to the model, if it was done.
    fn learn_what_was_done(&mut self, step: &Step) {
        let newest = get(self.server(), "/v1/batches?limit=1")["data"][0]["id"].clone();
        let Some(newest) = newest.as_str() else {
            return;
        };
        if !self.model.receipts.iter().any(|known| known.id == newest) {
            let id = uuid::Uuid::parse_str(newest).unwrap();
            let batch = BatchId::from_bytes(id.into_bytes());
            self.model.apply(step, Some(batch));
        }
    }

    /// Another process changes orders while the server runs.
    fn move_from_another_process(&mut self) {
        let verb = self.verb();
        let organisation = ORGANISATIONS[self.random.below(2)];
        let dialect = ["native", WITHDRAWING.1][self.random.below(2)];
        let key = random_key(&mut self.random);
        let command = [
            "orders",
            verb,
            "--org",
            organisation,
            "--dialect",
            dialect,
            &key,
        ];
        let is_moved = run(self.data.path(), &command).status.success();
        let expected = self
            .model
            .move_by_key(&(organisation, dialect, key.clone()), verb);
        assert_eq!(is_moved, expected, "{command:?}");
    }
}

fn pick<'p, T>(all: &'p [T], random: &mut Random) -> Option<&'p T> {
    match all.len() {
        0 => None,
        count => all.get(random.below(count)),
    }
}
