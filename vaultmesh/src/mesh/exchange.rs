//! One exchange of two replicas: who is there, ops until both have the same, then heads and rows that one side lacks.
//!
//! ```text
//! frame   = kind (1) | body
//! hello   = 00 | "vm-mesh-link-v0" | graph (32) | nonce (32) | 0, or 1 and the member (32)
//! proof   = 01 | signature (64) over "vm-mesh-link-v0 proof\n" | graph | nonce of the other | nonce of one's own
//! session = 02 | a message of vm-sync-v0
//! turn    = 03                                    the other side speaks
//! names   = 04 | names of files, each and a newline
//! want    = 05 | names of files, each and a newline
//! file    = 06 | name and a newline | bytes
//! bye     = 07 | nothing, once all that came is on disk; or a code that says why not
//! ```
//!
//! One side speaks at a time, so that neither can be blocked by what the other does not read. The format is `docs/spec/mesh.md`.

use std::collections::BTreeSet;

use serde::Serialize;
use vm_core::key::{PublicKey, Signature, SigningIdentity};
use vm_core::verdict::{Code, Finding, Report};
use vm_crdt::sync::{Exchange, Outcome, Role};
use vm_crdt::{Merge, Session};

use super::folder::{FILE_MAX, FILES_MAX, Name};
use super::foreign::{NOTHING_NEW, Shelf, author_forked};
use super::link::Link;
use super::{Mesh, keys, merge_policy};
use crate::error::MeshError;

const FORMAT: &[u8; 15] = b"vm-mesh-link-v0";
const SIGNED: &[u8] = b"vm-mesh-link-v0 proof\n";
/// Times that each side may speak in the exchange of ops: rounds of a session, and everything that it may ask for one by one.
const TURNS_MAX: usize = 4_096;

/// How one side takes part.
#[derive(Clone, Copy)]
pub struct Peering<'a> {
    /// Which side.
    pub role: Role,
    /// The key by which this side shows that it is a member; none over files, where whoever can read the folder can read it all.
    pub key: Option<&'a SigningIdentity>,
    /// 48 fresh random bytes: nobody may know them before.
    pub seed: [u8; 48],
}

impl std::fmt::Debug for Peering<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peering").field("role", &self.role).finish_non_exhaustive()
    }
}

/// What an exchange came to.
#[derive(Clone, Debug)]
pub struct Exchanged {
    /// What was merged, for a receipt.
    pub merge: Merge,
    /// Whether both sides count the same ops now; not known to the side that answered.
    pub outcome: Option<Outcome>,
    /// Who was there; nobody where no key was asked for.
    pub member: Option<PublicKey>,
    /// Files of heads and rows that came and were kept.
    pub files_received: u64,
    /// Those that went.
    pub files_sent: u64,
    /// Those that came and were not kept, with the reason.
    pub refused: Vec<Refused>,
    /// What was checked, and what came to light: members and logs with two histories, files that do not hold, a peer that has something else.
    pub report: Report,
}

impl Exchanged {
    fn refuse(&mut self, name: &Name, code: &'static str) {
        self.refused.push(Refused { file: name.to_string(), code });
        // What says nothing new leaves nothing open.
        if code != NOTHING_NEW {
            self.report.find(keys::finding(&name.to_string(), code));
        }
    }
}

/// A file that was not kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Refused {
    /// Its name below `mesh/`.
    pub file: String,
    /// Why.
    pub code: &'static str,
}

/// Why a file is not kept.
#[derive(Debug)]
pub(super) enum Unkept {
    /// It does not hold, or nobody here can check it.
    Refused(&'static str),
    /// It shows that a log has two histories; the proof of that is kept.
    Forked(Finding),
    /// This side's disk failed.
    Here(MeshError),
}

impl From<MeshError> for Unkept {
    fn from(error: MeshError) -> Self {
        Self::Here(error)
    }
}

/// A frame as it came.
enum Frame {
    Hello(Hello),
    Proof(Signature),
    Session(Vec<u8>),
    Turn,
    Names(Vec<Name>),
    Want(Vec<Name>),
    File(Name, Vec<u8>),
    Bye(String),
}

struct Hello {
    graph: [u8; 32],
    nonce: [u8; 32],
    member: Option<PublicKey>,
}

impl Frame {
    fn parse(mut bytes: Vec<u8>) -> Result<Self, MeshError> {
        let bad = |what| MeshError::Frame { what };
        let kind = *bytes.first().ok_or(bad("empty"))?;
        let body = bytes.split_off(1);
        Ok(match kind {
            0 => Self::Hello(Hello::parse(&body).ok_or(bad("hello"))?),
            1 => Self::Proof(Signature::from_bytes(body.try_into().map_err(|_| bad("proof"))?)),
            2 => Self::Session(body),
            3 if body.is_empty() => Self::Turn,
            4 => Self::Names(parse_names(&body)?),
            5 => Self::Want(parse_names(&body)?),
            6 => {
                let end = body.iter().position(|byte| *byte == b'\n').ok_or(bad("file"))?;
                let (name, rest) = body.split_at(end);
                let name = std::str::from_utf8(name).ok().and_then(Name::parse).ok_or(bad("file"))?;
                Self::File(name, rest.get(1..).unwrap_or_default().to_vec())
            }
            7 => {
                let code = body.iter().take(64).filter(|byte| byte.is_ascii_lowercase() || **byte == b'-');
                Self::Bye(code.map(|byte| char::from(*byte)).collect())
            }
            _ => return Err(bad("kind")),
        })
    }
}

impl Hello {
    fn parse(body: &[u8]) -> Option<Self> {
        let (graph, rest) = body.strip_prefix(FORMAT)?.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        let member = match rest.split_first()? {
            (0, []) => None,
            (1, key) => Some(PublicKey::from_bytes(key.try_into().ok()?).ok()?),
            _ => return None,
        };
        Some(Self { graph: *graph, nonce: *nonce, member })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![0];
        out.extend_from_slice(FORMAT);
        out.extend_from_slice(&self.graph);
        out.extend_from_slice(&self.nonce);
        out.push(u8::from(self.member.is_some()));
        out.extend(self.member.iter().flat_map(|key| *key.as_bytes()));
        out
    }
}

fn parse_names(body: &[u8]) -> Result<Vec<Name>, MeshError> {
    let text = std::str::from_utf8(body).map_err(|_| MeshError::Frame { what: "names" })?;
    let found = text.lines().count();
    if found > FILES_MAX {
        return Err(MeshError::TooMany { what: "files", limit: FILES_MAX, found });
    }
    // What another release names is left alone.
    Ok(text.lines().filter_map(Name::parse).collect())
}

fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind], body].concat()
}

fn names(kind: u8, names: &[Name]) -> Vec<u8> {
    let mut out = vec![kind];
    for name in names {
        out.extend_from_slice(name.to_string().as_bytes());
        out.push(b'\n');
    }
    out
}

/// Exchanges with whoever is at the other end of `link`, until both sides have the same ops and the files that they believe. What came and is
/// valid is on disk when this returns, also with an error.
///
/// # Errors
/// [`MeshError::Link`], [`MeshError::Frame`], [`MeshError::Gone`] where the other side ended it; [`MeshError::OtherGraph`],
/// [`MeshError::NotMember`]; [`MeshError::Sync`] where it broke the rules of a session; [`MeshError::Folder`].
pub fn exchange(mesh: &mut Mesh, link: &mut dyn Link, peering: &Peering<'_>) -> Result<Exchanged, MeshError> {
    let done = run(mesh, link, peering);
    if let Err(error) = &done {
        // The other side may be gone already.
        let _ = link.send(&frame(7, error.code().as_bytes()));
    }
    done
}

fn run(mesh: &mut Mesh, link: &mut dyn Link, peering: &Peering<'_>) -> Result<Exchanged, MeshError> {
    let member = greet(mesh, link, peering)?;
    let proven: BTreeSet<PublicKey> = mesh.replica.graph().proofs().map(|proof| *proof.author()).collect();
    let (seed, _) = peering.seed.split_first_chunk::<16>().ok_or(MeshError::Frame { what: "seed" })?;
    let mut session = Session::new(peering.role, *seed);
    let synced = sync(mesh, link, peering.role, &mut session);
    mesh.save()?;
    let heard = synced?;
    let exchange: &Exchange = session.exchange();
    let mut out = Exchanged {
        merge: Merge::of(exchange, mesh.replica(), merge_policy()),
        outcome: session.outcome(),
        member,
        files_received: 0,
        files_sent: 0,
        refused: Vec::new(),
        report: Report::new(),
    };
    out.report.checked(format!("{} ops that came, by their rules", out.merge.received));
    for proof in mesh.replica.graph().proofs().filter(|proof| !proven.contains(proof.author())) {
        out.report.find(author_forked(proof));
    }
    if out.outcome == Some(Outcome::Different) {
        out.report.find(Finding::new(Code::ReplicaBehind, "session").found("the peer counts other ops"));
    }
    swap_files(mesh, link, heard, &mut out)?;
    Ok(out)
}

fn receive(link: &mut dyn Link) -> Result<Frame, MeshError> {
    match Frame::parse(link.receive()?)? {
        Frame::Bye(code) if !code.is_empty() => Err(MeshError::Gone { code }),
        other => Ok(other),
    }
}

/// Each side says which graph it means and, over a wire, shows that it is a member.
fn greet(mesh: &Mesh, link: &mut dyn Link, peering: &Peering<'_>) -> Result<Option<PublicKey>, MeshError> {
    let (_, nonce) = peering.seed.split_last_chunk::<32>().ok_or(MeshError::Frame { what: "seed" })?;
    let graph = *mesh.replica().graph().name().as_bytes();
    let own = Hello { graph, nonce: *nonce, member: peering.key.map(SigningIdentity::public) };
    link.send(&own.to_bytes())?;
    let Frame::Hello(hello) = receive(link)? else { return Err(MeshError::Frame { what: "hello" }) };
    if hello.graph != graph {
        return Err(MeshError::OtherGraph);
    }
    let Some(key) = peering.key else { return Ok(None) };
    let message = |first: &[u8; 32], second: &[u8; 32]| [SIGNED, &graph, first, second].concat();
    // A nonce of one's own that comes back would let the other side answer with this side's own signature.
    if hello.nonce == *nonce || hello.member == own.member {
        return Err(MeshError::NotMember);
    }
    let signature = key.sign(&message(&hello.nonce, nonce));
    link.send(&frame(1, signature.as_bytes()))?;
    let Frame::Proof(proof) = receive(link)? else { return Err(MeshError::Frame { what: "proof" }) };
    let member = hello.member.ok_or(MeshError::NotMember)?;
    let chain = mesh.replica().graph().chain();
    // Whoever was revoked is answered as well: it is to hear of it.
    let is_member = chain.membership(&member).is_some() || mesh.peers().iter().any(|peer| *peer.member() == member);
    if !is_member || member.verify(&message(nonce, &hello.nonce), &proof).is_err() {
        return Err(MeshError::NotMember);
    }
    Ok(Some(member))
}

/// Runs the session, each side speaking in turn. The side that answers has heard the other's files when it ends.
fn sync(
    mesh: &mut Mesh,
    link: &mut dyn Link,
    role: Role,
    session: &mut Session,
) -> Result<Option<Vec<Name>>, MeshError> {
    let mut speaks = role == Role::Initiator;
    for _ in 0..TURNS_MAX {
        if speaks {
            while let Some(message) = session.poll(&mesh.replica) {
                link.send(&frame(2, &message))?;
            }
            if session.outcome().is_some() {
                // The turn is this side's still: files are next.
                return Ok(None);
            }
            link.send(&frame(3, &[]))?;
        }
        speaks = true;
        loop {
            match receive(link)? {
                Frame::Session(message) => session.receive(&mut mesh.replica, &message)?,
                Frame::Turn => break,
                // The side that began has all it wants and goes on to files.
                Frame::Names(names) if role == Role::Responder => return Ok(Some(names)),
                _ => return Err(MeshError::Frame { what: "turn" }),
            }
        }
    }
    Err(MeshError::TooMany { what: "turns", limit: TURNS_MAX, found: TURNS_MAX + 1 })
}

/// Swaps the files that one side lacks: names, what is wanted, files, first one side and then the other.
fn swap_files(
    mesh: &Mesh,
    link: &mut dyn Link,
    heard: Option<Vec<Name>>,
    out: &mut Exchanged,
) -> Result<(), MeshError> {
    let own = mesh.folder.names()?;
    let mut shelf = mesh.shelf()?;
    link.send(&names(4, &own))?;
    match heard {
        None => {
            let Frame::Names(theirs) = receive(link)? else { return Err(MeshError::Frame { what: "names" }) };
            take_files(mesh, &mut shelf, link, &missing(mesh, &own, &theirs), out)?;
            give_files(mesh, link, &own, out)?;
            // Nothing was given before the other side has it on disk.
            match receive(link)? {
                Frame::Bye(_) => Ok(()),
                _ => Err(MeshError::Frame { what: "bye" }),
            }
        }
        Some(theirs) => {
            give_files(mesh, link, &own, out)?;
            take_files(mesh, &mut shelf, link, &missing(mesh, &own, &theirs), out)?;
            link.send(&frame(7, &[]))
        }
    }
}

/// What the other side has, this one lacks, and this one could believe: keys first, then heads, from the smallest log on.
fn missing(mesh: &Mesh, own: &[Name], theirs: &[Name]) -> Vec<Name> {
    let known: BTreeSet<&Name> = own.iter().collect();
    let is_pinned = |name: &Name| mesh.is_mailbox() || mesh.peers().iter().any(|peer| peer.ledger() == name.ledger());
    let wanted: BTreeSet<Name> =
        theirs.iter().filter(|name| !known.contains(name) && is_pinned(name)).copied().collect();
    wanted.into_iter().collect()
}

fn take_files(
    mesh: &Mesh,
    shelf: &mut Shelf,
    link: &mut dyn Link,
    lacks: &[Name],
    out: &mut Exchanged,
) -> Result<(), MeshError> {
    link.send(&names(5, lacks))?;
    let mut awaited: BTreeSet<Name> = lacks.iter().copied().collect();
    loop {
        match receive(link)? {
            Frame::File(name, bytes) if awaited.remove(&name) => {
                if bytes.len() > FILE_MAX {
                    return Err(MeshError::Frame { what: "file" });
                }
                match mesh.take_file(shelf, &name, &bytes) {
                    Ok(fork) => {
                        out.files_received += 1;
                        fork.into_iter().for_each(|fork| out.report.find(fork));
                    }
                    Err(Unkept::Forked(fork)) => {
                        out.refused.push(Refused { file: name.to_string(), code: "fork" });
                        out.report.find(fork);
                    }
                    Err(Unkept::Refused(code)) => out.refuse(&name, code),
                    Err(Unkept::Here(error)) => return Err(error),
                }
            }
            Frame::Turn => return Ok(()),
            _ => return Err(MeshError::Frame { what: "file" }),
        }
    }
}

fn give_files(mesh: &Mesh, link: &mut dyn Link, own: &[Name], out: &mut Exchanged) -> Result<(), MeshError> {
    let Frame::Want(wanted) = receive(link)? else { return Err(MeshError::Frame { what: "want" }) };
    let own: BTreeSet<&Name> = own.iter().collect();
    let wanted: BTreeSet<&Name> = wanted.iter().filter(|name| own.contains(name)).collect();
    for name in wanted {
        let text = name.to_string();
        if let Some(bytes) = mesh.folder.read(&text, FILE_MAX)? {
            link.send(&[&[6], text.as_bytes(), b"\n", &bytes].concat())?;
            out.files_sent += 1;
        }
    }
    link.send(&frame(3, &[]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use vm_core::key::SigningIdentity;

    use super::*;

    #[test]
    fn frames_read_back_and_no_cut_does() {
        let member = Some(SigningIdentity::from_seed(&[1; 32]).public());
        for member in [member, None] {
            let hello = Hello { graph: [1; 32], nonce: [2; 32], member }.to_bytes();
            let Ok(Frame::Hello(read)) = Frame::parse(hello.clone()) else { panic!("a hello") };
            assert_eq!((read.graph, read.nonce, read.member), ([1; 32], [2; 32], member));
            for cut in 0..hello.len() {
                assert!(Frame::parse(hello[..cut].to_vec()).is_err(), "{cut}");
            }
            assert!(Frame::parse([&hello[..], &[0]].concat()).is_err());
        }
        let (ledger, hash) = ("01".repeat(32), "ab".repeat(32));
        let name = Name::parse(&format!("rows/{ledger}/{hash}.jsonl")).unwrap();
        let Ok(Frame::Want(read)) = Frame::parse(names(5, &[name])) else { panic!("names") };
        assert_eq!(read, [name]);
        let Ok(Frame::File(read, bytes)) = Frame::parse([&[6], name.to_string().as_bytes(), b"\nx\n"].concat()) else {
            panic!("a file")
        };
        assert_eq!((read, bytes.as_slice()), (name, &b"x\n"[..]));
        let outside = [&[6][..], b"../../keys\n"].concat();
        assert!(matches!(Frame::parse(outside), Err(MeshError::Frame { what: "file" })));
        assert!(Frame::parse(names(4, &vec![name; FILES_MAX + 1])).is_err());
        let Ok(Frame::Bye(code)) = Frame::parse(frame(7, b"mesh-busy\x1b[31m")) else { panic!("a bye") };
        assert_eq!(code, "mesh-busym");
    }

    /// A link that goes before the other side is told that its file is on disk.
    struct Gone {
        link: super::super::link::LocalLink,
        fails: bool,
        has_file: bool,
    }

    impl Link for Gone {
        fn send(&mut self, frame: &[u8]) -> Result<(), MeshError> {
            self.link.send(frame)
        }

        fn receive(&mut self) -> Result<Vec<u8>, MeshError> {
            let frame = self.link.receive()?;
            self.has_file |= frame.first() == Some(&6);
            let goes = self.fails && self.has_file && frame == [3];
            if goes { Err(MeshError::Link(std::io::ErrorKind::StorageFull.into())) } else { Ok(frame) }
        }
    }

    #[test]
    fn what_the_other_side_could_not_keep_is_no_success() {
        let key = SigningIdentity::from_seed(&[1; 32]).public();
        let ledger = vm_core::id::LedgerId::from_genesis(vm_core::digest::LeafHash::from_bytes([1; 32]));
        let charter = vm_crdt::Charter::new(ledger, vec![key], vec![key], 1).unwrap();
        for fails in [false, true] {
            let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
            let [mut one, mut other] =
                dirs.each_ref().map(|dir| Mesh::create(dir.path(), &charter, std::time::Duration::ZERO).unwrap());
            one.folder.write(&format!("rows/{ledger}/{}.jsonl", "ab".repeat(32)), b"anything").unwrap();
            let (mut here, link) = super::super::link::pair();
            let peering = |role, seed| Peering { role, key: None, seed: [seed; 48] };
            let done = std::thread::scope(|scope| {
                scope.spawn(move || {
                    let mut there = Gone { link, fails, has_file: false };
                    let _ = exchange(&mut other, &mut there, &peering(Role::Responder, 2));
                });
                exchange(&mut one, &mut here, &peering(Role::Initiator, 1))
            });
            assert_eq!(done.is_err(), fails, "{done:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_comes_is_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 0_u8..9) {
            let _ = Frame::parse([&[kind], &bytes[..]].concat());
        }
    }
}
