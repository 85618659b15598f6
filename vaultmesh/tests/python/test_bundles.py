"""The kept bundles: each gets the answer that stands inside it."""
import base64
import json
import unittest

from common import HERE, answer

FOLDER = HERE.parent / "vectors" / "bundles"


class Bundles(unittest.TestCase):
    def test_each(self):
        names = sorted(FOLDER.glob("*.json"))
        self.assertGreaterEqual(sum(not name.stem.startswith("good") for name in names), 60)
        for name in names:
            vector = json.loads(name.read_text())
            found = answer(base64.b64decode(vector["bundle"]), vector["key"], vector["ca"].encode() or None)
            with self.subTest(name=name.stem, fault=vector["fault"]):
                self.assertEqual(found, None if vector["verdict"] == "refused" else set(vector["findings"]))


if __name__ == "__main__":
    unittest.main()
