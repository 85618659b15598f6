/**
 * The second check of a seal's export: a third reading of docs/spec, after the verifier in Rust and docs/verify.py.
 *
 * Pages it rests on: export.md, seal-bundle.md, selection.md, row-leaf.md, index.md, completeness.md, range-proof.md,
 * checkpoint.md, trust.md, coverage.md, canonical-json.md, verdicts.md. It touches neither document nor network.
 *
 *   checkExport(bytes, key) -> {verdict, findings, checks, ...}
 *
 * It throws a Fault where the input is no export of a seal, or no key: on what is malformed there is no answer to give.
 *
 * Signatures of time-stamp tokens are not checked: whatever else holds, the answer says no-trust-root.
 */
'use strict';

const CONTRADICTED = new Set(
  (
    'artifact-altered seal-altered row-altered row-inserted root-mismatch checkpoint-invalid ' +
    'genesis-invalid anchor-invalid incomplete coverage-altered'
  ).split(' '),
);
const FIRST = ['manifest.json', 'VERIFY.txt', 'verify.py', 'trust.toml', 'rows.jsonl', 'proofs.jsonl', 'coverage.json'];
const LAST = 'SHA256SUMS';
const SCHEMAS = [1, 2, 3];
const KINDS = ['tool_invocations', 'mcp_calls', 'proof_artifacts', 'shadow_receipts'];
const TERMS = {
  tool_invocations: 'intent_id',
  mcp_calls: 'answers_id',
  proof_artifacts: 'subject_id',
  shadow_receipts: 'horizon_id',
};

// Members and their types, as `shape` reads them.
const COMMON =
  'id:id ts:time trace_id:id meta_json:text? corrects_id:blob? corrects_leaf:blob? capability_hash:blob? ' +
  'policy_hash:blob? ';
const COLUMNS = {
  tool_invocations:
    'tool:text phase:text status:text? input_json:text? output_json:text? intent_id:blob? duration_us:int?',
  mcp_calls:
    'connection:blob ordinal:int? direction:text kind:text rpc_id:text? method:text? answers_id:blob? ' +
    'frame_len:int? frame_sha256:blob? frame_commitment:blob? body_json:text?',
  proof_artifacts: 'kind:text path:text? size:int sha256_hex:text blake3_hex:text? subject_id:blob?',
  shadow_receipts:
    'horizon_id:text counterfactual_hash:blob entropy_delta:real reason:text observer_key:blob ' +
    'observer_signature:blob',
};
const SEAL =
  'as_of:count bounds canonicalization:=rfc8785 checkpoint:text digest digest_algo:=sha256 format inputs ' +
  'leaves:count schema_last_migration:text schema_version:count scrolls:list seal_id:uuid sealed_at:time selection ' +
  'set_root:hash signer:text statement:text';

/** Input that is malformed, or contradicts itself. */
class Fault extends Error {}

/** Something that could not be checked: the code of a finding, and why. */
class Gap extends Error {
  constructor(code, why) {
    super(why);
    this.code = code;
  }
}

function need(condition, why) {
  if (!condition) throw new Fault(why);
}

/** What was found, and what held. */
class Report {
  constructor() {
    this.findings = [];
    this.checks = [];
  }

  find(code, subject, found) {
    const severity = CONTRADICTED.has(code) ? 'contradicted' : 'undecided';
    this.findings.push({code, severity, subject, found: String(found)});
  }

  /** Whether the condition holds; a finding where it does not. */
  expect(condition, code, subject, found) {
    if (!condition) this.find(code, subject, found);
    return Boolean(condition);
  }

  held(sentence) {
    this.checks.push(sentence);
  }

  /** What the action returns; undefined and a finding where it fails. An error of this program is no finding. */
  async attempt(code, subject, action) {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof Fault) && !(error instanceof Gap)) throw error;
      this.find(error instanceof Gap ? error.code : code, subject, error.message);
      return undefined;
    }
  }

  get isContradicted() {
    return this.findings.some((finding) => finding.severity === 'contradicted');
  }

  get verdict() {
    return this.isContradicted ? 'contradicted' : this.findings.length ? 'undecided' : 'verified';
  }
}

// Bytes

function utf8(text) {
  return new TextEncoder().encode(text);
}

function decoded(bytes) {
  try {
    return new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(bytes);
  } catch {
    throw new Fault('no UTF-8');
  }
}

const HEX = Array.from({length: 256}, (_, byte) => byte.toString(16).padStart(2, '0'));

function hex(bytes) {
  let text = '';
  for (const byte of bytes) text += HEX[byte];
  return text;
}

function fromHex(text) {
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = parseInt(text.slice(2 * at, 2 * at + 2), 16);
  return bytes;
}

function fromBase64(text) {
  let data = null;
  try {
    data = atob(text);
  } catch {
    throw new Fault('malformed base64');
  }
  need(btoa(data) === text, 'malformed base64');
  return bytesOf(data);
}

/** The bytes that a text of letters up to U+00FF stands for. */
function bytesOf(letters) {
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = letters.charCodeAt(at);
  return bytes;
}

function sameBytes(one, other) {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

function joined(parts) {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Where a run of bytes begins in others; -1 where it does not. */
function placeOf(wanted, bytes) {
  for (let at = bytes.indexOf(wanted[0]); at >= 0; at = bytes.indexOf(wanted[0], at + 1)) {
    if (wanted.every((byte, step) => byte === bytes[at + step])) return at;
  }
  return -1;
}

/** Order of texts by their code points, which is that of their bytes in UTF-8. */
function byCodePoint(one, other) {
  const [left, right] = [Array.from(one), Array.from(other)];
  for (let at = 0; at < Math.min(left.length, right.length); at += 1) {
    const step = left[at].codePointAt(0) - right[at].codePointAt(0);
    if (step) return step;
  }
  return left.length - right.length;
}

const ROUND_KEYS = new Int32Array([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
  0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
  0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
  0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
  0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
  0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
  0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
  0xc67178f2,
]);
const SCHEDULE = new Int32Array(64);

/** SHA-256 (FIPS 180-4) of the parts in a row. That of WebCrypto gives a promise for each node, which is too slow. */
function sha256(...parts) {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const block = new Uint8Array(Math.ceil((length + 9) / 64) * 64);
  let at = 0;
  for (const part of parts) {
    block.set(part, at);
    at += part.length;
  }
  block[length] = 0x80;
  const view = new DataView(block.buffer);
  view.setUint32(block.length - 8, Math.floor(length / 2 ** 29));
  view.setUint32(block.length - 4, (length << 3) >>> 0);
  const state = new Int32Array([
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
  ]);
  for (let begin = 0; begin < block.length; begin += 64) compress(state, view, begin);
  const digest = new Uint8Array(32);
  state.forEach((word, place) => new DataView(digest.buffer).setInt32(4 * place, word));
  return digest;
}

function compress(state, view, begin) {
  const words = SCHEDULE;
  for (let at = 0; at < 16; at += 1) words[at] = view.getInt32(begin + 4 * at);
  for (let at = 16; at < 64; at += 1) {
    const [low, high] = [words[at - 15], words[at - 2]];
    const first = ((low >>> 7) | (low << 25)) ^ ((low >>> 18) | (low << 14)) ^ (low >>> 3);
    const second = ((high >>> 17) | (high << 15)) ^ ((high >>> 19) | (high << 13)) ^ (high >>> 10);
    words[at] = (words[at - 16] + first + words[at - 7] + second) | 0;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let at = 0; at < 64; at += 1) {
    const one = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const sum = (h + one + ((e & f) ^ (~e & g)) + ROUND_KEYS[at] + words[at]) | 0;
    const two = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const majority = (a & b) ^ (a & c) ^ (b & c);
    h = g;
    g = f;
    f = e;
    e = (d + sum) | 0;
    d = c;
    c = b;
    b = a;
    a = (sum + two + majority) | 0;
  }
  [a, b, c, d, e, f, g, h].forEach((word, at) => {
    state[at] += word;
  });
}

const CRC_TABLE = Uint32Array.from({length: 256}, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (let at = 0; at < bytes.length; at += 1) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ bytes[at]) & 255];
  return (crc ^ 0xffffffff) >>> 0;
}

// Canonical JSON (canonical-json.md), and the shapes of what is read

const LONE_SURROGATE = /[\ud800-\udfff]/u;

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The canonical text. ECMAScript's numbers and order of UTF-16 code units are what RFC 8785 asks for. */
function written(value, depth = 0) {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') {
    need(Number.isFinite(value), 'a number that is not finite');
    return String(value);
  }
  if (typeof value === 'string') {
    need(!LONE_SURROGATE.test(value), 'half a surrogate pair');
    return JSON.stringify(value);
  }
  need(depth < 128, 'nested too deep');
  if (Array.isArray(value)) return '[' + value.map((item) => written(item, depth + 1)).join(',') + ']';
  const member = (name) => written(name) + ':' + written(value[name], depth + 1);
  return '{' + Object.keys(value).sort().map(member).join(',') + '}';
}

/** A canonical object of the shape that words name, once its format is known. */
/** A canonical object of the shape that words name, once its format is known to be the one, or one of several. */
function readJson(data, limit, words, format = null) {
  need(data.length <= limit, 'longer than its format allows');
  const text = decoded(data);
  let value = null;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Fault('no JSON');
  }
  // Names that stand twice, numbers that were rounded and every other spelling do not write back to the same text.
  need(written(value) === text && isObject(value), 'no object in canonical JSON');
  if (format !== null && ![format].flat().includes(value.format)) {
    need(Object.hasOwn(value, 'format') && typeof value.format === 'string', 'no format');
    throw new Gap('format-unknown', value.format);
  }
  return shape(value, words);
}

function matching(pattern) {
  return (value) => typeof value === 'string' && pattern.test(value);
}

/** Integers as canonical JSON writes them without exponent. */
function isWhole(value) {
  return Number.isInteger(value) && Math.abs(value) < 1e21;
}

const TYPES = {
  '': () => true,
  text: (value) => typeof value === 'string',
  list: Array.isArray,
  int: isWhole,
  real: (value) => typeof value === 'number',
  count: (value) => isWhole(value) && value >= 0 && value < 2 ** 63,
  hash: matching(/^[0-9a-f]{64}$/),
  id: matching(/^[0-9a-f]{32}$/),
  blob: matching(/^([0-9a-f]{2})*$/),
  time: (value) => micros(value) !== null,
  engine: matching(/^[a-z0-9-]{1,64}$/),
  leaf81: matching(/^[0-9a-f]{162}$/),
  leaf113: matching(/^[0-9a-f]{226}$/),
  uuid: matching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
};
const SHAPES = new Map();

function typesOf(words) {
  if (!SHAPES.has(words)) {
    SHAPES.set(
      words,
      words
        .trim()
        .split(/ +/)
        .map((word) => {
          const [name, kind = ''] = word.split(':');
          const wanted = kind.startsWith('=') ? (value) => value === kind.slice(1) : TYPES[kind.replace('?', '')];
          return [name, kind.endsWith('?') ? (value) => value === null || wanted(value) : wanted];
        }),
    );
  }
  return SHAPES.get(words);
}

/** Exactly the members that are named, each of the type behind the colon: with ? or null, after = that very text. */
function shape(value, words) {
  const types = typesOf(words);
  const hasAll = isObject(value) && types.every(([name]) => Object.hasOwn(value, name));
  need(hasAll && Object.keys(value).length === types.length, 'other members than ' + words);
  for (const [name, fits] of types) need(fits(value[name]), 'malformed ' + name);
  return value;
}

/** Microseconds since 1970, as a BigInt. */
function micros(text) {
  const parts = typeof text === 'string' && /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{6})Z$/.exec(text);
  need(parts && text < '9999-12-30T22' && text >= '0001', 'malformed time');
  const [year, month, day, hour, minute, second, fraction] = parts.slice(1).map(Number);
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  need(date.toISOString().slice(0, 19) === text.slice(0, 19), 'malformed time');
  return BigInt(date.getTime()) * 1000n + BigInt(fraction);
}

function timeText(number) {
  const millis = number >= 0n ? number / 1000n : -((-number + 999n) / 1000n);
  const rest = String(number - millis * 1000n).padStart(3, '0');
  return new Date(Number(millis)).toISOString().slice(0, -1) + rest + 'Z';
}

function dashed(id) {
  return [id.slice(0, 8), id.slice(8, 12), id.slice(12, 16), id.slice(16, 20), id.slice(20)].join('-');
}

/** A count as the integer that its digits say. */
function big(number) {
  return BigInt(String(number));
}

/** A number in so many bytes of hexadecimal; beyond every key where it has more. */
function digits(number, bytes) {
  const text = number.toString(16).padStart(2 * bytes, '0');
  return text.length > 2 * bytes ? 'g' : text;
}

// Merkle trees (row-leaf.md, row-proof.md, range-proof.md); places and sizes are BigInts

const [LEAF, NODE] = [Uint8Array.of(0), Uint8Array.of(1)];

/** The largest power of two below the size. */
function half(size) {
  let power = 1n;
  while (power << 1n < size) power <<= 1n;
  return power;
}

function readHashes(value) {
  need(Array.isArray(value) && value.every(TYPES.hash), 'malformed hashes');
  return value.map(fromHex);
}

/** The root that the leaf hashes from the place begin on lead to, with the subtrees left and right of them. */
function rangeRoot(begin, size, leaves, left = [], right = []) {
  const [end, taken] = [begin + BigInt(leaves.length), {left: 0, inside: 0, right: 0}];
  need(end <= size && (begin < end || size === 0n), 'no such run');
  function subtree(low, high) {
    let found = null;
    if (high <= begin) found = left[taken.left++];
    else if (low >= end) found = right[taken.right++];
    else if (high - low === 1n) found = leaves[taken.inside++];
    else {
      const middle = low + half(high - low);
      return sha256(NODE, subtree(low, middle), subtree(middle, high));
    }
    need(found, 'too few hashes');
    return found;
  }
  const root = size ? subtree(0n, size) : sha256();
  need(taken.left === left.length && taken.right === right.length, 'too many hashes');
  return root;
}

function inclusionRoot(leaf, index, size, path) {
  need(index < size && path.length > 0 === size > 1n, 'a path that does not fit its place');
  if (size === 1n) return leaf;
  const [rest, last, middle] = [path.slice(0, -1), path.at(-1), half(size)];
  if (index < middle) return sha256(NODE, inclusionRoot(leaf, index, middle, rest), last);
  return sha256(NODE, last, inclusionRoot(leaf, index - middle, size - middle, rest));
}

// Keys and signed notes (trust.md, checkpoint.md)

const PRIME = 2n ** 255n - 19n;
const GROUP_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const EIGHTH = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;

function littleEndian(bytes) {
  return BigInt('0x' + hex(bytes.slice().reverse()));
}

/** The strict rules allow no such point; loose ones do. */
function isSmallOrder(point) {
  return [0n, 1n, PRIME - 1n, EIGHTH, PRIME - EIGHTH].includes((littleEndian(point) % 2n ** 255n) % PRIME);
}

/** Name, key hash and public key. */
function readKey(text) {
  need(matching(/^vaultmesh\/[0-9a-f]{64}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$/)(text), 'malformed key');
  const [name, hash] = text.split('+', 2);
  const key = fromBase64(text.slice(name.length + hash.length + 2));
  const isOwn = hex(sha256(utf8(name + '\n'), key).slice(0, 4)) === hash;
  need(key[0] === 1 && isOwn && !isSmallOrder(key.slice(1)), 'malformed key');
  return {text, name, hash, point: key.slice(1)};
}

async function verifies(point, signature, data) {
  try {
    const key = await crypto.subtle.importKey('raw', point, {name: 'Ed25519'}, false, ['verify']);
    return (await crypto.subtle.verify({name: 'Ed25519'}, key, signature, data)) === true;
  } catch {
    return false;
  }
}

let ed25519 = null;

/** Whether signatures can be checked here at all: a test vector of RFC 8032 holds, and not over another text. */
function hasEd25519() {
  const point = fromHex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
  const signature = fromHex(
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555f' +
      'b8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  );
  ed25519 ??= Promise.all([verifies(point, signature, utf8('')), verifies(point, signature, utf8('x'))]);
  return ed25519.then(([good, bad]) => good && !bad);
}

async function checkSignature(point, signature, text) {
  if (!(await hasEd25519())) throw new Gap('evidence-unreadable', 'this browser checks no Ed25519');
  const isStrict =
    signature.length === 64 && !isSmallOrder(signature.slice(0, 32)) && littleEndian(signature.slice(32)) < GROUP_ORDER;
  need(isStrict && (await verifies(point, signature, utf8(text))), 'a signature that does not hold');
}

/** The lines of a note's text, once the key's signature holds. */
async function readNote(note, key, most = 100) {
  const gap = note.lastIndexOf('\n\n');
  const lines = gap < 0 ? [] : note.slice(gap + 2).split('\n');
  const isEnded = gap >= 0 && lines.pop() === '' && lines.length > 0 && lines.length <= most;
  need(utf8(note).length <= 65536 && isEnded, 'malformed note');
  const signatures = lines.map((line) => {
    need(/^— [^ \t\n\r\f\v+]+ [A-Za-z0-9+/=]{8,}$/.test(line), 'malformed signature line');
    const [, name, value] = line.split(' ');
    return {name, value: fromBase64(value)};
  });
  const own = signatures.filter(({name, value}) => name === key.name && hex(value.slice(0, 4)) === key.hash);
  need(own.length, 'no signature of the key');
  const text = note.slice(0, gap);
  for (const {value} of own) await checkSignature(key.point, value.slice(4), text + '\n');
  return text.split('\n');
}

/** Size and root. */
async function readCheckpoint(note, key) {
  const lines = await readNote(note, key);
  need(lines.length === 3 && lines[0] === key.name && /^(0|[1-9][0-9]{0,19})$/.test(lines[1]), 'malformed checkpoint');
  const [size, root] = [BigInt(lines[1]), fromBase64(lines[2])];
  need(root.length === 32 && (size || sameBytes(root, sha256())), 'malformed root');
  return {size, root};
}

// Rows, selections and cards (row-leaf.md, selection.md, index.md); cards and leaf data of indexes are hexadecimal

const NOWHERE = 2n ** 64n - 1n;

function readRow(data, place = NOWHERE) {
  const value = readJson(data, 33619968, 'format row schema:count table:text', 'vm-row-v0');
  if (!SCHEMAS.includes(value.schema)) throw new Gap('format-unknown', 'schema ' + value.schema);
  need(KINDS.slice(0, value.schema >= 3 ? 4 : 3).includes(value.table), 'unknown table');
  shape(value.row, COMMON + COLUMNS[value.table]);
  return {leaf: sha256(LEAF, data), place, table: value.table, columns: value.row, path: []};
}

/** The place of a line in the log by its proof, whatever stands in it. */
function locate(data, line, {size, root}) {
  const {index, path} = readJson(line, 8192, 'index:count path');
  const found = inclusionRoot(sha256(LEAF, data), big(index), size, readHashes(path));
  need(sameBytes(found, root), 'a path to another root');
  return {place: big(index), path};
}

function cardOf(row) {
  need(row.place <= NOWHERE, 'a place beyond the log');
  const {ts, id, trace_id: trace} = row.columns;
  return (
    digits(BigInt(KINDS.indexOf(row.table) + 1), 1) +
    digits(micros(ts) + 2n ** 63n, 8) +
    id +
    trace +
    digits(row.place, 8) +
    hex(row.leaf)
  );
}

function placeOfLeaf(leaf) {
  return BigInt('0x' + leaf.slice(-80, -64));
}

/** What a card says. */
function readCard(card) {
  const ts = timeText(BigInt('0x' + card.slice(2, 18)) - 2n ** 63n);
  return {
    table: KINDS[parseInt(card.slice(0, 2), 16) - 1],
    ts,
    id: card.slice(18, 50),
    trace_id: card.slice(50, 82),
    place: Number(placeOfLeaf(card)),
    leaf: card.slice(98),
  };
}

function term(column, value) {
  return hex(sha256(utf8('vm-term-v0\n' + column + '\n' + value)));
}

function keyOf(order, leaf) {
  if (order === 'time') return leaf.slice(0, 50);
  return order === 'trace' ? leaf.slice(50, 98) : leaf.slice(0, 64) + leaf.slice(146, 162);
}

/** What an index holds of the row in the tree of that order, and in the intervals that are asked for. */
function leavesOf(row, order, asked) {
  const names = [TERMS[row.table], 'corrects_id'].filter((name) => row.columns[name] !== null);
  const terms = order === 'term' ? names.map((name) => term(name, row.columns[name])) : [''];
  const card = cardOf(row);
  return terms.map((first) => first + card).filter((leaf) => isWithin(asked, keyOf(order, leaf)));
}

/** How many of a sorted list stand before the first that is not below the key. */
function lowerBound(list, key, of = (one) => one) {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (of(list[middle]) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isWithin(asked, key) {
  const at = lowerBound(asked, key + '0', ([low]) => low);
  return at > 0 && key < asked[at - 1][1];
}

/** The order of a question, and its intervals of keys, from the first up to and without the second. */
function readQuery(query) {
  if (isObject(query) && Object.hasOwn(query, 'term')) {
    const asked = shape(shape(query, 'term').term, 'column:text value:text');
    need([...Object.values(TERMS), 'corrects_id'].includes(asked.column), 'unknown column');
    const number = BigInt('0x' + term(asked.column, asked.value));
    return {order: 'term', asked: [[digits(number << 64n, 40), digits((number + 1n) << 64n, 40)]]};
  }
  const {kinds, scope, since, trace_ids: traces, until} = readSelection(shape(query, 'selection').selection);
  if (scope === 'trace_set') {
    const numbers = traces.map((trace) => BigInt('0x' + trace.replaceAll('-', '')));
    return {order: 'trace', asked: numbers.map((one) => [digits(one << 64n, 24), digits((one + 1n) << 64n, 24)])};
  }
  const first = since ? micros(since) + 2n ** 63n : 0n;
  const last = until ? micros(until) + 2n ** 63n : 2n ** 64n;
  need(first < last, 'malformed window');
  const bounds = (table) => [first, last].map((time) => digits(((table << 64n) + time) << 128n, 25));
  return {order: 'time', asked: kinds.map((kind) => bounds(BigInt(KINDS.indexOf(kind) + 1)))};
}

function readSelection(selection) {
  shape(selection, 'kinds scope since:time? trace_ids:list until:time?');
  const {kinds, scope, since, trace_ids: traces, until} = selection;
  const ordered = Array.isArray(kinds) ? KINDS.filter((kind) => kinds.includes(kind)) : [];
  need(ordered.length && written(ordered) === written(kinds), 'malformed kinds');
  if (scope === 'trace_set') {
    need(traces.length > 0 && traces.length <= 10000 && traces.every(TYPES.uuid), 'malformed traces');
    const isRising = traces.every((trace, at) => at === 0 || traces[at - 1] < trace);
    need(isRising && since === null && until === null, 'malformed set of traces');
  } else {
    need(scope === 'time_window' && traces.length === 0, 'malformed scope');
  }
  return selection;
}

// Completeness proofs (completeness.md, index.md)

/** The rows from the index on, and the index's runs. */
function readTail(tail, {size, root}) {
  const texts = shape(tail, 'left rows:list').rows;
  const isSized = texts.length > 0 && texts.length <= 1024 && BigInt(texts.length) <= size;
  need(isSized && texts.every(TYPES.text), 'malformed tail');
  const place = size - BigInt(texts.length);
  const rows = texts.map((text, number) => readRow(utf8(text), place + BigInt(number)));
  const found = rangeRoot(
    place,
    size,
    rows.map((row) => row.leaf),
    readHashes(tail.left),
  );
  need(sameBytes(found, root), 'a tail of another log');
  const isIndex = rows[0].table === 'proof_artifacts' && rows[0].columns.kind === 'vm-index';
  need(isIndex, "no index at the tail's head");
  const index = readJson(utf8(rows[0].columns.meta_json ?? ''), 65536, 'format runs:list size:count', 'vm-index-v0');
  let end = 0;
  for (const run of index.runs) {
    shape(shape(run, 'from:count term time:hash to:count trace:hash').term, 'root:hash size:count');
    need(run.from === end && end < run.to, 'a run that does not follow');
    end = run.to;
  }
  const isOwn = index.size === end && big(end) === place;
  need(index.runs.length > 0 && index.runs.length <= 64 && isOwn, 'an index of another size than its place');
  return {rows, runs: index.runs};
}

/** That these matches stand in a run's tree side by side, between neighbours beyond the interval. */
function checkRange(part, order, run, [low, high], matches) {
  const begin = big(part.begin);
  const size = order === 'term' ? big(run.term.size) : big(run.to) - big(run.from);
  need(BigInt(matches.length) === big(part.count), `${matches.length} matches where there are ${part.count}`);
  const isOpen =
    (part.before === null) === (begin === 0n) && (part.after === null) === (begin + big(part.count) === size);
  need(isOpen, 'a neighbour left out');
  const before = part.before === null ? [] : [part.before];
  const after = part.after === null ? [] : [part.after];
  const run81 = [...before, ...matches, ...after];
  const keys = run81.map((leaf) => keyOf(order, leaf));
  need(
    keys.every((key, at) => at === 0 || keys[at - 1] < key),
    'keys that do not rise',
  );
  need(!before.length || keys[0] < low, 'a match left out before the others');
  need(!after.length || keys.at(-1) >= high, 'a match left out after the others');
  const leaves = run81.map((leaf) => sha256(LEAF, fromHex(leaf)));
  const found = rangeRoot(begin - BigInt(before.length), size, leaves, readHashes(part.left), readHashes(part.right));
  need(hex(found) === (order === 'term' ? run.term.root : run[order]), 'a range of another tree');
}

/** Checkpoint and query, the cards of all rows that match, and the runs; rows are those at hand, or null. */
async function completeness(data, key, rows) {
  const words = 'checkpoint:text entries:list? format query ranges:list tail';
  const proof = readJson(data, 2 ** 24, words, 'vm-completeness-v0');
  const {order, asked} = readQuery(proof.query);
  const {rows: tail, runs} = readTail(proof.tail, await readCheckpoint(proof.checkpoint, key));
  const given = proof.entries;
  if (given === null && rows === null) throw new Gap('evidence-unreadable', 'neither entries nor rows');
  const leafType = order === 'term' ? 'leaf113' : 'leaf81';
  need((given ?? []).every(TYPES[leafType]), 'malformed entries');
  const leaves = given ?? rows.flatMap((row) => leavesOf(row, order, asked));
  const own = leaves.map((leaf) => [keyOf(order, leaf), leaf]);
  own.sort(([one, left], [other, right]) => (one < other ? -1 : one > other ? 1 : left < right ? -1 : 1));
  need(proof.ranges.length === runs.length * asked.length, 'another number of ranges');
  const found = [];
  proof.ranges.forEach((part, number) => {
    const [run, interval] = [runs[Math.floor(number / asked.length)], asked[number % asked.length]];
    shape(part, `after:${leafType}? before:${leafType}? begin:count count:count left right`);
    const [low, high] = interval.map((bound) => lowerBound(own, bound, ([first]) => first));
    const inside = own.slice(low, high).map(([, leaf]) => leaf);
    const matches = inside.filter((leaf) => big(run.from) <= placeOfLeaf(leaf) && placeOfLeaf(leaf) < big(run.to));
    checkRange(part, order, run, interval, matches);
    matches.forEach((leaf) => found.push(leaf));
  });
  need(given === null || written(given) === written(found), 'entries that match nothing, or are out of order');
  const late = tail.flatMap((row) => leavesOf(row, order, asked));
  const cards = [...found, ...late].map((leaf) => leaf.slice(-162));
  return {checkpoint: proof.checkpoint, query: proof.query, cards, runs, ranges: proof.ranges.length};
}

// Seals (seal-bundle.md) and their anchors (anchor-rfc3161.md)

function readSeal(data) {
  const seal = readJson(data, 1048576, SEAL, 'vm-ouroboros-seal-v0');
  readQuery({selection: seal.selection});
  shape(seal.bounds, 'max_ts:time? min_ts:time?');
  shape(seal.digest, 'algorithm:=sha256 hex:hash');
  const roots = shape(seal.inputs, 'receipt_roots:list sqlite_db_path:text?').receipt_roots;
  const engines = seal.scrolls.map((scroll) => shape(scroll, 'engine:text root:hash size:count').engine);
  const isRising = engines.every((engine, at) => at === 0 || byCodePoint(engines[at - 1], engine) < 0);
  need(isRising && engines.length <= 1024, 'malformed scrolls');
  need(roots.length <= 16 && roots.every(TYPES.text), 'malformed roots');
  return seal;
}

function members(value, names) {
  return Object.fromEntries(names.map((name) => [name, value[name]]));
}

async function checkStatement(seal, signer) {
  const digested = members(seal, ['bounds', 'leaves', 'scrolls', 'selection', 'set_root']);
  const digest = hex(sha256(utf8(written({...digested, format: 'vm-seal-digest-v0'}))));
  need(digest === seal.digest.hex, 'digest ' + digest);
  const others = Object.keys(seal).filter((name) => name !== 'statement');
  const rest = hex(sha256(utf8(written(members(seal, others)))));
  const text = ['vm-seal-statement-v0', signer.name, seal.seal_id, rest];
  need(written(await readNote(seal.statement, signer, 1)) === written(text), 'a statement over another bundle');
  return true;
}

function checkSet(seal, cards) {
  const orderOf = (card) => card.slice(0, 2) + card.slice(18, 50);
  const sorted = [...cards].sort((one, other) =>
    orderOf(one) < orderOf(other) ? -1 : orderOf(one) > orderOf(other) ? 1 : 0,
  );
  need(BigInt(sorted.length) === big(seal.leaves), `${sorted.length} rows`);
  const times = sorted.map((card) => card.slice(2, 18)).sort();
  const stamp = (text) => (text === null ? undefined : digits(micros(text) + 2n ** 63n, 8));
  const {min_ts: least, max_ts: most} = seal.bounds;
  need(stamp(least) === times[0] && stamp(most) === times.at(-1), 'other bounds');
  const root = rangeRoot(
    0n,
    BigInt(sorted.length),
    sorted.map((card) => fromHex(card.slice(98))),
  );
  need(hex(root) === seal.set_root, 'another set_root');
  return true;
}

async function checkCompleteness(data, seal, signer, rows) {
  const proof = await completeness(data, signer, rows);
  const isOwn = proof.checkpoint === seal.checkpoint && written(proof.query) === written({selection: seal.selection});
  need(isOwn, 'a proof of another question');
  const kindOf = (card) => KINDS[parseInt(card.slice(0, 2), 16) - 1];
  need(proof.cards.every(kindOf), 'a card of no table');
  const cards = proof.cards.filter((card) => seal.selection.kinds.includes(kindOf(card)));
  const isSame = rows === null || written([...cards].sort()) === written(rows.map(cardOf).sort());
  need(isSame, 'other rows than were exported');
  checkSet(seal, cards);
  return {...proof, cards};
}

/** That a token holds the bundle's hash, never that it is whole or signed: so it always ends in a finding. */
async function checkAnchor(token, bundle, anchor) {
  const digests = {'SHA-256': sha256(bundle)};
  if (placeOf(digests['SHA-256'], token) < 0) {
    if (!globalThis.crypto?.subtle) throw new Gap('evidence-unreadable', 'this browser makes no SHA-512');
    for (const name of ['SHA-384', 'SHA-512']) digests[name] = new Uint8Array(await crypto.subtle.digest(name, bundle));
  }
  const imprint = Object.keys(digests).find((name) => placeOf(digests[name], token) >= 0);
  need(imprint, 'the imprint of another file');
  anchor.imprint = imprint;
  const after = token.slice(placeOf(digests[imprint], token));
  anchor.named = /\x18.(\d{14})(\.\d+)?Z/s.exec(String.fromCharCode(...after.slice(0, 256)))?.[1] ?? null;
  throw new Gap('no-trust-root', 'the signature of a token is not checked here');
}

// Coverage statements (coverage.md)

function gapOf(all) {
  const sorted = [...all].sort(byCodePoint);
  return {count: sorted.length, first: sorted.slice(0, 256)};
}

/** What is open between rows, as sets of ids; rows have table and columns. */
function openEnds(rows) {
  const of = (table) => rows.filter((row) => row.table === table).map((row) => row.columns);
  const ids = (list, name) =>
    list
      .map((row) => row[name])
      .filter(TYPES.id)
      .map(dashed);
  const [tools, calls, artifacts] = ['tool_invocations', 'mcp_calls', 'proof_artifacts'].map(of);
  const [answered, completed] = [new Set(ids(calls, 'answers_id')), new Set(ids(tools, 'intent_id'))];
  const noAnswer = calls.filter((row) => row.kind === 'no_answer');
  const requests = calls.filter((row) => row.kind === 'request');
  const intents = tools.filter((row) => row.phase === 'intent');
  const opened = artifacts.filter((row) => row.kind === 'vm-horizon-opened');
  const closed = new Set(ids(artifacts.filter((row) => row.kind === 'vm-horizon-closed'), 'subject_id'));
  return {
    no_answer: new Set(ids(noAnswer, 'answers_id')),
    open_horizons: new Set(ids(opened, 'id').filter((id) => !closed.has(id))),
    open_intents: new Set(ids(intents, 'id').filter((id) => !completed.has(id))),
    unanswered: new Set(ids(requests, 'id').filter((id) => !answered.has(id))),
  };
}

function gapsOf(rows, format) {
  const open = openEnds(rows);
  if (format === 'vm-coverage-v0') {
    // No row closed a decision then.
    const receipts = rows.filter((row) => row.table === 'shadow_receipts');
    open.open_horizons = new Set(receipts.map((row) => row.columns.horizon_id));
  }
  return Object.fromEntries(Object.entries(open).map(([gap, all]) => [gap, gapOf(all)]));
}

function observersOf(rows) {
  const counts = new Map();
  for (const {table, columns} of rows) {
    const key = columns.observer_key;
    if (table === 'shadow_receipts') counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts.keys()]
    .sort()
    .slice(0, 1024)
    .map((key) => ({key, receipts: counts.get(key)}));
}

/** The statement that seal and rows give; in a blind export rows are null and there are cards alone. */
function coverageOf(seal, rows, cards, hasProof, {claims, format}) {
  const words = ['claimed-times', 'other-rows', 'unrecorded'];
  if (!hasProof) words.push('completeness');
  if (!rows) words.push('contents');
  if (seal.scrolls.length) words.push('scroll-lines');
  const tables = cards.map((card) => parseInt(card.slice(0, 2), 16));
  const counted = KINDS.map((kind, at) => [kind, tables.filter((table) => table === at + 1).length]);
  return {
    as_of: seal.as_of,
    asked: seal.selection,
    claims,
    format,
    gaps: rows && gapsOf(rows, format),
    not_covered: words.sort(),
    observers: rows && observersOf(rows),
    rows: Object.fromEntries(counted),
    scrolls: seal.scrolls.map(({engine, size}) => ({engine, lines: size})),
  };
}

/** Whatever it claims, nothing bears it out: its shape alone is looked at. */
function readClaims(claims) {
  for (const line of shape(claims, 'log_size:count unsigned_lines:list').unsigned_lines) {
    shape(line, 'engine:engine lines:count');
  }
}

function checkCoverage(data, seal, rows, cards, hasProof) {
  const words = 'as_of asked claims format gaps not_covered observers rows scrolls';
  const value = readJson(data, 1048576, words, ['vm-coverage-v0', 'vm-coverage-v2']);
  readClaims(value.claims);
  const made = coverageOf(seal, rows, cards, hasProof, value);
  const other = Object.keys(made).find((name) => written(made[name]) !== written(value[name]));
  need(!other, `${other} is not what the seal and its rows give`);
  return value;
}

// Archives (export.md)

/** Name and content of each entry. */
function readZip(data) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let end = data.length - 22;
  while (end >= 0 && end >= data.length - 65557 && view.getUint32(end, true) !== 0x06054b50) end -= 1;
  need(end >= 0 && view.getUint32(end, true) === 0x06054b50, 'no archive');
  const [length, offset] = [view.getUint32(end + 12, true), view.getUint32(end + 16, true)];
  let at = end - length;
  const shift = at - offset;
  need(at >= 0 && shift >= 0, 'a directory beyond the file');
  const entries = new Map();
  while (at < end) {
    const entry = readEntry(data, view, at, shift);
    need(!entries.has(entry.name), 'a name that stands twice');
    entries.set(entry.name, entry.content);
    at = entry.next;
  }
  need(at === end && entries.size <= 1000000, 'a directory of another length');
  return entries;
}

const IS_PATH = /^(?!(.*\/)?\.{1,2}(\/|$))[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/;

function readEntry(data, view, at, shift) {
  const short = (place) => view.getUint16(place, true);
  const long = (place) => view.getUint32(place, true);
  need(at + 46 <= data.length && long(at) === 0x02014b50, 'no entry of a directory');
  const [nameLength, extraLength, commentLength] = [28, 30, 32].map((place) => short(at + place));
  const next = at + 46 + nameLength + extraLength + commentLength;
  need(next <= data.length, 'an entry that is cut');
  const name = decoded(data.subarray(at + 46, at + 46 + nameLength));
  need(IS_PATH.test(name), 'a name that is no path');
  need(short(at + 10) === 0 && !(short(at + 8) & 0x61), 'a compressed entry');
  const begin = at + 46 + nameLength;
  const size = sizeOf(view, long(at + 24), begin, begin + extraLength);
  const head = long(at + 42) + shift;
  need(head + 30 <= data.length && long(head) === 0x04034b50, 'an entry that is not there');
  const content = head + 30 + short(head + 26) + short(head + 28);
  const isNamed = sameBytes(data.subarray(head + 30, head + 30 + short(head + 26)), utf8(name));
  need(isNamed && content + size <= data.length, 'an entry of another name or size');
  const bytes = data.subarray(content, content + size);
  need(crc32(bytes) === long(at + 16), 'an entry of another CRC');
  return {name, content: bytes, next};
}

/** The size of an entry, which stands in the first extra field where it is not in its place. */
function sizeOf(view, size, begin, end) {
  if (size !== 0xffffffff) return size;
  const isThere = begin + 12 <= end && view.getUint16(begin, true) === 1 && view.getUint16(begin + 2, true) >= 8;
  need(isThere, 'an entry without a size');
  return Number(view.getBigUint64(begin + 4, true));
}

/** The one archive that holds these entries. */
function packed(entries) {
  const names = FIRST.filter((name) => entries.has(name));
  const others = [...entries.keys()].filter((name) => !FIRST.includes(name) && name !== LAST);
  const files = [];
  const directory = [];
  let offset = 0;
  for (const name of [...names, ...others.sort(), LAST]) {
    const data = entries.get(name);
    const head = headers(name, data, offset);
    files.push(head.local, data);
    directory.push(head.central);
    offset += head.local.length + data.length;
  }
  const length = directory.reduce((sum, part) => sum + part.length, 0);
  need(entries.size < 65536 && offset < 2 ** 32, 'an archive that is too large');
  const end = littleEndians(
    [0x06054b50, 4],
    [0, 4],
    [entries.size, 2],
    [entries.size, 2],
    [length, 4],
    [offset, 4],
    [0, 2],
  );
  return joined([...files, ...directory, end]);
}

function headers(name, data, offset) {
  const common = littleEndians(
    [45, 2],
    [0, 2],
    [0, 2],
    [0, 2],
    [33, 2],
    [crc32(data), 4],
    [0xffffffff, 4],
    [0xffffffff, 4],
    [name.length, 2],
    [20, 2],
  );
  const extra = joined([utf8(name), littleEndians([1, 2], [16, 2], [data.length, 8], [data.length, 8])]);
  const attributes = littleEndians([0, 2], [0, 2], [0, 2], [0o100644 * 65536, 4], [offset, 4]);
  return {
    local: joined([littleEndians([0x04034b50, 4]), common, extra]),
    central: joined([littleEndians([0x02014b50, 4], [45, 1], [3, 1]), common, attributes, extra]),
  };
}

/** Numbers, each in so many bytes. */
function littleEndians(...fields) {
  const bytes = [];
  for (const [number, width] of fields) {
    for (let at = 0; at < width; at += 1) bytes.push(Math.floor(number / 256 ** at) % 256);
  }
  return Uint8Array.from(bytes);
}

/** What SHA256SUMS has to say of the other entries. */
function sumsOf(entries) {
  const names = [...entries.keys()].filter((name) => name !== LAST).sort();
  return utf8(names.map((name) => `${hex(sha256(entries.get(name)))}  ${name}\n`).join(''));
}

// Exports (export.md)

function linesOf(data) {
  const lines = [];
  let begin = 0;
  for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10, begin)) {
    lines.push(data.subarray(begin, end));
    begin = end + 1;
  }
  need(begin === data.length, 'a line that is cut');
  return lines;
}

/** The rows that the seal selects. */
async function readRows(entries, seal, {signer, isGiven}, head, report) {
  const {order, asked} = readQuery({selection: seal.selection});
  need(entries.has('rows.jsonl') && entries.has('proofs.jsonl'), 'rows without proofs, or proofs without rows');
  const [lines, proofs] = ['rows.jsonl', 'proofs.jsonl'].map((name) => linesOf(entries.get(name)));
  const [rows, seen] = [[], new Set()];
  report.expect(lines.length === proofs.length, 'root-mismatch', 'proofs.jsonl', `${proofs.length} proofs`);
  for (const [number, line] of lines.entries()) {
    const subject = `line ${number + 1} of rows.jsonl`;
    const isProven = head && number < proofs.length;
    const found =
      isProven && (await report.attempt('root-mismatch', subject, () => locate(line, proofs[number], head)));
    const row = await report.attempt('row-altered', subject, () => readRow(line));
    if (!row) continue;
    Object.assign(row, found || {}, {line: number});
    report.expect(!seen.has(row.columns.id), 'row-inserted', subject, 'exported twice');
    seen.add(row.columns.id);
    const isSelected = seal.selection.kinds.includes(row.table) && leavesOf(row, order, asked).length > 0;
    if (report.expect(isSelected, 'row-altered', subject, 'outside the selection')) rows.push(row);
    if (row.place === 0n) checkGenesis(row, {signer, isGiven}, subject, report);
  }
  report.lines = lines.length;
  return rows;
}

function checkGenesis(row, {signer, isGiven}, subject, report) {
  const isOwn = 'vaultmesh/' + hex(row.leaf) === signer.name;
  report.expect(isOwn, 'genesis-invalid', subject, 'the genesis of another ledger');
  const isKey = String(row.columns.meta_json).includes(`"log_key":"${hex(signer.point)}"`);
  // Whoever gave that very key knows that it took the place of the first.
  const isShown = report.expect(isKey || isGiven, 'key-change-unproven', subject, 'a genesis of another key');
  if (isShown && isKey && isOwn) {
    report.held(
      'The first row of the ledger is among the rows: it gives the name of the ledger, and names the key that sealed.',
    );
  }
}

/** Manifest, seal and its signer, once the archive is exactly what packing its entries makes; null after a finding. */
function openExport(data, entries, report) {
  need(entries.has(LAST), 'no ' + LAST);
  const isSummed = sameBytes(entries.get(LAST), sumsOf(entries));
  if (!report.expect(isSummed, 'artifact-altered', LAST, 'other files than were packed')) return null;
  need(entries.has('manifest.json'), 'no manifest');
  const words = 'format key:text ledger:hash scope:=seal seal_id:uuid size:count';
  const manifest = readJson(entries.get('manifest.json'), 8192, words, 'vm-export-v0');
  need(sameBytes(packed(entries), data), 'bytes that belong to no entry');
  const path = `seals/${manifest.seal_id}.json`;
  need(entries.has(path), 'no seal');
  const seal = readSeal(entries.get(path));
  const signer = readKey(seal.signer);
  const isSame =
    seal.seal_id === manifest.seal_id && seal.signer === manifest.key && signer.name === 'vaultmesh/' + manifest.ledger;
  need(isSame, 'manifest and seal differ');
  report.held(
    `All ${entries.size - 1} entries of the export have the SHA-256 that its list names, and the file holds not ` +
      'one byte beside them.',
  );
  return {manifest, path, seal, signer};
}

/** Key, schema, both signatures and scrolls; the signed head of the log, where its signature holds. */
async function checkSeal({path, seal, signer}, pinned, report, held) {
  report.expect(pinned, 'no-trust-key', path, "the key is the export's own: give the ledger's key");
  // Another key of this ledger may have taken the place of the one given; this check does not follow a history of keys.
  const code = pinned && pinned.name === signer.name ? 'key-change-unproven' : 'seal-altered';
  held.key =
    report.expect(!pinned || pinned.text === signer.text, code, path, 'signed by another key') && Boolean(pinned);
  if (held.key) report.held('The seal names the very key that this check was given.');
  const isKnown = SCHEMAS.includes(seal.schema_version);
  report.expect(isKnown, 'format-unknown', path, `schema ${seal.schema_version}`);
  held.statement = Boolean(await report.attempt('seal-altered', path, () => checkStatement(seal, signer)));
  if (held.statement) {
    report.held("The seal's digest follows from what it lists, and the signature over the whole seal holds (Ed25519).");
  }
  const head = await report.attempt('checkpoint-invalid', path, () => readCheckpoint(seal.checkpoint, signer));
  const isSized = !head || head.size === big(seal.as_of);
  held.checkpoint = report.expect(isSized, 'seal-altered', path, 'a checkpoint of another size') && Boolean(head);
  if (held.checkpoint) {
    report.held(`The signature over the log's root at ${head.size} entries holds (Ed25519).`);
  }
  for (const {engine} of seal.scrolls) {
    report.find('evidence-unreadable', 'scroll ' + engine, 'no export of a seal holds scrolls');
  }
  return head;
}

/** The rows of the seal, each with its proof. */
async function checkRows(entries, {seal, signer}, head, report, held) {
  const rows = await readRows(entries, seal, {signer, isGiven: held.key}, head, report);
  const isSet = () => checkSet(seal, rows.map(cardOf));
  held.set = Boolean(await report.attempt('seal-altered', 'rows of the seal', isSet));
  const located = rows.filter((row) => row.place !== NOWHERE).length;
  const all = `${rows.length} of ${report.lines} exported rows`;
  if (rows.length && rows.length === report.lines)
    report.held(`${all} are well formed and match what the seal asks for.`);
  if (located)
    report.held(`${located} of ${report.lines} rows lead, hash by hash, to the root of the log that was signed.`);
  if (held.set) {
    report.held(
      `The ${rows.length} rows give the root, the number and the earliest and latest time that the seal states.`,
    );
  }
  return rows;
}

async function checkProof(entries, {path, seal, signer}, rows, report, held) {
  const name = path.replace(/json$/, 'complete.json');
  const isThere = entries.has(name);
  report.expect(rows || isThere, 'evidence-unreadable', path, 'neither rows nor cards of them');
  report.expect(isThere, 'completeness-unproven', path, 'nothing proves that no other row belongs to it');
  if (!isThere) return null;
  const action = () => checkCompleteness(entries.get(name), seal, signer, rows);
  const proof = (await report.attempt('incomplete', name, action)) ?? null;
  held.complete = Boolean(proof);
  if (proof) {
    report.held(
      `The signed index shows that no other row matches, among the first ${seal.as_of} entries of the log: ` +
        `${proof.cards.length} rows match, in ${proof.ranges} proven ranges over ${proof.runs.length} sorted parts.`,
    );
  }
  return proof;
}

async function checkAnchors(entries, {path, seal}, report) {
  const anchors = [];
  for (const name of [...entries.keys()].filter((one) => one.startsWith(`anchors/${seal.seal_id}/`)).sort()) {
    const anchor = {name, size: entries.get(name).length, imprint: null, named: null};
    anchors.push(anchor);
    if (!report.expect(name.endsWith('.tst'), 'no-trust-root', name, 'a rail that is not read here')) continue;
    await report.attempt('anchor-invalid', name, () => checkAnchor(entries.get(name), entries.get(path), anchor));
    if (anchor.imprint) {
      report.held(
        `The time stamp ${name} holds the ${anchor.imprint} of the seal's file. Its signature is not checked here.`,
      );
    }
  }
  report.find('seal-unanchored', path, 'no anchor that counts');
  return anchors;
}

/** The statement of the file where it is there and holds; else what bundle and rows give, claims left out. */
async function settleCoverage(entries, {seal}, rows, cards, hasProof, report) {
  const data = entries.get('coverage.json');
  const own = cards && coverageOf(seal, rows, cards, hasProof, {claims: null, format: 'vm-coverage-v2'});
  const isThere = report.expect(data, 'coverage-missing', 'coverage.json', 'nothing says what the export covers');
  // What is contradicted is told by its own name.
  if (!isThere || !cards || report.isContradicted) return {statement: own, isChecked: false, isThere};
  const action = () => checkCoverage(data, seal, rows, cards, hasProof);
  const statement = await report.attempt('coverage-altered', 'coverage.json', action);
  if (statement)
    report.held(
      'What the export says that it covers follows from the seal and its rows; only its claims are mere claims.',
    );
  return {statement: statement ?? own, isChecked: Boolean(statement), isThere: true};
}

function told(row) {
  const {id, ts, trace_id: trace} = row.columns;
  const place = row.place === NOWHERE ? null : Number(row.place);
  return {
    table: row.table,
    id,
    ts,
    trace_id: trace,
    place,
    leaf: hex(row.leaf),
    columns: row.columns,
    path: row.path,
    line: row.line,
  };
}

async function checkEntries(data, entries, pinned, report, result) {
  const opened = openExport(data, entries, report);
  if (!opened) return;
  const {manifest, path, seal} = opened;
  const isBlind = !entries.has('rows.jsonl') && !entries.has('proofs.jsonl');
  Object.assign(result, {manifest, seal, path, isBlind});
  const head = await checkSeal(opened, pinned, report, result.held);
  result.head = head ? {size: Number(head.size), root: hex(head.root)} : null;
  const rows = isBlind ? null : await checkRows(entries, opened, head, report, result.held);
  const proof = await checkProof(entries, opened, rows, report, result.held);
  result.anchors = await checkAnchors(entries, opened, report);
  const proofName = path.replace(/json$/, 'complete.json');
  const known = new Set([...FIRST, LAST, path, proofName, ...result.anchors.map((anchor) => anchor.name)]);
  for (const name of [...entries.keys()].filter((one) => !known.has(one)).sort()) {
    report.find('format-unknown', name, "no entry of a seal's export");
  }
  const cards = rows ? rows.map(cardOf) : proof && proof.cards;
  result.rows = rows ? rows.map(told) : [];
  result.cards = (cards ?? []).map(readCard);
  result.runs = proof ? proof.runs.map(({from, to}) => ({from, to})) : [];
  result.coverage = await settleCoverage(entries, opened, rows, cards, entries.has(proofName), report);
}

/** Checks the export of one seal against the ledger's key, which may be null. */
async function checkExport(bytes, key) {
  const pinned = (key ?? null) === null ? null : readKey(key);
  const entries = readZip(bytes);
  const report = new Report();
  const result = {
    seal: null,
    manifest: null,
    path: null,
    head: null,
    isBlind: false,
    rows: [],
    cards: [],
    runs: [],
    anchors: [],
    coverage: null,
    held: {},
    entries: [...entries].map(([name, data]) => ({name, size: data.length})),
  };
  try {
    await checkEntries(bytes, entries, pinned, report, result);
  } catch (error) {
    // On what is malformed there is no answer to give; an unknown format is told.
    if (!(error instanceof Gap)) throw error;
    report.find(error.code, 'export', error.message);
  }
  return {verdict: report.verdict, findings: report.findings, checks: report.checks, ...result};
}

if (typeof module !== 'undefined')
  module.exports = {checkExport, readZip, packed, sumsOf, written, readJson, readKey, sha256, hex};
