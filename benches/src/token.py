"""Times rfc3161-client on one response: prints the median nanoseconds of a call.

Arguments: response, root certificate and what was stamped, in hexadecimal; rounds; shortest seconds of a round.
"""

import hashlib
import statistics
import sys
import time

from cryptography import x509
from rfc3161_client import VerifierBuilder, decode_timestamp_response

response, root, stamped = (bytes.fromhex(word) for word in sys.argv[1:4])
rounds, window = int(sys.argv[4]), float(sys.argv[5])
verifier = VerifierBuilder().add_root_certificate(x509.load_der_x509_certificate(root)).build()
digest = hashlib.sha256(stamped).digest()


def once():
    return verifier.verify(decode_timestamp_response(response), digest)


assert once() is True
times = []
for _ in range(rounds):
    calls, start = 0, time.perf_counter_ns()
    while calls == 0 or time.perf_counter_ns() - start < window * 1e9:
        once()
        calls += 1
    times.append((time.perf_counter_ns() - start) / calls)
print(statistics.median(times))
