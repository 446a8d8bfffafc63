//! A JetStream stream of NATS.
//!
//! The stream is the destination's own. Each message names the number of the message that it must follow
//! (`Nats-Expected-Last-Sequence`), so that the stream has the events without a gap, in order and once, even if one is refused in
//! the middle of a batch, or if a server goes on that has lost its lease. At its start, the sink reads the last batch of the stream
//! back: what it has in it, it does not send again.

mod connect;
mod subject;

use std::collections::HashSet;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::header::{NATS_EXPECTED_LAST_SEQUENCE, NATS_EXPECTED_STREAM, NATS_MESSAGE_ID};
use async_nats::jetstream::Context;
use async_nats::jetstream::context::{PublishAckFuture, PublishError, PublishErrorKind};
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use futures_util::future::join_all;

use super::{Failure, NatsSettings, Opening, Outgoing, Taken};

/// Header fields of a message.
const DESTINATION: &str = "Wharfinger-Destination";
const ORGANISATION: &str = "Wharfinger-Organisation";
const POSITION: &str = "Wharfinger-Position";
const PREVIOUS: &str = "Wharfinger-Previous";
const PREVIOUS_OF_ORDER: &str = "Wharfinger-Previous-Of-Order";
const REPLAYS: &str = "Wharfinger-Replays";
/// The place of a message among those that were sent together, from 0.
const PLACE: &str = "Wharfinger-Place";

/// How long the server may take for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A stream that is written to.
#[derive(Debug)]
pub struct Nats {
    context: Context,
    stream: String,
    prefix: String,
    destination: String,
    replays: i64,
    /// The number of the stream's last message.
    last_sequence: u64,
    /// The ids of the events in the stream's last batch.
    has: HashSet<String>,
}

impl Nats {
    /// Connects, creates the stream if it is missing, and reads its last batch.
    pub(super) async fn open(
        settings: &NatsSettings,
        opening: Opening<'_>,
    ) -> Result<Self, Failure> {
        let (context, stream) = connect::open(settings, opening.guard).await?;
        let info = stream.get_info().await;
        let info = info.map_err(|error| connect::lost(&error))?;
        let mut nats = Self {
            context,
            stream: settings.stream.clone(),
            prefix: settings.prefix.clone(),
            destination: opening.destination.id.to_string(),
            replays: opening.destination.replays,
            last_sequence: info.state.last_sequence,
            has: HashSet::new(),
        };
        if info.state.messages > 0 {
            nats.read_last_batch(&stream).await?;
        }
        Ok(nats)
    }

    /// Reads what the last batch has.
    async fn read_last_batch(&mut self, stream: &Stream) -> Result<(), Failure> {
        let Some(last) = message(stream, self.last_sequence).await? else {
            return Ok(());
        };
        let Some(place) = self.note(&last) else {
            return Ok(());
        };
        let begin = self.last_sequence.saturating_sub(place).max(1);
        let others = (begin..self.last_sequence).map(|sequence| message(stream, sequence));
        for found in join_all(others).await {
            if let Some(message) = found? {
                self.note(&message);
            }
        }
        Ok(())
    }

    /// Notes the event of a message of this destination, since the latest replay. Returns the message's place in its batch.
    fn note(&mut self, message: &StreamMessage) -> Option<u64> {
        let field = |name: &str| {
            message
                .headers
                .get(name)
                .map(async_nats::HeaderValue::as_str)
        };
        let is_own = field(DESTINATION) == Some(&self.destination)
            && field(REPLAYS)?.parse() == Ok(self.replays);
        if !is_own {
            return None;
        }
        let id = message.headers.get(NATS_MESSAGE_ID)?;
        self.has.insert(id.to_string());
        field(PLACE)?.parse().ok()
    }

    /// Publishes events, and waits until the server has all of them.
    pub(super) async fn deliver(&mut self, events: &[Outgoing<'_>]) -> Result<Taken, Failure> {
        let missing = events.iter().enumerate();
        let missing = missing.filter(|(_, event)| !self.has.contains(event.id));
        let missing = Vec::from_iter(missing);
        let mut done = 0;
        while done < missing.len() {
            let sent = self.publish(&missing[done..]).await;
            done += sent.taken;
            if let Some(failure) = sent.failure {
                // What the stream has already is taken, up to the first event that it lacks.
                let taken = missing.get(done).map_or(events.len(), |(at, _)| *at);
                return Err(failure.after(taken));
            }
        }
        Ok(Taken {
            events: events.len(),
        })
    }

    /// Publishes events one behind the other.
    async fn publish(&mut self, events: &[(usize, &Outgoing<'_>)]) -> Sent {
        let mut acknowledgements = Vec::with_capacity(events.len());
        let mut failure = None;
        for (place, (_, event)) in events.iter().enumerate() {
            let headers = self.headers(event, place);
            let kind = event.delivery.event.kind;
            let subject = subject::subject(&self.prefix, event.code, kind);
            let sent = self
                .context
                .publish_with_headers(subject, headers, event.body.clone());
            match sent.await {
                Ok(acknowledgement) => acknowledgements.push(acknowledgement),
                Err(error) => {
                    failure = Some(self.why(&error, event));
                    break;
                }
            }
        }
        let mut sent = self.acknowledged(acknowledgements, events).await;
        sent.failure = sent.failure.or(failure);
        sent
    }

    /// Waits for acknowledgements. Messages behind one that was not stored are not stored either, but for those that the stream
    /// had before.
    async fn acknowledged(
        &mut self,
        acknowledgements: Vec<PublishAckFuture>,
        events: &[(usize, &Outgoing<'_>)],
    ) -> Sent {
        let mut had = false;
        let mut sent = Sent::default();
        let waiting = acknowledgements.into_iter().map(IntoFuture::into_future);
        for (answer, (_, event)) in join_all(waiting).await.into_iter().zip(events) {
            match answer {
                Ok(PublishAck {
                    duplicate: true, ..
                }) => had = true,
                Ok(stored) => self.last_sequence = stored.sequence,
                // The stream had a message before this one, so that this one named a number that is too large.
                Err(error) if had && error.kind() == PublishErrorKind::WrongLastSequence => break,
                Err(error) => {
                    sent.failure = Some(self.why(&error, event));
                    break;
                }
            }
            sent.taken += 1;
        }
        sent
    }

    fn headers(&self, event: &Outgoing<'_>, place: usize) -> HeaderMap {
        let delivery = event.delivery;
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, event.id);
        headers.insert(NATS_EXPECTED_STREAM, &*self.stream);
        let follows = self.last_sequence + place as u64;
        headers.insert(NATS_EXPECTED_LAST_SEQUENCE, follows.to_string());
        headers.insert(DESTINATION, &*self.destination);
        headers.insert(ORGANISATION, event.code);
        headers.insert(POSITION, delivery.event.position.to_string());
        if let Some(previous) = delivery.previous {
            headers.insert(PREVIOUS, previous.to_string());
        }
        if let Some(previous) = delivery.previous_of_order {
            headers.insert(PREVIOUS_OF_ORDER, previous.to_string());
        }
        headers.insert(REPLAYS, self.replays.to_string());
        headers.insert(PLACE, place.to_string());
        headers
    }

    /// Explains why an event was not stored.
    fn why(&self, error: &PublishError, event: &Outgoing<'_>) -> Failure {
        let (stream, id) = (&self.stream, event.id);
        match error.kind() {
            PublishErrorKind::WrongLastSequence | PublishErrorKind::WrongLastMessageId => {
                Failure::fenced(format!(
                    "something else writes to stream {stream}; give the destination a stream of its own"
                ))
            }
            PublishErrorKind::MaxPayloadExceeded => Failure::refused(format!(
                "event {id} has {} bytes, more than the NATS server takes; raise its max_payload",
                event.body.len()
            )),
            PublishErrorKind::StreamNotFound => Failure::refused(format!(
                "no stream takes subjects that begin with {}; add {}.> to the subjects of stream {stream}",
                self.prefix, self.prefix
            )),
            PublishErrorKind::TimedOut => Failure::timeout(format!(
                "NATS has not acknowledged event {id} within {} s; check that its JetStream works",
                PATIENCE.as_secs()
            )),
            PublishErrorKind::BrokenPipe => Failure::unreachable("NATS has closed the connection"),
            PublishErrorKind::MaxAckPending | PublishErrorKind::Other => {
                Failure::refused(format!("NATS does not store event {id}: {error}"))
            }
        }
    }
}

/// What came of publishing.
#[derive(Default)]
struct Sent {
    /// How many events the stream has, from the first.
    taken: usize,
    /// Why it has no more. `None`: they can be published again at once.
    failure: Option<Failure>,
}

/// A message of the stream. `None` if it was deleted.
async fn message(stream: &Stream, sequence: u64) -> Result<Option<StreamMessage>, Failure> {
    match stream.get_raw_message(sequence).await {
        Ok(message) => Ok(Some(message)),
        Err(error) => match error.kind() {
            RawMessageErrorKind::NoMessageFound => Ok(None),
            RawMessageErrorKind::InvalidSubject
            | RawMessageErrorKind::JetStream(_)
            | RawMessageErrorKind::Other => Err(connect::lost(&error)),
        },
    }
}
