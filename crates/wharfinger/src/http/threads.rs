//! The threads that serve connections, one a core. A connection stays with its thread.
//!
//! In one runtime of many workers, whichever is woken when the store has answered would go on with a request that another
//! one has read and judged, on another core, and give back memory of another thread's heap: with two connections that
//! send batches of 100, 8 % of all CPU time.

use std::future::Future;
use std::io;
use std::num::NonZero;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

/// The threads. Dropped, they end, and with them what they serve.
pub struct Threads(Vec<Thread>);

struct Thread {
    /// Of one worker, rather than of the thread that drives it: what must not hold up other connections can step aside.
    runtime: Runtime,
    /// Each connection holds a copy.
    connections: Arc<()>,
}

impl Threads {
    /// Starts one a core.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn start() -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let mut threads = Self(Vec::new());
        for _ in 0..cores {
            threads.0.push(Thread::start()?);
        }
        Ok(threads)
    }

    /// Has a connection served by the thread that has the fewest. `stream` was accepted elsewhere.
    ///
    /// # Errors
    /// The system does not let the stream be moved; it is closed.
    pub(super) fn serve<S>(
        &self,
        stream: TcpStream,
        serve: impl FnOnce(TcpStream) -> S + Send + 'static,
    ) -> io::Result<()>
    where
        S: Future<Output = ()> + Send + 'static,
    {
        let least = self.0.iter().min_by_key(|thread| thread.connections());
        let thread = least.ok_or_else(|| io::Error::other("there are no threads"))?;
        let stream = stream.into_std()?;
        let _context = thread.runtime.enter();
        let stream = TcpStream::from_std(stream)?;
        let connection = Arc::clone(&thread.connections);
        thread.runtime.spawn(async move {
            serve(stream).await;
            drop(connection);
        });
        Ok(())
    }
}

impl Thread {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("http")
            .enable_all()
            .build()?;
        Ok(Self {
            runtime,
            connections: Arc::default(),
        })
    }

    fn connections(&self) -> usize {
        Arc::strong_count(&self.connections) - 1
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        for thread in self.0.drain(..) {
            // Whoever drops them is served by a runtime too, and must not wait.
            thread.runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::net::TcpListener;
    use tokio::sync::oneshot;

    use super::*;

    /// Has a connection served until it is told to end.
    async fn open(listener: &TcpListener, threads: &Threads) -> (TcpStream, oneshot::Sender<()>) {
        let address = listener.local_addr().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (end, ended) = oneshot::channel();
        let (stream, _) = accepted.unwrap();
        let serve = async move |stream: TcpStream| {
            let _ = ended.await;
            drop(stream);
        };
        threads.serve(stream, serve).unwrap();
        (client.unwrap(), end)
    }

    #[tokio::test]
    async fn a_connection_goes_to_the_thread_that_has_the_fewest() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let threads = Threads((0..2).map(|_| Thread::start().unwrap()).collect());
        let connections = || [threads.0[0].connections(), threads.0[1].connections()];
        let mut open_ones = Vec::new();
        for expected in [[1, 0], [1, 1], [2, 1], [2, 2]] {
            open_ones.push(open(&listener, &threads).await);
            assert_eq!(connections(), expected);
        }
        let (_client, end) = open_ones.remove(1);
        end.send(()).unwrap();
        while connections() != [2, 1] {
            tokio::task::yield_now().await;
        }
        open_ones.push(open(&listener, &threads).await);
        assert_eq!(connections(), [2, 2]);
    }
}
