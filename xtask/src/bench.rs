//! The table of ratios.

use crate::error::Failure;
use crate::run::{self, cargo};
use crate::tree::Tree;

/// `cargo xtask bench [ARGUMENT...]`: builds the ratios program in release and hands it the arguments. `bench peers [ARGUMENT...]` does the same with
/// the table of replication, which stands outside the workspace for what its peers bring along.
///
/// The build's own chatter is left to standard error, so that `--json` gives nothing but the rows on standard output.
pub(crate) fn run(tree: &Tree, arguments: &[String]) -> Result<(), Failure> {
    let release = ["run", "--quiet", "--release"];
    let command = match arguments {
        [peers, rest @ ..] if peers == "peers" => {
            let mut command = cargo(&tree.root().join("benches/peers"), &release);
            command.args(["--locked", "--"]).args(rest);
            command
        }
        all => {
            let mut command = cargo(tree.root(), &release);
            command.args(["--package", "vaultmesh-benches", "--bin", "ratios", "--"]).args(all);
            command
        }
    };
    run::run(command)
}
