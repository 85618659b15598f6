//! Hands a file to the oracle of one target, as a fuzzer would: `cargo run -p vaultmesh-oracles --example replay -- TARGET
//! FILE...`.

use std::process::ExitCode;

use vaultmesh_oracles::TARGETS;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((target, files)) = arguments.split_first() else {
        eprintln!("usage: replay TARGET FILE...");
        return ExitCode::from(2);
    };
    let Some((_, oracle)) = TARGETS.iter().find(|(name, _)| name == target) else {
        let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        eprintln!("no target `{target}`; there are {}", names.join(", "));
        return ExitCode::from(2);
    };
    for file in files {
        match std::fs::read(file) {
            Ok(bytes) => oracle(&bytes),
            Err(error) => {
                eprintln!("cannot read {file}: {error}");
                return ExitCode::FAILURE;
            }
        }
        println!("{file}: holds");
    }
    ExitCode::SUCCESS
}
