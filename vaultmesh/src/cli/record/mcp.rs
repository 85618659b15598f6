//! `record mcp`: MCP traffic, from a capture or as it crosses a proxy.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::PoisonError;

use clap::Args;
use serde::Serialize;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use vaultmesh::error::VaultError;
use vaultmesh::mcp::{Capture, ProxyError, Stop, Stopper, proxy, stops};
use vaultmesh::subjects::SubjectName;
use vaultmesh::vault::{CaptureOptions, CaptureRecorded, McpRecorder};
use vm_core::id::{RowId, TraceId};
use vm_core::record::{LogEntry, McpKind, StoredRow};
use vm_core::view::{EvidenceView as _, RowState, StoredEntry, Visit};

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::fields::Noticed;
use crate::cli::input::Lines;
use crate::render::{Human, Output, Page, Style};

/// Most calls without answer that are listed one by one: more than a person reads.
const CALLS_MAX: usize = 1_000;

const EXAMPLES: &str = "\
Examples:
  vaultmesh record mcp --jsonl capture.jsonl
  vaultmesh record mcp -- npx some-mcp-server --its-own-option

A line of a capture: {\"d\":\"c2s\",\"m\":\"{\\\"jsonrpc\\\":\\\"2.0\\\",...}\\n\"}, where d is c2s or s2c and m the exact frame.
As a proxy, stdin and stdout belong to the traffic and results go to stderr. A frame is on record before it is
forwarded; one that cannot be recorded is not forwarded, and the server is stopped. On SIGINT, SIGTERM and SIGHUP the
server is ended, calls that are open are recorded as unanswered, and the exit code is the server's.";

/// Record MCP traffic: a capture, or a server's as it happens
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Mcp {
    /// Record this capture, or stdin for -
    #[arg(long, value_name = "CAPTURE", required_unless_present = "server", conflicts_with = "server")]
    jsonl: Option<PathBuf>,
    /// Trace of frames that carry none of their own [default: a new one]
    #[arg(long, value_name = "ID")]
    trace: Option<TraceId>,
    /// Key under which a retry makes no second row
    #[arg(long, value_name = "KEY", conflicts_with = "server")]
    idempotency_key: Option<String>,
    /// Whose values these are; what opens their commitments is kept under a key of that subject, which `erase` destroys
    #[arg(long, value_name = "NAME")]
    data_subject: Option<SubjectName>,
    /// Server to run and record, with its arguments
    #[arg(last = true, value_name = "CMD")]
    server: Vec<OsString>,
}

#[derive(Serialize)]
struct Traffic {
    connection: TraceId,
    trace: TraceId,
    frames: u64,
    rows: u64,
    replayed: u64,
    unanswered: u64,
    /// The calls that got no answer, as many as are listed.
    calls: Vec<Call>,
    /// Exit code of the server, where one was run.
    #[serde(skip_serializing_if = "Option::is_none")]
    server_exit: Option<i32>,
    /// Frames that were recorded and whose receiver had gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    undelivered: Option<u64>,
}

/// A call that got no answer.
#[derive(Serialize)]
struct Call {
    row: RowId,
    /// Row of the request.
    request: Option<RowId>,
    direction: Option<String>,
    /// JSON-RPC id, as it was kept.
    rpc_id: Option<String>,
    method: Option<String>,
}

impl Call {
    fn of(entry: &LogEntry, row: &StoredRow) -> Self {
        let text = |name: &str| row.text(name).map(str::to_owned);
        Self {
            row: entry.row_id,
            request: row.row_ref("answers_id").ok().flatten(),
            direction: text("direction"),
            rpc_id: text("rpc_id"),
            method: text("method"),
        }
    }
}

impl Mcp {
    pub(super) fn is_proxy(&self) -> bool {
        !self.server.is_empty()
    }

    pub(super) fn run(self, context: &Context) -> Result<Output, CliError> {
        let options = CaptureOptions { idempotency_key: self.idempotency_key, trace_id: self.trace };
        match (&self.jsonl, self.server.split_first()) {
            (Some(path), _) => record_capture(context, path, &options, self.data_subject),
            (None, Some((program, arguments))) => {
                let mut command = Command::new(program);
                command.args(arguments);
                record_live(context, command, &options, self.data_subject)
            }
            (None, None) => Err(CliError::Usage { what: "a capture or a server's command is missing".to_owned() }),
        }
    }
}

/// Records a capture. A file is read twice: nothing of it is recorded if a line is malformed.
fn record_capture(
    context: &Context,
    path: &Path,
    options: &CaptureOptions,
    subject: Option<SubjectName>,
) -> Result<Output, CliError> {
    let mut lines = Lines::open(path)?;
    if lines.can_rewind() {
        for frame in Capture::new(lines.reader()) {
            frame.map_err(VaultError::Capture)?;
        }
        lines.rewind().map_err(|source| CliError::file(path, source))?;
    }
    let mut vault = context.open()?;
    vault.set_subject(subject);
    let from = size(context)?;
    let recorded = vault.record_capture(lines.reader(), options);
    drop(vault);
    let recorded = recorded.or_else(|source| match size(context)?.saturating_sub(from) {
        0 => Err(CliError::Vault(source)),
        stand => Err(CliError::Partly { recorded: stand, source: Box::new(source) }),
    })?;
    traffic(context, from, recorded, None)
}

/// Runs a server between our stdin and stdout.
fn record_live(
    context: &Context,
    command: Command,
    options: &CaptureOptions,
    subject: Option<SubjectName>,
) -> Result<Output, CliError> {
    let mut vault = context.open()?;
    vault.set_subject(subject);
    let (recorder, told) = McpRecorder::new(vault, options);
    let from = size(context)?;
    let (stopper, stops) = stops();
    let signals = listen(stopper)?;
    let outcome = proxy::run_until(command, io::stdin(), io::stdout(), recorder, stops);
    signals.close();
    let outcome = outcome?;
    let recorded = told.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let told = traffic(context, from, recorded, Some(outcome))?;
    // Told to end, we are to whoever told us what the server would have been.
    Ok(match outcome.stopped() {
        Some(_) => told.exiting(u8::try_from(outcome.exit_code()).unwrap_or(u8::MAX)),
        None => told,
    })
}

/// Passes signals that would end this process on to the proxy, which ends in order.
fn listen(stopper: Stopper) -> Result<signal_hook::iterator::Handle, CliError> {
    let fault = |source| CliError::Proxy(ProxyError::Spawn(source));
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(fault)?;
    let handle = signals.handle();
    let pass = move || {
        for signal in signals.forever() {
            stopper.stop(match signal {
                SIGINT => Stop::Interrupt,
                SIGHUP => Stop::HangUp,
                _ => Stop::Terminate,
            });
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(pass).map_err(fault)?;
    Ok(handle)
}

fn size(context: &Context) -> Result<u64, CliError> {
    Ok(context.reader()?.view().size().map_err(VaultError::View)?)
}

/// The calls of `connection` without answer, recorded at place `from` or later.
fn unanswered(context: &Context, from: u64, connection: TraceId) -> Result<Vec<Call>, CliError> {
    let reader = context.reader()?;
    let mut calls = Vec::new();
    let visit = &mut |entry, state| {
        if let (StoredEntry::Entry(entry), RowState::Present(row)) = (entry, state)
            && row.text("kind") == Some(McpKind::NoAnswer.as_str())
            && row.blob("connection") == Some(connection.as_bytes())
        {
            calls.push(Call::of(&entry, &row));
        }
        Ok(if calls.len() < CALLS_MAX { Visit::Continue } else { Visit::Stop })
    };
    let size = reader.view().size().map_err(VaultError::View)?;
    reader.view().visit_log(from, size, visit).map_err(VaultError::View)?;
    Ok(calls)
}

fn traffic(
    context: &Context,
    from: u64,
    recorded: CaptureRecorded,
    outcome: Option<proxy::Outcome>,
) -> Result<Output, CliError> {
    let CaptureRecorded { connection, trace, frames, rows, unanswered: silent, replayed, findings } = recorded;
    // Rows of an earlier try lie before this one began.
    let from = if replayed > 0 { 0 } else { from };
    let calls = if silent > 0 { unanswered(context, from, connection)? } else { Vec::new() };
    let mut noticed = Noticed::default();
    noticed.add(&findings);
    let server_exit = outcome.as_ref().map(proxy::Outcome::exit_code);
    let undelivered = outcome.as_ref().map(proxy::Outcome::undelivered);
    let told =
        Traffic { connection, trace, frames, rows, replayed, unanswered: silent, calls, server_exit, undelivered };
    Ok(Output::done(told).listing("calls").noticing(noticed.findings, noticed.dropped))
}

impl Human for Traffic {
    fn human(&self, page: &mut Page) {
        page.write(Style::Strong, "recorded");
        page.line(&format!(" {} frames in {} rows", self.frames, self.rows));
        page.field("connection", self.connection);
        page.field("trace", self.trace);
        page.field("unanswered", format!("{} calls", self.unanswered));
        for call in &self.calls {
            let words = [&call.direction, &call.method, &call.rpc_id].map(|word| word.as_deref().unwrap_or("-"));
            page.field("", format!("{} (row {})", words.join(" "), call.row));
        }
        if self.replayed > 0 {
            page.field("before", format!("{} rows", self.replayed));
        }
        page.field_if("server exit", self.server_exit);
        if let Some(lost) = self.undelivered.filter(|lost| *lost > 0) {
            page.field("undelivered", format!("{lost} frames"));
        }
    }
}
