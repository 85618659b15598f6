//! What carries frames: a TCP connection on this machine, or a channel within this process.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use super::folder::FILE_MAX;
use crate::error::MeshError;

/// Longest frame, in bytes: a file with its name, and what stands before it.
const FRAME_MAX: usize = FILE_MAX + 1024;
/// Frames that wait in a channel.
const QUEUE: usize = 4;
/// How long the other side may say nothing. It may have a hundred thousand ops to check before it answers, at some 50 us each.
const SILENCE: Duration = Duration::from_secs(60);

/// Carries frames in order.
pub trait Link {
    /// Sends a frame.
    ///
    /// # Errors
    /// [`MeshError::Link`].
    fn send(&mut self, frame: &[u8]) -> Result<(), MeshError>;

    /// Waits for the next frame.
    ///
    /// # Errors
    /// [`MeshError::Link`], also where the other side closed; [`MeshError::Frame`] where the frame is too long.
    fn receive(&mut self) -> Result<Vec<u8>, MeshError>;
}

/// A TCP connection within this machine. Each frame is its length, 4 bytes big-endian, and its bytes.
#[derive(Debug)]
pub struct TcpLink {
    stream: TcpStream,
}

impl TcpLink {
    /// Connects to a peer on this machine.
    ///
    /// # Errors
    /// [`MeshError::NotLoopback`] for any other machine: what travels is not encrypted. [`MeshError::Link`].
    pub fn connect(address: SocketAddr) -> Result<Self, MeshError> {
        check_loopback(address)?;
        Self::new(TcpStream::connect_timeout(&address, SILENCE).map_err(MeshError::Link)?)
    }

    /// Takes a connection that was accepted.
    ///
    /// # Errors
    /// [`MeshError::Link`], [`MeshError::NotLoopback`].
    pub fn new(stream: TcpStream) -> Result<Self, MeshError> {
        check_loopback(stream.peer_addr().map_err(MeshError::Link)?)?;
        stream.set_nodelay(true).map_err(MeshError::Link)?;
        stream.set_read_timeout(Some(SILENCE)).map_err(MeshError::Link)?;
        stream.set_write_timeout(Some(SILENCE)).map_err(MeshError::Link)?;
        Ok(Self { stream })
    }
}

/// Listens on an address of this machine.
///
/// # Errors
/// [`MeshError::NotLoopback`], [`MeshError::Link`].
pub fn listen(address: SocketAddr) -> Result<TcpListener, MeshError> {
    check_loopback(address)?;
    TcpListener::bind(address).map_err(MeshError::Link)
}

fn check_loopback(address: SocketAddr) -> Result<(), MeshError> {
    if address.ip().is_loopback() { Ok(()) } else { Err(MeshError::NotLoopback { address }) }
}

impl Link for TcpLink {
    fn send(&mut self, frame: &[u8]) -> Result<(), MeshError> {
        let length = u32::try_from(frame.len()).map_err(|_| MeshError::Frame { what: "length" })?;
        let sent = self.stream.write_all(&length.to_be_bytes()).and_then(|()| self.stream.write_all(frame));
        sent.map_err(MeshError::Link)
    }

    fn receive(&mut self) -> Result<Vec<u8>, MeshError> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).map_err(MeshError::Link)?;
        let length = u32::from_be_bytes(length);
        if usize::try_from(length).map_or(true, |length| length > FRAME_MAX) {
            return Err(MeshError::Frame { what: "length" });
        }
        // Memory follows what comes, and not what is claimed.
        let mut frame = Vec::new();
        let read = (&mut self.stream).take(u64::from(length)).read_to_end(&mut frame).map_err(MeshError::Link)?;
        if u32::try_from(read) != Ok(length) {
            return Err(MeshError::Link(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(frame)
    }
}

/// One end of a channel within this process.
#[derive(Debug)]
pub(super) struct LocalLink {
    to: SyncSender<Vec<u8>>,
    from: Receiver<Vec<u8>>,
}

/// Both ends of a channel.
#[must_use]
pub(super) fn pair() -> (LocalLink, LocalLink) {
    let ((to, other_from), (other_to, from)) = (sync_channel(QUEUE), sync_channel(QUEUE));
    (LocalLink { to, from }, LocalLink { to: other_to, from: other_from })
}

impl Link for LocalLink {
    fn send(&mut self, frame: &[u8]) -> Result<(), MeshError> {
        let closed = |_| MeshError::Link(io::ErrorKind::BrokenPipe.into());
        self.to.send(frame.to_vec()).map_err(closed)
    }

    fn receive(&mut self) -> Result<Vec<u8>, MeshError> {
        self.from.recv().map_err(|_| MeshError::Link(io::ErrorKind::UnexpectedEof.into()))
    }
}
