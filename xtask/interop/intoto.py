"""in-toto-attestation: the statement in a DSSE envelope, by the types of the framework itself."""

import base64
import hashlib
import json

from google.protobuf import json_format
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement

from common import Refused, read, refusing, run


def verify(envelope, file):
    """A statement of version 1 about this file. Who signed it is for another client."""
    payload = base64.b64decode(json.loads(read(envelope))["payload"], validate=True)
    with refusing(ValueError, json_format.ParseError):
        statement = Statement.copy_from_pb(json_format.Parse(payload, statement_pb2.Statement()))
        statement.validate()
    (subject,) = statement.pb.subject
    if subject.digest["sha256"] != hashlib.sha256(read(file)).hexdigest():
        raise Refused("the statement is about another file")
    members = ", ".join(sorted(statement.pb.predicate))
    return f"{statement.pb.predicate_type} with {members}"


run(verify)
