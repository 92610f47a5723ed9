//! Connections on which nothing happens are closed: each costs a descriptor, of which a process has few.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// For how long nothing may come or go. A long poll and the longest answer of a service take less.
pub(crate) const IDLE: Duration = Duration::from_mins(5);

/// A listener whose connections are closed when they are idle.
pub(crate) struct IdleListener<L> {
    pub(crate) inner: L,
    pub(crate) limit: Duration,
}

impl<L: Listener> Listener for IdleListener<L> {
    type Io = IdleStream<L::Io>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (inner, address) = self.inner.accept().await;
        let stream = IdleStream {
            inner,
            limit: self.limit,
            deadline: Box::pin(sleep(self.limit)),
        };
        (stream, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.inner.local_addr()
    }
}

/// A connection that fails once it has been idle for too long.
pub(crate) struct IdleStream<S> {
    inner: S,
    limit: Duration,
    deadline: Pin<Box<Sleep>>,
}

impl<S> IdleStream<S> {
    /// What became of a read or a write: progress puts the deadline off, and without any the deadline counts.
    fn noted<T>(&mut self, progress: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if progress.is_ready() {
            self.deadline.as_mut().reset(Instant::now() + self.limit);
            return progress;
        }
        ready!(self.deadline.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for IdleStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.inner).poll_read(context, buffer);
        self.noted(progress, context)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for IdleStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.noted(progress, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.noted(progress, context)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn an_idle_connection_ends_and_one_in_use_does_not() {
        let inner = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = inner.local_addr().expect("an address");
        let limit = Duration::from_millis(200);
        let mut listener = IdleListener { inner, limit };
        let mut client = TcpStream::connect(address).await.expect("a connection");
        let (mut served, _) = listener.accept().await;
        let mut byte = [0];
        for _ in 0..4 {
            sleep(limit / 2).await;
            client.write_all(b"x").await.expect("a byte");
            served.read_exact(&mut byte).await.expect("in use");
        }
        let ended = served.read_exact(&mut byte).await.expect_err("idle");
        assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
    }
}
