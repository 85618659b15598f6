//! Is this all that was written between these two places, with none left out?
//!
//! The owner of a log hands over a run of its lines, a proof of a few hashes and a signed checkpoint. Whoever has pinned
//! the log's key sees that these are the lines, in this order, with nothing between them. The same proof over one more
//! line on each side shows what stands next to the run. A second proof is of a few lines picked from all over.
//!
//! ```text
//! cargo run -p vaultmesh-examples --example prove_none_left_out
//! ```

use std::error::Error;

use vm_core::digest::LeafHash;
use vm_core::key::{Note, NoteKey, SigningIdentity};
use vm_seal::checkpoint::{Checkpoint, VerifiedCheckpoint};
use vm_seal::merkle::{LeafIndex, LeafRun, Tree, prove_multi, prove_range};
use vm_seal::proof::{StoredMultiProof, StoredRangeProof};

const ORIGIN: &str = "example.com/door";

/// The owner's side: a log of lines, and its key.
struct Log {
    lines: Vec<String>,
    tree: Tree,
    signer: SigningIdentity,
}

/// What the owner hands over, as bytes and texts.
struct Handed {
    lines: Vec<String>,
    proof: Vec<u8>,
    checkpoint: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    let log = Log::write(1_000, SigningIdentity::from_seed(&seed));
    let pinned = NoteKey::new(ORIGIN, log.signer.public())?;

    let handed = log.hand_over_run(400, 420)?;
    println!("the owner hands over {} lines and {} bytes of proof", handed.lines.len(), handed.proof.len());
    println!("{}", check_run(&handed, &pinned)?);
    let mut thinned = handed.lines.clone();
    thinned.remove(7);
    match check_run(&Handed { lines: thinned, ..handed }, &pinned) {
        Ok(_) => return Err("a run with a line left out passed".into()),
        Err(refusal) => println!("with one line left out: {refusal}"),
    }

    let handed = log.hand_over_some(&[3, 417, 998])?;
    println!("{}", check_some(&handed, &pinned)?);
    Ok(())
}

impl Log {
    fn write(count: usize, signer: SigningIdentity) -> Self {
        let lines: Vec<String> = (0..count).map(|number| format!("door opened, number {number}")).collect();
        let mut tree = Tree::new();
        tree.extend(lines.iter().map(|line| LeafHash::of(line.as_bytes())));
        Self { lines, tree, signer }
    }

    fn checkpoint(&self) -> Result<String, Box<dyn Error>> {
        Ok(Checkpoint::new(ORIGIN, self.tree.size(), self.tree.root())?.sign(&self.signer)?.to_string())
    }

    fn hand_over_run(&self, begin: usize, end: usize) -> Result<Handed, Box<dyn Error>> {
        let (size, run) = (self.tree.size(), LeafRun::new(index(begin)?, index(end)?)?);
        let proof = StoredRangeProof::new(run, size, prove_range(&self.tree, run, size)?)?.to_bytes()?;
        let lines = self.lines.get(begin..end).ok_or("no such lines")?.to_vec();
        Ok(Handed { lines, proof, checkpoint: self.checkpoint()? })
    }

    fn hand_over_some(&self, places: &[usize]) -> Result<Handed, Box<dyn Error>> {
        let size = self.tree.size();
        let indices = places.iter().map(|place| index(*place)).collect::<Result<Vec<_>, _>>()?;
        let proof = prove_multi(&self.tree, &indices, size)?;
        let proof = StoredMultiProof::new(indices, size, proof)?.to_bytes()?;
        let lines = places.iter().filter_map(|place| self.lines.get(*place)).cloned().collect();
        Ok(Handed { lines, proof, checkpoint: self.checkpoint()? })
    }
}

/// The auditor's side: what the checkpoint signs, if this key signed it.
fn signed(handed: &Handed, pinned: &NoteKey) -> Result<VerifiedCheckpoint, Box<dyn Error>> {
    Ok(Checkpoint::verify(&Note::parse(handed.checkpoint.as_bytes())?, pinned)?)
}

/// The auditor's side, for a run.
fn check_run(handed: &Handed, pinned: &NoteKey) -> Result<String, Box<dyn Error>> {
    let (signed, proof) = (signed(handed, pinned)?, StoredRangeProof::parse(&handed.proof)?);
    let leaves = handed.lines.iter().map(|line| LeafHash::of(line.as_bytes()));
    let run = proof.verify(leaves, signed.size(), signed.root())?.run();
    Ok(format!("these are the lines {run} of {}, all of them", signed.size()))
}

/// The auditor's side, for lines from all over.
fn check_some(handed: &Handed, pinned: &NoteKey) -> Result<String, Box<dyn Error>> {
    let (signed, proof) = (signed(handed, pinned)?, StoredMultiProof::parse(&handed.proof)?);
    let leaves: Vec<LeafHash> = handed.lines.iter().map(|line| LeafHash::of(line.as_bytes())).collect();
    let verified = proof.verify(&leaves, signed.size(), signed.root())?;
    let places: Vec<String> = verified.leaves().iter().map(|(index, _)| index.to_string()).collect();
    Ok(format!("these are the lines {} of {}", places.join(", "), signed.size()))
}

fn index(place: usize) -> Result<LeafIndex, std::num::TryFromIntError> {
    u64::try_from(place).map(LeafIndex::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Check = fn(&Handed, &NoteKey) -> Result<String, Box<dyn Error>>;

    #[test]
    fn whatever_is_left_out_added_or_changed_is_seen() {
        let log = Log::write(20, SigningIdentity::from_seed(&[7; 32]));
        let pinned = NoteKey::new(ORIGIN, log.signer.public()).unwrap();
        let handed: [(Handed, Check); 2] =
            [(log.hand_over_run(3, 9).unwrap(), check_run), (log.hand_over_some(&[0, 7, 8, 19]).unwrap(), check_some)];
        for (handed, check) in handed {
            check(&handed, &pinned).unwrap();
            let with = |lines: Vec<String>| {
                let other = Handed { lines, proof: handed.proof.clone(), checkpoint: handed.checkpoint.clone() };
                check(&other, &pinned).is_err()
            };
            for at in 0..handed.lines.len() {
                let mut lines = handed.lines.clone();
                lines[at].push('!');
                assert!(with(lines.clone()), "changed {at}");
                lines.remove(at);
                assert!(with(lines.clone()), "left out {at}");
                lines.insert(at, handed.lines[at].clone());
                lines.insert(at, handed.lines[at].clone());
                assert!(with(lines), "doubled {at}");
            }
            let stranger = NoteKey::new(ORIGIN, SigningIdentity::from_seed(&[8; 32]).public()).unwrap();
            check(&handed, &stranger).unwrap_err();
        }
    }
}
