"""What the tests of docs/verify.py share: the verifier as a module, and one answer of it.

All of them run by `python3 -m unittest discover -s vaultmesh/tests/python`, against target/release/vaultmesh or what
VAULTMESH_BIN names.
"""
import functools
import importlib.util
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
VERIFIER = HERE.parents[2] / "docs" / "verify.py"


def load():
    spec = importlib.util.spec_from_file_location("verify", VERIFIER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # The same notes are checked thousands of times here.
    checked = functools.lru_cache(None)(lambda files, command: module.uncached(dict(files), command))
    module.uncached, module.openssl = module.openssl, lambda files, command: checked(tuple(files.items()), command)
    return module


verify = load()


def answer(data, key=None, roots=None):
    """The set of codes; None where the input is no export."""
    report = verify.Report()
    try:
        verify.check_export(data, verify.read_key(key) if key else None, roots, report)
    except verify.Open as gap:
        report.find(gap.args[0], "export", gap.args[1])
    except Exception:
        return None
    return {finding["code"] for finding in report}
