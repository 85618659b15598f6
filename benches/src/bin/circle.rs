//! Prints how the critical loop is spread: `circle [--rows N] [--rounds N]`.

use std::process::ExitCode;

use vaultmesh_benches::circle;

const USAGE: &str = "usage: circle [--rows N] [--rounds N]";

fn main() -> ExitCode {
    let (rows, rounds) = match parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(fault) => {
            eprintln!("circle: {fault}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match circle::measure(rows, rounds) {
        Ok(circle) => {
            println!("{circle}");
            ExitCode::SUCCESS
        }
        Err(fault) => {
            let cause = std::error::Error::source(&fault).map(|cause| format!(": {cause}")).unwrap_or_default();
            eprintln!("circle: {fault}{cause}");
            ExitCode::FAILURE
        }
    }
}

/// Rows and rounds; those of the table where nothing is said.
fn parse(mut arguments: impl Iterator<Item = String>) -> Result<(usize, usize), String> {
    let (mut rows, mut rounds) = circle::FULL;
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let text = arguments.next().ok_or_else(|| format!("`{argument}` lacks its number"))?;
            text.parse::<usize>().map_err(|_| format!("`{text}` is no number"))
        };
        match argument.as_str() {
            "--rows" => rows = number()?,
            "--rounds" => rounds = number()?,
            other => return Err(format!("unknown argument `{other}`")),
        }
    }
    if rounds == 0 { Err("no round is no measure".to_owned()) } else { Ok((rows, rounds)) }
}
