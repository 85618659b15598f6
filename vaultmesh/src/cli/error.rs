//! What a command can fail with, beyond what the vault can.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use thiserror::Error;
use vaultmesh::error::{EXIT_MACHINE, EXIT_USAGE, VaultError};
use vaultmesh::mcp::ProxyError;

use crate::render::Failure;

/// A command that failed.
#[derive(Debug, Error)]
pub(super) enum CliError {
    /// The vault refused or failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// An argument of the wrong shape.
    #[error("{argument}")]
    Argument {
        /// The argument's name.
        argument: &'static str,
        /// What is wrong with it.
        #[source]
        source: Box<VaultError>,
    },
    /// Rows stand although the command failed later.
    #[error("{recorded} rows before it were recorded and stand")]
    Partly {
        /// Number of rows.
        recorded: u64,
        /// What went wrong then.
        #[source]
        source: Box<VaultError>,
    },
    /// A proxy that could not go on.
    #[error(transparent)]
    Proxy(#[from] ProxyError<VaultError>),
    /// The platform's folders are unknown.
    #[error("no home folder is known, so there is no default place")]
    NoHome {
        /// Option that names the place.
        option: &'static str,
    },
    /// A file would be overwritten.
    #[error("{} exists", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Nothing was asked.
    #[error("{what}")]
    Usage {
        /// What is missing or too much.
        what: String,
    },
    /// Results could not be written.
    #[error("results could not be written")]
    Output(#[source] io::Error),
}

impl CliError {
    /// An argument of the wrong shape.
    pub(super) fn argument(argument: &'static str, source: impl Into<VaultError>) -> Self {
        Self::Argument { argument, source: Box::new(source.into()) }
    }

    /// A file given by the caller that cannot be used.
    pub(super) fn file(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Vault(VaultError::File { path: path.into(), source })
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Vault(error) => error.code(),
            Self::Argument { source, .. } | Self::Partly { source, .. } => source.code(),
            Self::Proxy(ProxyError::Record { source, .. } | ProxyError::Finish(source)) => source.code(),
            Self::Proxy(error) => error.code(),
            Self::NoHome { .. } => "no-home",
            Self::Exists { .. } => "file-exists",
            Self::Usage { .. } => "usage",
            Self::Output(_) => "output",
        }
    }

    fn exit_code(&self) -> u8 {
        match self {
            Self::Vault(error) => error.exit_code(),
            Self::Argument { source, .. } | Self::Partly { source, .. } => source.exit_code(),
            Self::NoHome { .. } | Self::Exists { .. } | Self::Usage { .. } => EXIT_USAGE,
            // A server that is not there was named wrongly; all else happens when rows stand already.
            Self::Proxy(ProxyError::Spawn(source)) if source.kind() == io::ErrorKind::NotFound => EXIT_USAGE,
            Self::Proxy(_) | Self::Output(_) => EXIT_MACHINE,
        }
    }

    fn remedy(&self) -> String {
        match self {
            Self::Vault(error) => error.remedy().to_owned(),
            Self::Argument { source, .. } => source.remedy().to_owned(),
            Self::Partly { source, .. } => {
                format!(
                    "{} Then go on after the rows that stand, or run it again with idempotency keys.",
                    source.remedy()
                )
            }
            Self::Proxy(ProxyError::Spawn(_)) => "Check the command after --.".to_owned(),
            Self::Proxy(ProxyError::Record { source, .. } | ProxyError::Finish(source)) => {
                format!("{} Frames that were forwarded are on record.", source.remedy())
            }
            Self::Proxy(_) => "Start it again; frames that were forwarded are on record.".to_owned(),
            Self::NoHome { option } => format!("Name the place with {option}."),
            Self::Exists { .. } => "Choose another name, or move the file away.".to_owned(),
            Self::Usage { .. } => "See the command's --help.".to_owned(),
            Self::Output(_) => "Look at where stdout goes; what was recorded stands.".to_owned(),
        }
    }

    /// The failure as it is reported: the message with its causes, none twice.
    pub(super) fn into_failure(self) -> Failure {
        let findings = match &self {
            Self::Vault(VaultError::ScrollUnsound { report, .. } | VaultError::AnchorRefused { report }) => {
                report.findings().to_vec()
            }
            _ => Vec::new(),
        };
        let (code, remedy, exit_code) = (self.code().to_owned(), self.remedy(), self.exit_code());
        Failure { code, message: chain(&self), remedy, exit_code, findings }
    }
}

/// An error's text and those of its causes, in one line each joined by colons.
pub(super) fn chain(error: &dyn Error) -> String {
    let (mut parts, mut last): (Vec<String>, String) = (Vec::new(), String::new());
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string().trim().to_owned();
        // Causes repeat what they were made from, often with an error number of a library's own in front.
        if parts.is_empty() || !(last.ends_with(&text) || text.ends_with(&last)) {
            parts.push(text.clone());
        }
        last = text;
        next = error.source();
    }
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_once() {
        let inner = VaultError::Input { reason: "unknown member \"x\"".to_owned() };
        let error = CliError::Vault(VaultError::Line { line: 7, source: Box::new(inner) });
        let failure = error.into_failure();
        assert_eq!(failure.message, "line 7: input: unknown member \"x\"");
        assert_eq!((failure.code.as_str(), failure.exit_code), ("input", EXIT_USAGE));

        let cause = io::Error::other(io::Error::other("Error code 13: database or disk is full"));
        assert_eq!(
            chain(&CliError::Output(cause)),
            "results could not be written: Error code 13: database or disk is full"
        );
    }
}
