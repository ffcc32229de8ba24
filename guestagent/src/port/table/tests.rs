//! A table that is told what the kernel would say.

use super::*;
use crate::port::Port;
use std::cell::RefCell;
use std::rc::Rc;

/// What the kernel has, and the queries it was asked.
#[derive(Default)]
struct World {
    sockets: Vec<Socket>,
    broken: bool,
    asked: Vec<Query>,
    covers: bool,
}

#[derive(Clone, Default)]
struct Kernel(Rc<RefCell<World>>);

impl Dump for Kernel {
    fn list(&mut self, query: Query, found: &mut Vec<Socket>) -> io::Result<()> {
        let mut world = self.0.borrow_mut();
        world.asked.push(query);
        if world.broken {
            return Err(io::Error::other("no buffer space"));
        }
        found.extend(world.sockets.iter().filter(|socket| {
            socket.port.protocol == query.protocol
                && query.number.is_none_or(|number| number == socket.port.number)
                && (query.connected || !socket.connected)
                && (query.families == Families::Both || !socket.v6)
        }));
        Ok(())
    }

    fn cover(&mut self, _: &[Socket]) -> bool {
        std::mem::take(&mut self.0.borrow_mut().covers)
    }
}

impl Kernel {
    fn open(&self, protocol: Protocol, host: [u8; 4], number: u16) -> u64 {
        let mut world = self.0.borrow_mut();
        let cookie = world.sockets.len() as u64 + 100;
        let port = Port::new(protocol, host.into(), number);
        world.sockets.push(Socket { port, cookie, inode: 0, connected: false, v6: false });
        cookie
    }

    fn close(&self, number: u16) {
        self.0.borrow_mut().sockets.retain(|socket| socket.port.number != number);
    }

    /// How many dumps there were since the last call.
    fn asked(&self) -> Vec<Query> {
        std::mem::take(&mut self.0.borrow_mut().asked)
    }
}

struct Running {
    kernel: Kernel,
    hints: mpsc::Sender<Hint>,
    snapshots: watch::Receiver<Snapshot>,
    extras: watch::Sender<Extras>,
}

impl Running {
    async fn hint(&self, hint: Hint) {
        self.hints.send(hint).await.expect("table runs");
        self.quiet(0).await;
    }

    /// Lets the table do what is due within this time.
    async fn quiet(&self, milliseconds: u64) {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    fn ports(&self) -> Vec<String> {
        self.snapshots.borrow().ports.iter().map(ToString::to_string).collect()
    }
}

/// Runs a table on this thread while `body` lasts.
async fn table(kernel: Kernel, body: impl AsyncFnOnce(Running)) {
    let (extras, receiver) = watch::channel(Extras::default());
    let (tcp, udp) = (Hinted::Yes, Hinted::Yes);
    let sources = Sources { tcp, udp, rules: Rules::default(), extras: receiver };
    let table = Table::new(kernel.clone(), sources);
    let (hints, receiver) = mpsc::channel(64);
    let snapshots = table.subscribe();
    let stop = CancellationToken::new();
    let running = Running { kernel, hints, snapshots, extras };
    tokio::select! {
        () = table.run(receiver, stop) => panic!("the table ended"),
        () = body(running) => {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_dump_keeps_the_ports_and_is_tried_again() {
    let kernel = Kernel::default();
    kernel.open(Protocol::Tcp, [127, 0, 0, 1], 80);
    table(kernel, async |run| {
        assert_eq!(run.ports(), ["tcp 127.0.0.1:80"]);
        run.kernel.open(Protocol::Tcp, [127, 0, 0, 1], 81);
        run.kernel.0.borrow_mut().broken = true;
        run.hint(Hint::Listening(81)).await;
        let fault = "listing the tcp ports of the guest: no buffer space";
        assert_eq!(run.snapshots.borrow().fault.as_deref(), Some(fault));
        assert_eq!(run.ports(), ["tcp 127.0.0.1:80"]);
        run.kernel.0.borrow_mut().broken = false;
        run.quiet(1_001).await;
        assert_eq!(run.snapshots.borrow().fault, None);
        assert_eq!(run.ports(), ["tcp 127.0.0.1:80", "tcp 127.0.0.1:81"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn one_port_is_one_dump_of_that_port_and_unknown_ones_are_none() {
    table(Kernel::default(), async |run| {
        run.kernel.asked();
        run.kernel.open(Protocol::Tcp, [0; 4], 80);
        run.hint(Hint::Listening(80)).await;
        let expected = Query { number: Some(80), ..Query::all(Protocol::Tcp) };
        assert_eq!(run.kernel.asked(), [expected]);
        run.hint(Hint::NotListening(81)).await;
        run.hint(Hint::Gone(7)).await;
        run.quiet(1_000).await;
        assert_eq!(run.kernel.asked(), []);
        run.kernel.close(80);
        run.hint(Hint::NotListening(80)).await;
        assert_eq!(run.ports(), [""; 0]);
        assert_eq!(run.kernel.asked().len(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn news_of_another_namespace_cost_ten_dumps_a_second_and_no_event() {
    table(Kernel::default(), async |mut run| {
        run.kernel.asked();
        run.snapshots.mark_unchanged();
        for _ in 0..1_000 {
            run.hint(Hint::Unlikely(Protocol::Tcp)).await;
            run.hint(Hint::NotListening(80)).await;
            run.quiet(1).await;
        }
        let dumps = run.kernel.asked().len();
        assert!((9..=11).contains(&dumps), "{dumps}");
        assert!(!run.snapshots.has_changed().expect("table runs"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_udp_server_that_connects_keeps_its_port() {
    table(Kernel::default(), async |run| {
        let cookie = run.kernel.open(Protocol::Udp, [0; 4], 53);
        run.hint(Hint::Bound(Families::Both)).await;
        {
            let mut world = run.kernel.0.borrow_mut();
            world.sockets[0].connected = true;
            world.sockets[0].port.address = [127, 0, 0, 1].into();
        }
        let port = Port::new(Protocol::Udp, [127, 0, 0, 1].into(), 9);
        let client = Socket { port, cookie: 1, inode: 0, connected: true, v6: false };
        run.kernel.0.borrow_mut().sockets.push(client);
        for _ in 0..2 {
            run.hint(Hint::Bound(Families::Both)).await;
            assert_eq!(run.ports(), ["udp 0.0.0.0:53"]);
        }
        run.kernel.close(53);
        run.hint(Hint::Gone(cookie)).await;
        assert_eq!(run.ports(), [""; 0]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_look_at_ipv4_leaves_ipv6_as_it_was() {
    table(Kernel::default(), async |run| {
        run.kernel.open(Protocol::Udp, [0; 4], 53);
        run.kernel.0.borrow_mut().sockets[0].v6 = true;
        run.hint(Hint::Bound(Families::Both)).await;
        run.kernel.open(Protocol::Udp, [0; 4], 54);
        run.kernel.asked();
        run.hint(Hint::Bound(Families::V4)).await;
        assert_eq!(run.ports(), ["udp 0.0.0.0:53", "udp 0.0.0.0:54"]);
        assert_eq!(run.kernel.asked()[0].families, Families::V4);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn hints_that_covered_less_are_made_up_for() {
    table(Kernel::default(), async |run| {
        run.kernel.asked();
        run.kernel.0.borrow_mut().covers = true;
        run.hint(Hint::Bound(Families::Both)).await;
        run.quiet(2).await;
        assert_eq!(run.kernel.asked().len(), 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn ports_without_sockets_come_and_go() {
    table(Kernel::default(), async |run| {
        let origin = crate::watch::extra::Origin::Iptables {
            program: "iptables-legacy",
            chain: "DOCKER".into(),
            to: "172.17.0.2:80".into(),
        };
        let port = Port::new(Protocol::Tcp, [0; 4].into(), 8080);
        run.extras.send_modify(|extras| drop(extras.ports.insert(port, origin)));
        run.quiet(0).await;
        assert_eq!(run.ports(), ["tcp 0.0.0.0:8080"]);
        run.extras.send_replace(Extras::default());
        run.quiet(0).await;
        assert_eq!(run.ports(), [""; 0]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_second_address_of_a_port_that_is_not_yet_visible_is_looked_for_again() {
    let kernel = Kernel::default();
    kernel.open(Protocol::Tcp, [127, 0, 0, 1], 80);
    table(kernel, async |run| {
        run.hint(Hint::Listening(80)).await;
        run.kernel.open(Protocol::Tcp, [10, 0, 0, 1], 80);
        run.quiet(10).await;
        assert_eq!(run.ports(), ["tcp 10.0.0.1:80", "tcp 127.0.0.1:80"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_port_that_moves_to_another_address_is_not_lost_with_the_old_one() {
    let kernel = Kernel::default();
    kernel.open(Protocol::Tcp, [127, 0, 0, 1], 80);
    table(kernel, async |run| {
        run.hints.send(Hint::Listening(80)).await.expect("table runs");
        run.kernel.close(80);
        run.hint(Hint::NotListening(80)).await;
        assert_eq!(run.ports(), [""; 0]);
        run.kernel.open(Protocol::Tcp, [10, 0, 0, 1], 80);
        run.quiet(10).await;
        assert_eq!(run.ports(), ["tcp 10.0.0.1:80"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_listener_whose_port_is_yet_to_be_chosen_is_looked_for_among_all() {
    let kernel = Kernel::default();
    kernel.open(Protocol::Tcp, [127, 0, 0, 1], 80);
    table(kernel, async |run| {
        run.kernel.asked();
        run.hint(Hint::Listening(0)).await;
        run.kernel.open(Protocol::Tcp, [0; 4], 40_001);
        run.quiet(10).await;
        assert_eq!(run.ports(), ["tcp 0.0.0.0:40001", "tcp 127.0.0.1:80"]);
        run.quiet(1_000).await;
        let asked = run.kernel.asked();
        assert!(asked.iter().all(|query| *query == Query::all(Protocol::Tcp)), "{asked:?}");
        assert!((2..=4).contains(&asked.len()), "{asked:?}");
    })
    .await;
}
