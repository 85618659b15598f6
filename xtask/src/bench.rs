//! The table of ratios.

use crate::error::Failure;
use crate::run::{self, cargo};
use crate::tree::Tree;

/// `cargo xtask bench [ARGUMENT...]`: builds the ratios program in release and hands it the arguments.
///
/// The build's own chatter is left to standard error, so that `--json` gives nothing but the rows on standard output.
pub(crate) fn run(tree: &Tree, arguments: &[String]) -> Result<(), Failure> {
    let mut command =
        cargo(tree.root(), &["run", "--quiet", "--release", "--package", "vaultmesh-benches", "--bin", "ratios", "--"]);
    command.args(arguments);
    run::run(command)
}
