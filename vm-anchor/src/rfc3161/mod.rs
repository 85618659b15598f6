//! RFC 3161 time stamps, updated by RFC 5816: request, response, token, and the checks that make a token evidence.
//!
//! A token is a CMS `SignedData` (RFC 5652) over a `TSTInfo`. Everything that is signed is read as strict DER and
//! hashed as it stands; the bag of certificates, which nobody signs, may be in any order. A token that came as BER is
//! judged as the DER it stands for, and is reported.

mod algorithm;
pub(crate) mod asn1;
mod ber;
mod cache;
mod certificate;
#[cfg(feature = "authority")]
pub(crate) use certificate::SignerCertificate;
pub(crate) use certificate::check_validity;
mod chain;
mod checks;
mod imprint;
pub(crate) mod oid;
mod request;
mod response;
mod revocation;
mod signature;
mod token;
pub(crate) mod tsp;
mod tst_info;

pub use cache::{CHAINS_MAX, ChainCache};
pub use chain::verify_path;
pub use checks::{Check, FUTURE_SKEW_MICROS_MAX, Legacy, Stamped};
pub use imprint::{HashAlgorithm, Imprint};
pub use oid::Oid;
pub use request::{NONCE_BYTES_MAX, REQUEST_BYTES_MAX, Request};
pub use response::{PkiStatus, RESPONSE_BYTES_MAX, Response};
pub(crate) use revocation::reads_as_list;
pub use revocation::{CRL_BYTES_MAX, CRLS_MAX, Revocation};
pub use token::{ATTRIBUTES_MAX, CERTIFICATES_MAX, DIGEST_ALGORITHMS_MAX, SIGNERS_MAX, TOKEN_BYTES_MAX, Token};
pub use tst_info::{Accuracy, Serial, TstInfo};

#[cfg(feature = "authority")]
pub(crate) use request::{ReceivedRequest, message_imprint};
