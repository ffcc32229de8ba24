use super::*;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use std::future::poll_fn;
use std::os::unix::net::UnixStream;

fn pair() -> (Descriptor, Descriptor) {
    let (one, other) = UnixStream::pair().expect("sockets");
    one.set_nonblocking(true).expect("mode");
    other.set_nonblocking(true).expect("mode");
    (Descriptor::new(one.into()), Descriptor::new(other.into()))
}

async fn read(from: &mut Descriptor, room: usize) -> usize {
    let mut bytes = vec![0; room];
    let read = poll_fn(|context| {
        from.poll_read(context, |fd| {
            let (read, _) = recv(fd, &mut bytes[..], RecvFlags::empty())?;
            Ok((read, Left::after(read, room)))
        })
    });
    read.await.expect("read")
}

async fn write(to: &mut Descriptor, bytes: &[u8]) -> usize {
    let written =
        poll_fn(|context| to.poll_write(context, |fd| send(fd, bytes, SendFlags::NOSIGNAL)));
    written.await.expect("written")
}

#[tokio::test]
async fn a_reader_that_waits_is_woken_by_each_arrival_and_by_the_end() {
    let (mut here, mut there) = pair();
    for _ in 0..3 {
        let (read, written) = tokio::join!(read(&mut here, 100), write(&mut there, b"word"));
        assert_eq!((read, written), (4, 4));
    }
    write(&mut there, b"last").await;
    drop(there);
    assert_eq!(read(&mut here, 100).await, 4);
    assert_eq!(read(&mut here, 100).await, 0);
    assert_eq!(read(&mut here, 100).await, 0);
}

#[tokio::test]
async fn a_writer_without_room_waits_for_it_and_a_reader_beside_it_is_not_lost() {
    let (mut here, mut there) = pair();
    let total = 4 << 20;
    let upload = async {
        let (mut left, mut answers) = (total, 0);
        while left > 0 {
            left -= write(&mut here, &vec![7; left.min(1 << 17)]).await;
        }
        while answers < 9 {
            answers += read(&mut here, 100).await;
        }
    };
    let download = async {
        let mut taken = 0;
        while taken < total {
            tokio::task::yield_now().await;
            taken += read(&mut there, 1 << 16).await;
        }
        write(&mut there, b"well done").await;
    };
    tokio::join!(upload, download);
}

#[tokio::test]
async fn room_is_watched_for_until_it_has_long_been_there() {
    let (mut here, mut there) = pair();
    let watched = |descriptor: &Descriptor| descriptor.watch.for_writing();
    write(&mut here, b"x").await;
    assert_eq!(watched(&here), None, "nothing is waited for");
    let filled = poll_fn(|context| {
        while here.poll_write(context, |fd| send(fd, &[0; 4096], SendFlags::NOSIGNAL)).is_ready() {}
        Poll::Ready(())
    });
    filled.await;
    assert_eq!(watched(&here), Some(true));
    while read(&mut there, 1 << 20).await == 1 << 20 {}
    for _ in 0..CALM {
        write(&mut here, b"x").await;
        read(&mut there, 100).await;
    }
    assert_eq!(watched(&here), Some(false), "there was room long enough");
    write(&mut there, b"word").await;
    assert_eq!(read(&mut here, 100).await, 4, "and a reader still hears");
}
