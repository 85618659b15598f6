"""What the tests share: the verifier as a module, and one answer of it."""
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


def contradicts(codes):
    return codes is not None and any(code in verify.CONTRADICTED for code in codes)
