//! The threads that serve connections, one per core. A connection stays on its thread.
//!
//! A single runtime with many workers would resume a request on whichever worker wakes first. That moves it to another core,
//! and frees memory from another thread's heap. With two connections that send batches of 100, this cost 8 % of all CPU time.

use std::future::Future;
use std::io;
use std::num::NonZero;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

/// The serving threads. Dropping this ends them and the connections on them.
pub struct Threads(Vec<Thread>);

struct Thread {
    /// A multi-threaded runtime with one worker, because only such a runtime can move blocking work aside.
    runtime: Runtime,
    /// Each connection holds a clone, so the count is the number of connections.
    connections: Arc<()>,
}

impl Threads {
    /// Starts one thread per core.
    ///
    /// # Errors
    /// The system cannot create threads.
    pub fn start() -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let mut threads = Self(Vec::new());
        for _ in 0..cores {
            threads.0.push(Thread::start()?);
        }
        Ok(threads)
    }

    /// Serves a connection on the thread that has the fewest. `stream` was accepted by another runtime.
    ///
    /// # Errors
    /// The stream cannot be moved to the thread; it is closed.
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

    /// Waits until every thread has run something.
    pub async fn work(&self) {
        for thread in &self.0 {
            // An error means that the thread is being ended.
            drop(thread.runtime.spawn(async {}).await);
        }
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
            // This runs inside another runtime, which must not block.
            thread.runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use futures_util::FutureExt;
    use tokio::net::TcpListener;
    use tokio::sync::oneshot;

    use super::*;

    /// Serves a connection until it is told to end.
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

    #[tokio::test]
    async fn threads_work_unless_one_hangs() {
        let threads = Threads((0..2).map(|_| Thread::start().unwrap()).collect());
        threads.work().await;
        let (release, released) = std::sync::mpsc::channel::<()>();
        let hanging = threads.0[1].runtime.spawn(async move { released.recv() });
        let mut work = std::pin::pin!(threads.work());
        // The other thread answers; then it waits for this one.
        let other = threads.0[0].runtime.spawn(async {});
        assert!((&mut work).now_or_never().is_none());
        other.await.unwrap();
        for _ in 0..1_000 {
            assert!((&mut work).now_or_never().is_none());
            tokio::task::yield_now().await;
        }
        release.send(()).unwrap();
        work.await;
        hanging.await.unwrap().unwrap();
    }
}
