//! What the port watch costs and how soon it speaks, in figures. Not part of a
//! normal run, since figures depend on the machine:
//! `cargo test --release -p nixvm-guestagent --test cost -- --ignored --nocapture`

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod support;

use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use support::{Daemon, isolated, next};

/// Does something over and over on a thread of its own until dropped.
struct Noise(Arc<AtomicBool>, Option<JoinHandle<u32>>);

impl Noise {
    fn start(pause: Duration, elsewhere: bool, each: impl Fn() + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            if elsewhere {
                // SAFETY: a new thread, with nothing open.
                unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNET) }
                    .expect("namespace");
            }
            let mut count = 0;
            while !stopped.load(Ordering::Relaxed) {
                each();
                count += 1;
                std::thread::sleep(pause);
            }
            count
        });
        Self(stop, Some(thread))
    }

    fn end(mut self) -> u32 {
        self.0.store(true, Ordering::Relaxed);
        self.1.take().expect("thread").join().expect("noise")
    }
}

/// Nanoseconds on a CPU.
fn used(daemon: &Daemon) -> Duration {
    let path = format!("/proc/{}/schedstat", daemon.pid());
    let text = std::fs::read_to_string(path).expect("schedstat");
    let first = text.split(' ').next().expect("number").parse().expect("number");
    Duration::from_nanos(first)
}

fn show(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)];
    println!("{name:34} p50 {:>9.1?} p99 {:>9.1?} max {:>9.1?}", at(50), at(99), at(100));
}

/// Opens and closes ports one by one and shows how long it takes to be told.
async fn latency(name: &str, daemon: &Daemon) {
    let mut events = daemon.client().await.get_events(()).await.expect("events").into_inner();
    let [mut opened, mut closed, mut udp, mut gone] = [const { Vec::new() }; 4];
    while tokio::time::timeout(Duration::from_millis(200), events.message()).await.is_ok() {}
    for port in 0..200_u16 {
        let start = Instant::now();
        let listener = TcpListener::bind(("127.0.0.1", 20_000 + port)).expect("port");
        assert_eq!(next(&mut events).await, [format!("+tcp 127.0.0.1 {}", 20_000 + port)]);
        opened.push(start.elapsed());
        let start = Instant::now();
        drop(listener);
        assert_eq!(next(&mut events).await, [format!("-tcp 127.0.0.1 {}", 20_000 + port)]);
        closed.push(start.elapsed());
        let start = Instant::now();
        let socket = UdpSocket::bind(("127.0.0.1", 20_000 + port)).expect("port");
        assert_eq!(next(&mut events).await, [format!("+udp 127.0.0.1 {}", 20_000 + port)]);
        udp.push(start.elapsed());
        let start = Instant::now();
        drop(socket);
        assert_eq!(next(&mut events).await, [format!("-udp 127.0.0.1 {}", 20_000 + port)]);
        gone.push(start.elapsed());
    }
    show(&format!("{name}: tcp opened"), opened);
    show(&format!("{name}: tcp closed"), closed);
    show(&format!("{name}: udp opened"), udp);
    show(&format!("{name}: udp closed"), gone);
}

async fn cost(name: &str, daemon: &Daemon, noise: Noise) {
    let before = used(daemon);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let cost = used(daemon).saturating_sub(before);
    println!("{name:34} {:>9.1?} of CPU in 10 s, {} rounds", cost, noise.end());
}

#[test]
#[ignore = "prints figures of this machine"]
fn figures() {
    isolated("figures", async || {
        let daemon = Daemon::start_quietly().await;
        let _held = daemon.client().await.get_events(()).await.expect("events").into_inner();
        let millisecond = Duration::from_millis(1);
        cost("idle", &daemon, Noise::start(Duration::from_secs(1), false, || {})).await;
        latency("quiet", &daemon).await;

        let listen = || drop(TcpListener::bind("0.0.0.0:8001").expect("port"));
        let kept = TcpListener::bind("127.0.0.1:8000").expect("port");
        let binds = move || {
            let _udp = UdpSocket::bind("127.0.0.1:0").expect("port");
            drop(TcpStream::connect("127.0.0.1:8000").expect("connected"));
            drop(kept.accept().expect("accepted"));
        };
        let pause = Duration::from_micros(10_200);
        cost("95 binds and connects a second", &daemon, Noise::start(pause, false, binds)).await;
        let named = || drop(UdpSocket::bind("127.0.0.1:8003").expect("port"));
        cost("95 named UDP binds a second", &daemon, Noise::start(pause, false, named)).await;
        let elsewhere = Noise::start(Duration::from_micros(920), true, listen);
        cost("1,000 listens a second elsewhere", &daemon, elsewhere).await;

        let noise = Noise::start(millisecond, true, listen);
        latency("listens elsewhere", &daemon).await;
        noise.end();
        let clients = || drop(UdpSocket::bind("127.0.0.1:0").expect("port"));
        let noise = Noise::start(millisecond, false, clients);
        latency("UDP clients", &daemon).await;
        noise.end();

        let many = |host: u8| {
            (0..5_000_u16)
                .map(move |n| TcpListener::bind((Ipv4Addr::new(127, 0, 1, host), 10_000 + n)))
        };
        let many: Vec<_> = (1..3).flat_map(many).collect::<Result<_, _>>().expect("ports");
        tokio::time::sleep(Duration::from_secs(1)).await;
        println!("{} ports listen from here on", many.len());
        cost("idle", &daemon, Noise::start(Duration::from_secs(1), false, || {})).await;
        latency("many ports", &daemon).await;
        let elsewhere = Noise::start(Duration::from_micros(920), true, listen);
        cost("1,000 listens a second elsewhere", &daemon, elsewhere).await;
    });
}
