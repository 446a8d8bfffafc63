//! A server as senders see it: its address, the key, and the stamps in use.

use std::cell::Cell;
use std::net::SocketAddr;

use anyhow::{Result, ensure};
use wharfinger_core::dialect::workload::Read;
use wharfinger_core::dialect::{Sample, SampleKey};

use crate::DialectRef;
use crate::body::{Body, Envelope, Lane, Mix, Shape};
use crate::http_client::Connection;
use crate::identities::{CODE_START, Identities, Spread};
use crate::sender::{self, Check, Sender};
use crate::server_process::{FirstKey, Server};

/// Orders that one sender can create before its stamps overlap those of the next.
const STAMPS_PER_SENDER: u64 = 10_000_000_000;

/// Address and key for requests.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// Organisation of the key.
    pub(crate) organisation: String,
    /// Organisations and keys of the orders.
    pub(crate) identities: Identities,
    pub(crate) key_id: String,
    pub(crate) secret: String,
    /// The status to expect from a server that does not know orders.
    pub(crate) status_alone: Option<u16>,
    /// First stamp of the next sender.
    pub(crate) next_stamp: Cell<u64>,
}

impl Target {
    /// A started server. Its orders belong to the key's organisation, and their keys count up.
    pub(crate) fn of(server: &Server, key: FirstKey) -> Result<Self> {
        Ok(Self {
            address: sender::address_of(&server.url)?,
            identities: Identities::of(&key.organisation),
            organisation: key.organisation,
            key_id: key.id,
            secret: key.secret,
            status_alone: None,
            next_stamp: Cell::new(0),
        })
    }

    /// Spreads the orders. Creates the organisations if there are several; the key must be allowed to.
    pub(crate) fn spread(&mut self, spread: Spread) -> Result<()> {
        self.identities = Identities::spread(&self.organisation, CODE_START, spread);
        if spread.organisations <= 1 {
            return Ok(());
        }
        let mut connection = Connection::open(self.address)?;
        for code in self.identities.codes() {
            let body = serde_json::json!({"code": code}).to_string();
            let request = format!(
                "POST /v1/organisations HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                self.address,
                self.secret,
                body.len(),
            );
            let answer = connection.exchange(request.as_bytes())?;
            let told = answer.body;
            ensure!(answer.status == 201, "{code} was not created: {told}");
        }
        Ok(())
    }

    /// A sender of batches.
    pub(crate) fn batches(
        &self,
        dialect: DialectRef,
        orders: usize,
        connections: usize,
        mix: Mix,
    ) -> Sender {
        self.batches_of(dialect, orders, (connections, mix), |_| {
            self.identities.clone()
        })
    }

    /// A sender of batches of new orders. Each connection sends those of one organisation, which the connections have in turns.
    pub(crate) fn batches_apart(
        &self,
        dialect: DialectRef,
        orders: usize,
        connections: usize,
    ) -> Sender {
        self.batches_of(dialect, orders, (connections, Mix::Fresh), |connection| {
            Identities::of(self.identities.code(connection))
        })
    }

    fn batches_of(
        &self,
        dialect: DialectRef,
        orders: usize,
        (connections, mix): (usize, Mix),
        identities: impl Fn(u64) -> Identities,
    ) -> Sender {
        let sample = dialect.samples(&self.sample_key()).batch;
        let shape = Shape {
            orders,
            envelope: Envelope::of_batch(&sample),
            mix,
        };
        self.sender(dialect, &sample, (shape, connections), identities)
    }

    /// A sender of single orders.
    pub(crate) fn singles(&self, dialect: DialectRef, connections: usize) -> Sender {
        let sample = dialect.samples(&self.sample_key()).one;
        let shape = Shape {
            orders: 1,
            envelope: Envelope::of_one(&sample),
            mix: Mix::Fresh,
        };
        self.sender(dialect, &sample, (shape, connections), |_| {
            self.identities.clone()
        })
    }

    /// A sender that reads orders back. It draws from the `among` orders that start at `first_stamp`.
    pub(crate) fn reads(
        &self,
        dialect: DialectRef,
        read: &Read,
        first_stamp: u64,
        among: u64,
    ) -> Sender {
        let shape = Shape {
            orders: 1,
            envelope: Envelope::One,
            mix: Mix::Drawn { among },
        };
        let lane = Lane::only();
        let identities = &self.identities;
        let mut request = Body::new(read.target, identities, shape, lane, first_stamp);
        request.prepend(b"GET ");
        request.append(format!(" HTTP/1.1\r\nhost: {}\r\n", self.address).as_bytes());
        for (name, value) in &dialect.samples(&self.sample_key()).one.headers {
            request.append(format!("{name}: {value}\r\n").as_bytes());
        }
        request.append(b"\r\n");
        let all = usize::try_from(among).unwrap_or(usize::MAX);
        let check = Check::Shown(read.shown, read.orders_max.min(all));
        Sender::new(self.address, check, vec![request])
    }

    /// First stamp of the next sender.
    pub(crate) fn next_stamp(&self) -> u64 {
        self.next_stamp.get()
    }

    /// A sender whose connections, numbered from 0, send orders of these identities.
    fn sender(
        &self,
        dialect: DialectRef,
        sample: &Sample,
        (shape, connections): (Shape, usize),
        identities: impl Fn(u64) -> Identities,
    ) -> Sender {
        let load = dialect.workload();
        let first_stamp = self.take_stamps();
        let mut requests = Vec::with_capacity(connections);
        for (connection, lane) in (0..).zip(Lane::each(connections as u64)) {
            let identities = identities(connection);
            let mut body = Body::new(load.order, &identities, shape, lane, first_stamp);
            let head = self.head(sample, body.bytes().len());
            body.prepend(head.as_bytes());
            requests.push(body);
        }
        let check = match self.status_alone {
            None => Check::Taken(load.taken),
            Some(status) => Check::Status(status),
        };
        Sender::new(self.address, check, requests)
    }

    /// The head of a request like the sample, with a body of this size.
    pub(crate) fn head(&self, sample: &Sample, body_bytes: usize) -> String {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nhost: {}\r\ncontent-length: {body_bytes}\r\n",
            sample.method, sample.target, self.address
        );
        for (name, value) in &sample.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head
    }

    pub(crate) fn sample_key(&self) -> SampleKey<'_> {
        SampleKey {
            // If there are several, the paths of single orders name the first, until they are stamped.
            organisation: self.identities.code(0),
            id: &self.key_id,
            secret: &self.secret,
        }
    }

    /// Reserves the stamps of another sender, and returns the first one.
    pub(crate) fn take_stamps(&self) -> u64 {
        let first = self.next_stamp.get();
        self.next_stamp.set(first + STAMPS_PER_SENDER);
        first
    }
}
