//! The host's side of the guest agent, as small as tests need it.
//!
//! [`Client`] makes the calls over a Unix socket that leads to the agent,
//! [`forward::Forwarder`] makes the guest's ports ports of this machine. Both
//! work with Lima's own agent too: a tunnel does not wait for the headers of
//! the answer, which that agent sends with its first data only.

use anyhow::{Context, Result, anyhow};
use hyper_util::rt::TokioIo;
use nixvm_guestagent::proto::guest_service_client::GuestServiceClient;
use nixvm_guestagent::proto::{
    Event, Info, Inotify, IpPort, TimeSyncRequest, TimeSyncResponse, TunnelMessage,
};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint};

pub mod forward;

/// Messages of one tunnel that wait for the connection.
const QUEUE: usize = 8;
const CHUNK: usize = 32 * 1024;

/// A connection to a guest agent. Clones share it.
#[derive(Clone, Debug)]
pub struct Client(GuestServiceClient<Channel>);

impl Client {
    /// Connects to the agent's socket, or to one that leads there.
    ///
    /// # Errors
    /// Nobody listens on the socket.
    pub async fn connect(socket: &Path) -> Result<Self> {
        let path: PathBuf = socket.into();
        let connect = tower::service_fn(move |_| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        });
        // The origin becomes `:authority`; unlike Lima's host we send one.
        let endpoint = Endpoint::from_static("http://guest");
        let channel = endpoint.connect_with_connector(connect).await;
        let channel = channel.with_context(|| format!("connecting to {}", socket.display()))?;
        Ok(Self(GuestServiceClient::new(channel)))
    }

    /// What listens in the guest now.
    ///
    /// # Errors
    /// The call failed.
    pub async fn info(&mut self) -> Result<Info> {
        Ok(self.0.get_info(()).await.context("GetInfo")?.into_inner())
    }

    /// Changes of what listens, beginning with what was not told before.
    ///
    /// # Errors
    /// The call failed.
    pub async fn events(&mut self) -> Result<Streaming<Event>> {
        Ok(self.0.get_events(()).await.context("GetEvents")?.into_inner())
    }

    /// Sets the guest's clock to this machine's, if they differ.
    ///
    /// # Errors
    /// The call failed; a clock that could not be set is in the answer.
    pub async fn sync_time(&mut self) -> Result<TimeSyncResponse> {
        let request = TimeSyncRequest { host_time: Some(SystemTime::now().into()) };
        Ok(self.0.sync_time(request).await.context("SyncTime")?.into_inner())
    }

    /// Tells the guest that a file of a share changed on this machine.
    ///
    /// # Errors
    /// The call failed. A file that is not touched is no error.
    pub async fn file_changed(&mut self, path: &str, time: SystemTime) -> Result<()> {
        let message = Inotify { mount_path: path.into(), time: Some(time.into()) };
        let messages = tokio_stream::iter([message]);
        self.0.post_inotify(messages).await.context("PostInotify")?;
        Ok(())
    }

    /// Sends `request` through a tunnel and gives the first bytes of the answer.
    ///
    /// # Errors
    /// The guest refused, or there was no answer.
    pub async fn ask(&mut self, protocol: &str, target: &str, request: &[u8]) -> Result<Vec<u8>> {
        let (send, messages) = mpsc::channel(QUEUE);
        let data = TunnelMessage { data: request.to_vec().into(), ..TunnelMessage::default() };
        for message in [handshake(protocol, target), data] {
            send.send(message).await.map_err(|_| anyhow!("tunnel closed"))?;
        }
        let answer = self.0.tunnel(ReceiverStream::new(messages)).await;
        let mut answer = answer.with_context(|| format!("tunnel to {target}"))?.into_inner();
        let first = answer.message().await.with_context(|| format!("tunnel to {target}"))?;
        Ok(first.with_context(|| format!("no answer from {target}"))?.data.to_vec())
    }

    /// Relays a connection of this machine to `target` (`ip:port`) in the
    /// guest until both have finished. Half-closes are passed on.
    ///
    /// # Errors
    /// The guest refused, or either side broke.
    pub async fn relay<S>(&mut self, target: &str, stream: S) -> Result<()>
    where
        S: AsyncRead + AsyncWrite,
    {
        let (send, messages) = mpsc::channel(QUEUE);
        send.send(handshake("tcp", target)).await.map_err(|_| anyhow!("tunnel closed"))?;
        let (mut read, mut write) = tokio::io::split(stream);
        let download = async {
            let answer = self.0.tunnel(ReceiverStream::new(messages)).await;
            let mut answer = answer.with_context(|| format!("tunnel to {target}"))?.into_inner();
            while let Some(message) = answer.message().await.context("tunnel")? {
                write.write_all(&message.data).await?;
            }
            Ok(write.shutdown().await?)
        };
        let upload = async {
            if upload(&mut read, send).await.is_ok() {
                std::future::pending::<()>().await;
            }
        };
        // The guest decides when it is over; the host's end is a half-close.
        tokio::select! {
            result = download => result,
            () = upload => Err(anyhow!("local side of the tunnel to {target} broke")),
        }
    }
}

async fn upload(
    read: &mut (impl AsyncRead + Unpin),
    send: mpsc::Sender<TunnelMessage>,
) -> Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let length = read.read(&mut buffer).await?;
        let data = buffer.get(..length).unwrap_or_default();
        if data.is_empty() {
            return Ok(());
        }
        let message = TunnelMessage { data: data.to_vec().into(), ..TunnelMessage::default() };
        send.send(message).await.map_err(|_| anyhow!("tunnel closed"))?;
    }
}

fn handshake(protocol: &str, target: &str) -> TunnelMessage {
    TunnelMessage {
        id: format!("{protocol}-{target}"),
        protocol: protocol.into(),
        guest_addr: target.into(),
        ..TunnelMessage::default()
    }
}

/// `tcp 127.0.0.1:80`, as messages and failures name a port.
pub fn name(port: &IpPort) -> String {
    format!("{} {}", port.protocol, address(port))
}

/// `127.0.0.1:80`, `[::1]:80`.
pub fn address(port: &IpPort) -> String {
    if port.ip.contains(':') {
        format!("[{}]:{}", port.ip, port.port)
    } else {
        format!("{}:{}", port.ip, port.port)
    }
}
