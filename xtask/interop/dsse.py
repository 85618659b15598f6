"""securesystemslib: DSSE envelopes with an in-toto statement."""

import hashlib
import json

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib import dsse, exceptions
from securesystemslib.signer import SSlibKey

from common import Refused, read, refusing, run


def verify(envelope, file, pem, keyid):
    """An envelope under this key whose statement is about this file."""
    key = SSlibKey.from_crypto(load_pem_public_key(read(pem)), keyid=keyid)
    with refusing(ValueError, KeyError, exceptions.VerificationError, exceptions.FormatError):
        parsed = dsse.Envelope.from_dict(json.loads(read(envelope)))
        parsed.verify([key], 1)
    if parsed.payload_type != "application/vnd.in-toto+json":
        raise Refused(f"payload of type {parsed.payload_type}")
    statement = json.loads(parsed.payload)
    if statement["_type"] != "https://in-toto.io/Statement/v1":
        raise Refused(f"statement of type {statement['_type']}")
    (subject,) = statement["subject"]
    if subject["digest"]["sha256"] != hashlib.sha256(read(file)).hexdigest():
        raise Refused("the statement is about another file")
    return f"{statement['predicateType']} about {len(statement['subject'])} file"


run(verify)
