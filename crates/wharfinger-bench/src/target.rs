//! A server as senders see it: its address, the key, and the stamps in use.

use std::cell::Cell;
use std::net::SocketAddr;

use wharfinger_core::dialect::workload::Read;
use wharfinger_core::dialect::{Sample, SampleKey};

use crate::DialectRef;
use crate::body::{Body, Envelope, Lane, Mix, Shape};
use crate::sender::{Check, Sender};

/// Orders that one sender can create before its stamps overlap those of the next.
const STAMPS_PER_SENDER: u64 = 10_000_000_000;

/// Address and key for requests.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) organisation: String,
    pub(crate) key_id: String,
    pub(crate) secret: String,
    /// The status to expect from a server that does not know orders.
    pub(crate) status_alone: Option<u16>,
    /// First stamp of the next sender.
    pub(crate) next_stamp: Cell<u64>,
}

impl Target {
    /// A sender of batches.
    pub(crate) fn batches(
        &self,
        dialect: DialectRef,
        orders: usize,
        connections: usize,
        mix: Mix,
    ) -> Sender {
        let sample = dialect.samples(&self.sample_key()).batch;
        let shape = Shape {
            orders,
            envelope: Envelope::of_batch(&sample),
            mix,
        };
        self.sender(dialect, &sample, shape, connections)
    }

    /// A sender of single orders.
    pub(crate) fn singles(&self, dialect: DialectRef, connections: usize) -> Sender {
        let sample = dialect.samples(&self.sample_key()).one;
        let shape = Shape {
            orders: 1,
            envelope: Envelope::of_one(&sample),
            mix: Mix::Fresh,
        };
        self.sender(dialect, &sample, shape, connections)
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
        let organisation = &self.organisation;
        let mut request = Body::new(read.target, organisation, shape, lane, first_stamp);
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

    fn sender(
        &self,
        dialect: DialectRef,
        sample: &Sample,
        shape: Shape,
        connections: usize,
    ) -> Sender {
        let load = dialect.workload();
        let first_stamp = self.take_stamps();
        let mut requests = Vec::with_capacity(connections);
        for lane in Lane::each(connections as u64) {
            let mut body = Body::new(load.order, &self.organisation, shape, lane, first_stamp);
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
            organisation: &self.organisation,
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
