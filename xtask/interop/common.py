"""What the drivers share: one command a call, an answer in one line, and an exit code that tells three things apart.

0: the client accepts. 1: the client refuses. 2: the client did not get that far, which shows nothing.
"""

import contextlib
import pathlib
import sys
import traceback


class Refused(Exception):
    """The client refuses what it was given."""


@contextlib.contextmanager
def refusing(*kinds):
    """Within it, exceptions of these kinds are the client's refusal; all others are faults."""
    try:
        yield
    except kinds as error:
        raise Refused(f"{type(error).__name__}: {error}") from error


def read(path):
    return pathlib.Path(path).read_bytes()


def run(*commands):
    """Runs the command that the first argument names."""
    try:
        name, *arguments = sys.argv[1:]
        (command,) = [command for command in commands if command.__name__ == name]
        answer = command(*arguments)
    except Refused as refusal:
        print("refused:", " ".join(str(refusal).split()))
        sys.exit(1)
    except Exception:
        traceback.print_exc()
        sys.exit(2)
    print("accepted:", answer)
