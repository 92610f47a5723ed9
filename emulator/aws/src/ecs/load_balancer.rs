//! The stable port in front of a service's tasks: what a load balancer is on AWS.
//!
//! A new connection goes to one of the tasks that are healthy now, in turn; one that cannot be reached is passed
//! over, so a task that has just crashed costs no client a connection. A task that is to stop is taken out first; its
//! open connections go on until they end or fall silent after an answer ([`SILENCE`]), and only then is it interrupted.

use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::lock;

/// A connection that is being drained and has been silent for this long after the task's last bytes is idle: the
/// answer was whole, and the client keeps the connection for later. The task closes it when it is interrupted.
const SILENCE: Duration = Duration::from_millis(500);

/// The longest that open connections can hold a task up.
const LONGEST_DRAIN: Duration = Duration::from_secs(30);

/// How long a port in use is tried again, and how often.
const HELD: Duration = Duration::from_millis(500);
const AGAIN: Duration = Duration::from_millis(5);

/// A listening front. Dropping it closes the port; open connections go on.
pub(super) struct LoadBalancer {
    backends: Arc<Backends>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct Backends {
    list: Mutex<Vec<Arc<Backend>>>,
    split: Mutex<Split>,
    turn: AtomicUsize,
    /// Of the connections to new tasks, which come at regular intervals.
    turn_of_new: AtomicUsize,
}

/// Which tasks get a connection, as a load balancer's rule with two target groups.
#[derive(Default)]
enum Split {
    #[default]
    Even,
    /// The tasks of this deployment get so many of a thousand connections; `count` have been sent so far.
    Weighted {
        deployment: String,
        weight: u64,
        count: u64,
    },
}

struct Backend {
    task: String,
    deployment: String,
    port: u16,
    connections: Mutex<Vec<Arc<Connection>>>,
    /// Moves whenever a connection ends.
    ended: watch::Sender<u64>,
}

/// The last that happened on a connection: whether the client spoke last, and when.
struct Connection {
    last: Mutex<(bool, Instant)>,
}

impl LoadBalancer {
    /// Opens the port.
    pub(super) async fn open(port: u16) -> io::Result<Self> {
        let listener = listen(port).await?;
        let backends = Arc::new(Backends::default());
        let accepting = tokio::spawn(accept(listener, backends.clone()));
        Ok(Self { backends, accepting })
    }

    /// Lets the tasks of a deployment get this share of the new connections, in percent; `None` treats all tasks alike.
    pub(super) fn split(&self, share: Option<(&str, f64)>) {
        let new = share.map(|(deployment, percent)| {
            let mut tenths = (0..=1_000_u32).rev();
            let weight = tenths.find(|tenths| f64::from(*tenths) <= percent * 10.0 + 1e-6);
            (deployment, u64::from(weight.unwrap_or(0)))
        });
        let mut split = lock(&self.backends.split);
        match (&*split, new) {
            // The same again does not begin to count anew.
            (Split::Weighted { deployment, weight, .. }, Some(new)) if (deployment.as_str(), *weight) == new => {}
            (_, Some((deployment, weight))) => {
                *split = Split::Weighted {
                    deployment: deployment.to_owned(),
                    weight,
                    count: 0,
                };
            }
            (_, None) => *split = Split::Even,
        }
    }

    /// Lets new connections go to a task.
    pub(super) fn add(&self, task: &str, deployment: &str, port: u16) {
        let mut list = lock(&self.backends.list);
        if !list.iter().any(|backend| backend.task == task) {
            list.push(Arc::new(Backend {
                task: task.to_owned(),
                deployment: deployment.to_owned(),
                port,
                connections: Mutex::default(),
                ended: watch::Sender::new(0),
            }));
        }
    }

    /// Takes a task out: no new connection goes to it from here on. The future ends when the open ones are done.
    pub(super) fn remove(&self, task: &str) -> impl Future<Output = ()> + Send + use<> {
        let mut list = lock(&self.backends.list);
        let position = list.iter().position(|backend| backend.task == task);
        let backend = position.map(|position| list.remove(position));
        async move {
            if let Some(backend) = backend {
                let _ = timeout(LONGEST_DRAIN, backend.drained()).await;
            }
        }
    }
}

impl Drop for LoadBalancer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Backends {
    /// The tasks that the next connection may go to. As with target groups, one without healthy tasks keeps its share.
    fn target(&self) -> Target {
        match &mut *lock(&self.split) {
            Split::Even => Target::Any,
            Split::Weighted {
                deployment,
                weight,
                count,
            } => {
                // Spread as evenly as whole connections can be.
                let is_new = (*count + 1) * *weight / 1_000 > *count * *weight / 1_000;
                *count += 1;
                if is_new {
                    Target::Of(deployment.clone())
                } else {
                    Target::Others(deployment.clone())
                }
            }
        }
    }

    /// The next healthy task with a connection noted on it, under the lock: a task that is taken out right after
    /// waits for this connection.
    fn next(&self, target: &Target, passed_over: &[String]) -> Option<(Arc<Backend>, Arc<Connection>)> {
        let list = lock(&self.list);
        let turn = match target {
            Target::Of(_) => &self.turn_of_new,
            Target::Any | Target::Others(_) => &self.turn,
        };
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        let admitted: Vec<&Arc<Backend>> = list.iter().filter(|backend| target.admits(backend)).collect();
        let count = admitted.len();
        let backend = (0..count)
            .map(|offset| admitted[(turn + offset) % count])
            .find(|backend| !passed_over.contains(&backend.task))?;
        let connection = Arc::new(Connection {
            last: Mutex::new((true, Instant::now())),
        });
        lock(&backend.connections).push(connection.clone());
        Some((backend.clone(), connection))
    }
}

enum Target {
    Any,
    Of(String),
    Others(String),
}

impl Target {
    fn admits(&self, backend: &Backend) -> bool {
        match self {
            Self::Any => true,
            Self::Of(deployment) => backend.deployment == *deployment,
            Self::Others(deployment) => backend.deployment != *deployment,
        }
    }
}

impl Backend {
    fn forget(&self, connection: &Arc<Connection>) {
        lock(&self.connections).retain(|other| !Arc::ptr_eq(other, connection));
        self.ended.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Waits until no connection has an answer outstanding.
    async fn drained(&self) {
        let mut ended = self.ended.subscribe();
        loop {
            let silences: Vec<_> = lock(&self.connections).iter().map(|it| it.silent_at()).collect();
            // A connection whose answer is outstanding is checked again when one ends, or after a while.
            let soon = Instant::now() + SILENCE;
            let latest = silences.into_iter().map(|silent| silent.unwrap_or(soon)).max();
            match latest.filter(|latest| *latest > Instant::now()) {
                None => return,
                Some(latest) => tokio::select! {
                    _ = ended.changed() => {}
                    () = sleep_until(latest) => {}
                },
            }
        }
    }
}

impl Connection {
    fn note(&self, is_client: bool) {
        *lock(&self.last) = (is_client, Instant::now());
    }

    /// When the connection counts as idle, should nothing more happen on it; `None` while an answer is outstanding.
    fn silent_at(&self) -> Option<Instant> {
        let (client_spoke_last, time) = *lock(&self.last);
        (!client_spoke_last).then(|| time + SILENCE)
    }
}

/// A process that is starting holds every socket of this one until it runs its program, so a port that has just been closed may seem
/// in use for a moment.
async fn listen(port: u16) -> io::Result<TcpListener> {
    let began = Instant::now();
    loop {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && began.elapsed() < HELD => {
                sleep(AGAIN).await;
            }
            outcome => return outcome,
        }
    }
}

async fn accept(listener: TcpListener, backends: Arc<Backends>) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                let backends = backends.clone();
                tokio::spawn(async move { serve(client, &backends).await });
            }
            // Out of descriptors, for example: let connections end before the next try.
            Err(error) => {
                tracing::warn!(%error, "a service's port cannot accept a connection");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Connects a client to a task. Without a healthy one the connection is closed.
async fn serve(client: TcpStream, backends: &Backends) {
    let mut passed_over = Vec::new();
    let target = backends.target();
    while let Some((backend, connection)) = backends.next(&target, &passed_over) {
        if let Ok(task) = TcpStream::connect((Ipv4Addr::LOCALHOST, backend.port)).await {
            join(client, task, &connection).await;
            backend.forget(&connection);
            return;
        }
        backend.forget(&connection);
        passed_over.push(backend.task.clone());
    }
}

async fn join(client: TcpStream, task: TcpStream, connection: &Connection) {
    // Small requests and answers are not to wait for each other's acknowledgement.
    let _ = (client.set_nodelay(true), task.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_task, to_task) = task.into_split();
    let up = pump(from_client, to_task, || connection.note(true));
    let down = pump(from_task, to_client, || connection.note(false));
    // Each direction ends on its own: a client that has sent all may still read. An error ends both.
    let _ = tokio::try_join!(up, down);
}

/// Copies until the end, which it passes on.
async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, note: impl Fn()) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        note();
        to.write_all(&buffer[..count]).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn shares_of_connections_are_exact() {
        let front = LoadBalancer::open(0).await.expect("a port");
        for (task, deployment) in [("a", "old"), ("b", "old"), ("c", "new"), ("d", "new")] {
            front.add(task, deployment, 1);
        }
        for (percent, expected) in [
            (0.0, 0),
            (0.1, 1),
            (12.5, 125),
            (50.0, 500),
            (99.9, 999),
            (100.0, 1_000),
        ] {
            front.split(Some(("new", percent)));
            let mut tasks = Vec::new();
            for _ in 0..1_000 {
                let target = front.backends.target();
                let (backend, _) = front.backends.next(&target, &[]).expect("a task");
                tasks.push(backend.task.clone());
            }
            let new = tasks.iter().filter(|task| matches!(task.as_str(), "c" | "d")).count();
            assert_eq!(new, expected, "{percent}");
            // Both tasks of a deployment are used.
            assert!(
                percent < 1.0 || tasks.contains(&"c".to_owned()) && tasks.contains(&"d".to_owned()),
                "{percent}"
            );
        }
        front.split(None);
        assert!(matches!(front.backends.target(), Target::Any));
    }
}
