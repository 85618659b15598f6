"""The report page in a headless browser: it asks no network, its second check answers, and an altered byte is noticed.

  VAULTMESH_REPORT=report.html python3 -m unittest discover -s vaultmesh/tests/browser

VAULTMESH_REPORT names a page of a whole seal, VAULTMESH_REPORT_BLIND one of a blind export. VAULTMESH_BUNDLES names a
folder of exports as JSON, each with the answer that the second check must give: {"bundle": base64, "key": text or null,
"browser": {"verdict": ..., "findings": [codes]}}, the verdict "refused" without findings where it refuses the file.
It needs Python 3.9, Chromium and chromedriver, and nothing else.
"""
import base64
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

REPORT, BLIND = os.environ.get("VAULTMESH_REPORT"), os.environ.get("VAULTMESH_REPORT_BLIND")
BUNDLES = os.environ.get("VAULTMESH_BUNDLES")
ARGUMENTS = ("--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
             "--disable-component-update --disable-sync --disable-default-apps --disable-dev-shm-usage").split()
# What a whole seal leaves open here: the page checks no signature of a time stamp.
OPEN = {"no-trust-root", "seal-unanchored"}
DEEPER = {"row-altered", "root-mismatch", "seal-altered", "incomplete"}


class Browser:
    """Chromium by chromedriver, over WebDriver."""

    def __init__(self, folder):
        self.driver = None
        driver = shutil.which("chromedriver")
        if driver is None:
            raise AssertionError("a report is named, and there is no chromedriver to read it with")
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        self.driver = subprocess.Popen([driver, "--port=0"], **pipes)
        self.base = "http://127.0.0.1:%s" % self.port()
        options = {"args": [*ARGUMENTS, "--user-data-dir=" + folder]}
        binary = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        options.update({"binary": binary} if binary else {})
        wanted = {"browserName": "chrome", "goog:chromeOptions": options,
                  "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        self.session = ""
        self.session = "/session/" + self.ask("/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]

    def port(self):
        for line in self.driver.stdout:
            found = re.search(r"started successfully on port (\d+)", line)
            if found:
                return found[1]
        raise AssertionError("chromedriver did not start")

    def ask(self, path, body=None, method=None):
        data = None if body is None else json.dumps(body).encode()
        url, headers = self.base + self.session + path, {"Content-Type": "application/json"}
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=50) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as fault:
            raise AssertionError("%s: %s" % (path, fault.read().decode()[:600])) from None

    def run(self, script, *words):
        return self.ask("/execute/sync", {"script": script, "args": list(words)})

    def wait_for(self, script, *words):
        """The value of a promise."""
        text = "const [words, done] = arguments; (async () => {%s})().then(done, (fault) => done('' + fault))" % script
        return self.ask("/execute/async", {"script": text, "args": [list(words)]})

    def command(self, name, **options):
        return self.ask("/goog/cdp/execute", {"cmd": name, "params": options})

    def log(self, kind):
        return self.ask("/se/log", {"type": kind})

    def open(self, path):
        """Loads a page, with what was logged before it forgotten."""
        self.log("browser"), self.log("performance")
        self.ask("/url", {"url": pathlib.Path(path).resolve().as_uri()})
        self.until("return document.documentElement.dataset.ready === 'true'")

    def until(self, script, *words):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            found = self.run(script, *words)
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError("not within 30 seconds: " + script)

    def close(self):
        try:
            if self.session:
                self.ask("", method="DELETE")
        finally:
            self.driver.terminate()
            self.driver.wait(10)
            self.driver.stdout.close()


def setUpModule():
    global browser
    if not (REPORT or BLIND or BUNDLES):
        raise unittest.SkipTest("VAULTMESH_REPORT names no page to read")
    holder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    unittest.addModuleCleanup(holder.cleanup)
    browser = Browser(holder.name)
    unittest.addModuleCleanup(browser.close)


class Page(unittest.TestCase):
    """What the tests of a page share: each begins with the page anew, and ends with a quiet console."""

    path = REPORT

    def setUp(self):
        if not self.path:
            self.skipTest("the environment names no such page")
        browser.open(self.path)

    def tearDown(self):
        if self.path:
            told = [one["message"] for one in browser.log("browser") if one["level"] in ("SEVERE", "WARNING")]
            self.assertEqual(told, [])

    def second(self):
        """Verdict and codes of the second check."""
        data = browser.run("return {...document.getElementById('second').dataset}")
        return data["verdict"], set(data["codes"].split())

    def text(self, name):
        return browser.run("return document.getElementById(arguments[0]).innerText", name)

    def set(self, name, value):
        browser.run("const [name, value] = arguments; const node = document.getElementById(name);"
                    "node[node.type === 'checkbox' ? 'checked' : 'value'] = value", name, value)

    def press(self, name):
        """Presses a button, and waits for the check that follows."""
        browser.run("document.getElementById('second').dataset.verdict = 'none';"
                    "document.getElementById(arguments[0]).click()", name)
        browser.until("return document.getElementById('second').dataset.verdict !== 'none'")
        return self.second()

    def alter(self, entry="row", rehash=False, byte=""):
        self.set("alter-entry", entry), self.set("alter-byte", byte), self.set("rehash", rehash)
        return self.press("alter")


class Whole(Page):
    def test_no_request(self):
        loaded = browser.run("return performance.getEntriesByType('resource').map((entry) => entry.name)")
        self.assertEqual(loaded, [])
        events = [json.loads(one["message"])["message"] for one in browser.log("performance")]
        asked = {one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"}
        self.assertEqual({url for url in asked if not url.startswith("file:")}, set())
        self.assertLessEqual(len(asked), 1)

    def test_policy(self):
        text = pathlib.Path(self.path).read_text(encoding="utf-8")
        policy = browser.run("return document.querySelector('meta[http-equiv]').content")
        self.assertTrue(policy.startswith("default-src 'none';"), policy)
        self.assertNotIn("unsafe", policy)
        markup = re.sub(r"(?s)<(script|style)\b.*?</\1>", "", text)
        self.assertEqual(re.findall(r"(?i)\son[a-z]+=|\sstyle=|\ssrc=|<link|<iframe|<img", markup), [])
        style = browser.run("return document.querySelector('style').textContent")
        self.assertEqual(re.findall(r"(?i)@import|url\(", style), [])
        found = browser.wait_for("""
            const seen = [];
            document.addEventListener('securitypolicyviolation', (event) => seen.push(event.effectiveDirective));
            const script = document.createElement('script');
            script.textContent = 'window.foreign = true';
            document.body.append(script);
            document.body.insertAdjacentHTML('beforeend', '<p id="styled" style="color: red">x</p>');
            const fetched = await fetch('http://127.0.0.1:9/').then(() => 'fetched', () => 'refused');
            await new Promise((resolve) => setTimeout(resolve, 100));
            return [window.foreign === true, fetched, seen.sort()]""")
        self.assertEqual(found[:2], [False, "refused"])
        self.assertLessEqual({"script-src-elem", "style-src-attr", "connect-src"}, set(found[2]))
        # What was tried here is told in the console.
        browser.log("browser")

    def test_without_javascript(self):
        text = pathlib.Path(self.path).read_text(encoding="utf-8")
        self.assertRegex(text, r"(?s)<noscript>.*nothing was checked.*</noscript>")

    def test_answers(self):
        answer = browser.run("return JSON.parse(document.getElementById('data').textContent).answer.verdict")
        self.assertEqual(browser.run("return document.getElementById('verdict').dataset.verdict"), answer)
        verdict, codes = self.second()
        self.assertEqual(verdict, "undecided")
        self.assertLessEqual(codes, OPEN)
        self.assertIn("undecided", self.text("second"))
        self.assertIn("agree", self.text("agreement"))
        shown = browser.run("const own = document.querySelectorAll('#findings [data-by~=browser]');"
                            "return [...own].map((one) => one.dataset.code)")
        self.assertEqual(set(shown), codes)
        self.assertGreater(browser.run("return document.querySelectorAll('#checks li').length"), 6)

    def test_pictures(self):
        for name in ("trail", "timeline", "gaps"):
            label = browser.run("return document.querySelector(`#${arguments[0]} svg`).ariaLabel", name)
            self.assertTrue(label, name)
        marks = browser.run("return document.querySelectorAll('#timeline .mark').length")
        self.assertTrue(1 <= marks <= 500, marks)
        first = self.text("row-words")
        browser.run("document.getElementById('row-after').click()")
        self.assertNotEqual(self.text("row-words"), first)
        browser.run("document.getElementById('row-before').click()")
        self.assertEqual(self.text("row-words"), first)
        steps = browser.run("return document.getElementById('path').children.length")
        root = browser.run("const codes = [...document.querySelectorAll('#path code')];"
                           "return codes.slice(-2).map((one) => one.textContent)")
        if steps > 2:
            self.assertTrue(root[1].startswith(root[0].rstrip("…")), root)
        self.assertIn("of the log", self.text("coverage"))

    def test_a_byte_that_is_altered(self):
        before = self.second()
        self.assertEqual(self.alter(), ("contradicted", {"artifact-altered"}))
        self.assertIn("artifact-altered", self.text("alter-answer"))
        self.assertTrue(browser.run("return !document.getElementById('altered-banner').hidden"))
        self.assertEqual(self.press("restore"), before)
        self.assertEqual(self.text("alter-answer"), "")

    def test_a_byte_that_is_altered_with_its_sums(self):
        before = self.second()
        verdict, codes = self.alter(rehash=True)
        self.assertEqual(verdict, "contradicted")
        self.assertTrue(codes & DEEPER, codes)
        self.assertNotIn("artifact-altered", codes)
        self.assertIn("✗", self.text("second"))
        self.assertEqual(self.press("restore"), before)
        self.assertTrue(browser.run("return document.getElementById('restore').disabled"))

    def test_every_entry(self):
        """No entry can change unnoticed by the sums; with them made anew, none that is signed."""
        entries = browser.run("return [...document.getElementById('alter-entry').options].map((one) => one.value)")
        self.assertLessEqual({"row", "manifest.json", "VERIFY.txt", "proofs.jsonl"}, set(entries))
        before = self.second()
        for entry in entries:
            self.assertEqual(self.alter(entry), ("contradicted", {"artifact-altered"}), entry)
            found = self.alter(entry, rehash=True)
            if entry in ("VERIFY.txt", "verify.py", "trust.toml"):
                self.assertEqual(found, before, entry)
                self.assertIn("nobody signs", self.text("alter-answer"))
            elif not entry.startswith("anchors/"):
                self.assertIn(found[0], ("contradicted", "refused"), entry)
        self.assertEqual(self.press("restore"), before)

    def test_another_key(self):
        before, own = self.second(), browser.run("return document.getElementById('key').value")
        name = "vaultmesh/" + "ab" * 32
        key = b"\1" + bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
        mark = hashlib.sha256(name.encode() + b"\n" + key).hexdigest()[:8]
        self.set("key", "%s+%s+%s" % (name, mark, base64.b64encode(key).decode()))
        verdict, codes = self.press("key-check")
        self.assertEqual((verdict, "seal-altered" in codes), ("contradicted", True))
        self.set("key", own[:-2])
        self.assertEqual(self.press("key-check")[0], "refused")
        self.set("key", "")
        self.assertIn("no-trust-key", self.press("key-check")[1])
        self.assertEqual(self.press("key-reset"), before)

    def test_widths(self):
        """Nothing stands beyond the edge, on a telephone or a wide screen, light or dark."""
        for width, scheme in ((360, "light"), (360, "dark"), (800, "light"), (1400, "dark")):
            size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
            browser.command("Emulation.setDeviceMetricsOverride", **size)
            browser.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            browser.open(self.path)
            self.assertLessEqual(browser.run("return document.documentElement.scrollWidth"), width)
        browser.command("Emulation.clearDeviceMetricsOverride")

    def test_a_browser_without_signatures(self):
        """What it cannot check is undecided, and no pass."""
        found = browser.wait_for("""
            const data = JSON.parse(document.getElementById('data').textContent);
            const bytes = Uint8Array.from(atob(data.bundle), (letter) => letter.charCodeAt(0));
            const real = crypto.subtle.importKey;
            SubtleCrypto.prototype.importKey = () => Promise.reject(new DOMException('none', 'NotSupportedError'));
            ed25519 = null;
            const {verdict, findings} = await checkExport(bytes, data.key);
            SubtleCrypto.prototype.importKey = real;
            ed25519 = null;
            return [verdict, findings.map((one) => one.code)]""")
        self.assertEqual(found[0], "undecided")
        self.assertIn("evidence-unreadable", found[1])


class Blind(Page):
    path = BLIND

    def test_answers(self):
        verdict, codes = self.second()
        self.assertEqual(verdict, "undecided")
        self.assertLessEqual(codes, OPEN)
        self.assertIn("blind", self.text("gaps-words"))
        self.assertIn("blind", self.text("coverage"))
        self.assertEqual(browser.run("return document.querySelectorAll('#gaps svg').length"), 0)
        self.assertEqual(browser.run("return document.querySelectorAll('#trail svg').length"), 1)

    def test_a_byte_that_is_altered(self):
        before = self.second()
        name = browser.run("return [...document.getElementById('alter-entry').options].map((one) => one.value)"
                           ".find((one) => one.endsWith('.complete.json'))")
        self.assertEqual(self.alter(name), ("contradicted", {"artifact-altered"}))
        self.assertIn("incomplete", self.alter(name, rehash=True)[1])
        self.assertEqual(self.press("restore"), before)


class Bundles(unittest.TestCase):
    def test_the_answers_that_are_due(self):
        if not BUNDLES:
            self.skipTest("VAULTMESH_BUNDLES names no folder")
        self.assertTrue(REPORT or BLIND, "a page is needed to run its check in")
        paths = sorted(pathlib.Path(BUNDLES).glob("*.json"))
        self.assertTrue(paths, "%s holds no export" % BUNDLES)
        browser.open(REPORT or BLIND)
        wrong = []
        for begin in range(0, len(paths), 16):
            some = [json.loads(path.read_text()) for path in paths[begin:begin + 16]]
            found = browser.wait_for("""
                const answers = [];
                for (const [bundle, key] of words[0]) {
                  const bytes = Uint8Array.from(atob(bundle), (letter) => letter.charCodeAt(0));
                  const refused = {verdict: 'refused', findings: []};
                  const {verdict, findings} = await checkExport(bytes, key).catch(() => refused);
                  answers.push([verdict, [...new Set(findings.map((one) => one.code))].sort()]);
                }
                return answers""", [[one["bundle"], one["key"]] for one in some])
            self.assertIsInstance(found, list, found)
            for path, one, answer in zip(paths[begin:], some, found):
                due = [one["browser"]["verdict"], sorted(set(one["browser"]["findings"]))]
                wrong += [] if answer == due else ["%s: %s where %s is due" % (path.name, answer, due)]
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    unittest.main()
