//! `demo`: the main job on real traffic, and what tampering looks like.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use vaultmesh::demo::{self, Step};
use vm_core::verdict::Verdict;

use super::context::Context;
use super::error::CliError;
use crate::render::{Format, Human, Output, Page, Style};

/// Folder below the current one where the demo runs unless told otherwise.
const FOLDER: &str = "vaultmesh-demo";

const EXAMPLES: &str = "\
Examples:
  vaultmesh demo
  vaultmesh demo /tmp/demo";

/// Run the main job on recorded MCP traffic, then tamper with copies and see it named
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Demo {
    /// Folder for it, absent or empty; it stays for you to try things [default: vaultmesh-demo]
    dir: Option<PathBuf>,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Shown(demo::Demo);

impl Demo {
    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let dir = self.dir.unwrap_or_else(|| PathBuf::from(FOLDER));
        let human = context.format == Format::Human;
        let done = demo::run(&dir, &mut |step| {
            if human {
                tell(step);
            }
        })?;
        let promised = done.is_as_promised();
        let output = Output::done(Shown(done));
        Ok(if promised { output } else { output.failing(Verdict::Contradicted) })
    }
}

/// Shows a step as soon as it is done. Steps that cannot be shown are done all the same.
fn tell(step: &Step) {
    let mut page = Page::new(crate::render::may_paint(&std::io::stdout()));
    page.heading(&step.did);
    page.line(&format!("  {}", step.result));
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(page.text().as_bytes()).and_then(|()| out.flush());
}

impl Human for Shown {
    fn human(&self, page: &mut Page) {
        let demo = &self.0;
        for copy in &demo.tamperings {
            page.heading(&format!("on a copy: {}", copy.did));
            let style = if copy.verdict == Verdict::Contradicted { Style::Bad } else { Style::Unsure };
            page.write(Style::Plain, "  ");
            page.write(style, &copy.verdict.to_string());
            page.line(&format!(" (exit {}): {}", copy.exit_code, copy.named.unwrap_or("not named")));
        }
        page.end();
        if demo.is_as_promised() {
            page.line("The vault verifies, and each tampering is named. Try next:");
            // Whoever came here through cargo has no such command on the path yet.
            if let Some(name) = std::env::args().next().filter(|name| name != "vaultmesh") {
                page.line(&format!("  alias vaultmesh={}", name.escape_default()));
            }
        } else {
            page.write(Style::Bad, "The demo did not end as it must.");
            page.end();
        }
        for command in &demo.next {
            page.line(&format!("  {command}"));
        }
    }
}
