"""rfc3161-client: time stamps over a file."""

from cryptography.x509 import load_pem_x509_certificate
from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

from common import read, refusing, run


def response(token):
    """A response around the token, which is what this client reads: status granted (RFC 3161, section 2.4.2)."""
    body = bytes.fromhex("3003020100") + token
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    length = size if len(body) < 128 else bytes([0x80 | len(size)]) + size
    return b"\x30" + length + body


def verify(token, file, root):
    """A token over this file, by an authority under this root."""
    verifier = VerifierBuilder().add_root_certificate(load_pem_x509_certificate(read(root))).build()
    with refusing(ValueError, VerificationError):
        stamp = decode_timestamp_response(response(read(token)))
        verifier.verify_message(stamp, read(file))
    return f"stamped at {stamp.tst_info.gen_time.isoformat()}"


run(verify)
