/**
 * The page around the second check: answers, pictures, and the byte that a reader alters.
 *
 * It draws from what checkExport gives and from the answer of the program that wrote the page. It rests on verdicts.md
 * for what each finding means, and on coverage.md for what a gap is. Every text of the bundle is set as text, never as
 * markup.
 */
'use strict';

(() => {
  const MARKS_MAX = 400;
  const CELLS_MAX = 240;
  const LISTED_MAX = 12;
  const WORDS = {
    verified: ['✓', 'verified'],
    undecided: ['?', 'undecided'],
    contradicted: ['✗', 'contradicted'],
    refused: ['✗', 'refused'],
    none: ['…', 'no answer yet'],
  };
  const SEVERITIES = {contradicted: '✗ proven wrong', undecided: '? not decided', remark: '• worth knowing'};
  const TABLES = {
    tool_invocations: 'tool calls',
    mcp_calls: 'MCP messages',
    proof_artifacts: 'artifacts',
    shadow_receipts: 'shadow receipts',
  };
  const GAPS = {
    unanswered: ['requests nobody knows the end of', 'No row tells what came of these requests.'],
    no_answer: ['requests that were never answered', 'A row says itself that no answer came.'],
    open_intents: ['intents without an outcome', 'A tool call was announced, and no row completes it.'],
    open_horizons: ['decisions left open', 'Something was considered and not done, and no row closes the matter.'],
  };
  const NOT_COVERED = {
    'claimed-times': 'The times: each row claims its own. The log shows only in which order rows were written.',
    'other-rows': 'Rows that do not match what was asked for, and rows written after the seal.',
    unrecorded: 'Whatever never passed through the ledger.',
    completeness: 'Whether rows that match were left out: there is no proof of it.',
    contents: 'What the rows say: this export is blind.',
    'scroll-lines': 'What the lines of the scrolls say: they are not in the file.',
  };

  // The codes that an export of a seal can end in, with meaning and remedy (verdicts.md).
  const CODES = {
    'artifact-altered': [
      'The file is not what was packed: an entry differs from the sum that was kept of it.',
      'Get the export again from where it was made.',
    ],
    'seal-altered': [
      'A seal bundle, or the evidence it selects, does not give the digest that was sealed, or another key signed it.',
      'Compare the bundle with its anchored copy, whose SHA-256 decides, and the key with the one you were given.',
    ],
    'row-altered': [
      "A row's columns do not hash to the leaf that the log holds for it, or it does not belong here.",
      'Treat the row as forged; restore it from a backup or a peer and verify again.',
    ],
    'row-inserted': [
      'A row stands here that the log does not name, or names once only.',
      'Treat the row as forged; nothing vouches for it.',
    ],
    'root-mismatch': [
      'A Merkle root computed from the evidence differs from the one recorded.',
      'Restore the evidence from a backup and verify again.',
    ],
    'checkpoint-invalid': [
      "A checkpoint does not carry a valid signature of the ledger's key, or is malformed.",
      'Compare with a checkpoint from a backup, a peer or an anchor.',
    ],
    'genesis-invalid': [
      'The first row is missing, malformed, or not that of the ledger that was asked for.',
      'Check that this is the ledger you meant, and the key you pinned.',
    ],
    'anchor-invalid': [
      "An anchor's evidence is malformed, badly signed, or stamps something else.",
      'Anchor the seal again with an authority that answers correctly.',
    ],
    incomplete: [
      'An answer leaves out a row that matches, or holds one that the index does not.',
      'Ask for the missing row; the index proves that there is one.',
    ],
    'coverage-altered': [
      'A coverage statement is not what the seal and the rows beside it give.',
      'Read the rows themselves; get the export again from where it was made.',
    ],
    'receipt-invalid': [
      'A shadow receipt is malformed, or its observer did not sign it as it stands for this ledger.',
      'Do not count the receipt as proof of restraint; compare the row with a backup or a peer.',
    ],
    'format-unknown': [
      'An object is of a format or version that this check does not know.',
      'Use a release that knows the format; nothing of it was skipped.',
    ],
    'evidence-unreadable': [
      'Evidence could not be read, so it was not checked.',
      'Give the verifier access to it and run it again.',
    ],
    'completeness-unproven': [
      'Rows match what was sealed, but nothing proves that no other row does.',
      'Verify with the ledger at hand, or with an export that holds a completeness proof.',
    ],
    'coverage-missing': [
      'The export of a seal does not say what it covers.',
      'Get the export again with a release that states it.',
    ],
    'no-trust-key': [
      'No key of the ledger was pinned, so its signatures prove only that it agrees with itself.',
      'Give the key of the ledger, as you have it from another road.',
    ],
    'no-trust-root': [
      "No trusted root was given for an anchor's authority. This page never has one: it checks no signature of theirs.",
      "Check the time stamp as told under “Check without this page”, with the authority's root certificate.",
    ],
    'seal-unanchored': [
      'A seal has no anchor that counts. To this page none ever counts, since it checks no time stamp’s signature.',
      'Check the time stamp as told under “Check without this page”. Without one, only the order of rows is shown.',
    ],
    'anchor-pending': [
      'An anchor has been asked for and is not complete.',
      'Complete it later with vaultmesh anchor upgrade.',
    ],
    'nothing-checked': ['No check could be made.', 'Name something that can be checked.'],
    'anchor-not-independent': [
      "An anchor comes from an authority that the ledger's owner runs.",
      'Anchor with an authority that the owner does not control.',
    ],
    'anchor-expired-now': [
      "An anchor's certificate was valid at its time and has expired since.",
      'Nothing is wrong; anchor again while the algorithms are still strong.',
    ],
    'anchor-legacy': [
      'An anchor uses an algorithm beside its strong ones that is to be left.',
      'Nothing is wrong; prefer an authority that has left it.',
    ],
  };

  const data = JSON.parse(document.getElementById('data').textContent);
  const original = bytesOf(atob(data.bundle));
  const state = {
    bytes: original,
    altered: null,
    result: null,
    first: null,
    places: new Map(),
    refusal: null,
    picked: 0,
    run: 0,
  };

  // Making elements

  const at = (id) => document.getElementById(id);

  function fill(node, ...children) {
    node.replaceChildren(...children.filter((child) => child !== null && child !== undefined));
    return node;
  }

  function el(name, attributes = {}, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    return fill(node, ...children);
  }

  function svg(name, attributes = {}, ...children) {
    const node = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    return fill(node, ...children);
  }

  const para = (...children) => el('p', {}, ...children);

  function picture(width, height, label, ...children) {
    return svg(
      'svg',
      {viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label},
      svg('title', {}, label),
      ...children,
    );
  }

  const plural = (count, one, many = one + 's') => `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
  const brief = (text, length = 10) => (text.length > length ? text.slice(0, length) + '…' : text);
  const clock = (ts, digits = 19) => ts.slice(0, digits).replace('T', ' ') + ' UTC';
  const isContradicted = (result) => !result || result.verdict === 'contradicted';

  // Answers

  function showAnswer(id, verdict, why, source) {
    const [sign, word] = WORDS[verdict] ?? ['?', String(verdict)];
    const node = at(id);
    node.dataset.verdict = verdict;
    fill(node.querySelector('.word'), el('span', {'aria-hidden': 'true'}, sign + ' '), word);
    node.querySelector('.why').textContent = why;
    node.querySelector('.source').textContent = source;
  }

  function showProgram() {
    const {answer} = data;
    const verdict = answer?.verdict ?? 'none';
    const found = (answer?.findings ?? []).filter((one) => one.severity !== 'remark').length;
    const why =
      {
        verified:
          'All that it checked holds, time stamps included, by the key and the authorities that it was told to trust.',
        undecided: `Nothing is proven wrong, and ${plural(found, 'thing')} could not be decided: see below.`,
        contradicted: 'Something is proven wrong: see below.',
      }[verdict] ??
      answer?.error?.message ??
      'The program gave no verdict.';
    showAnswer(
      'verdict',
      verdict,
      why,
      `By ${data.verifier}, at ${clock(data.checked_at)}. This page only repeats it.`,
    );
  }

  function whySecond({findings}) {
    const open = new Set(findings.map((finding) => finding.code));
    if (findings.some((finding) => finding.severity === 'contradicted')) return 'Something is proven wrong: see below.';
    const rest = findings.filter(({code}) => code !== 'seal-unanchored' && code !== 'no-trust-root');
    const things = plural(rest.length, 'thing');
    if (rest.length)
      return `Nothing is proven wrong. Beside the time stamp, ${things} could not be decided: see below.`;
    const anchor = open.has('no-trust-root')
      ? 'the signature of the time stamp'
      : 'a time stamp, as there is none that it could look at';
    return `All that this page can check holds. It cannot check ${anchor}, and what it did not check is not verified.`;
  }

  function showSecond() {
    const {result, refusal} = state;
    const codes = result ? [...new Set(result.findings.map((finding) => finding.code))].sort() : [];
    const of = state.altered ? 'Of a copy that was altered in this page.' : 'Of the export inside this page.';
    const source = `${of} Checked without any network, by code that shares nothing with the program.`;
    at('second').dataset.codes = codes.join(' ');
    at('second').dataset.altered = String(Boolean(state.altered));
    if (result) showAnswer('second', result.verdict, whySecond(result), source);
    else showAnswer('second', 'refused', `This is no export that an answer could be given on: ${refusal}.`, source);
    showAgreement();
  }

  /** The two may differ in what they could decide, never in whether something is wrong. */
  function showAgreement() {
    const [program, own] = [data.answer?.verdict, state.result?.verdict ?? 'refused'];
    let text = 'Both agree: nothing is proven wrong.';
    if (state.altered)
      text = 'The program answered on the export as it was written, the second check answers on the altered copy.';
    else if (at('key').value.trim() !== (data.key ?? ''))
      text = 'The second check was made with another key than the program used.';
    else if ((program === 'contradicted') !== (own === 'contradicted' || own === 'refused')) {
      text = '✗ The two answers disagree on whether something is wrong: trust neither, and check without this page.';
    } else if (program === 'contradicted') text = 'Both agree: something is proven wrong.';
    at('agreement').textContent = text;
  }

  /** Checks that differ in their last word alone, as one. */
  function merged(checks) {
    const groups = new Map();
    for (const check of checks) {
      const cut = check.lastIndexOf(': ');
      const [subject, word] = cut < 0 ? [check, null] : [check.slice(0, cut), check.slice(cut + 2)];
      groups.set(subject, [...(groups.get(subject) ?? []), word]);
    }
    return [...groups].map(([subject, words]) => (words[0] === null ? subject : `${subject}: ${words.join(', ')}`));
  }

  function showChecks() {
    const items = (list, none) =>
      list.length ? list.map((text) => el('li', {}, text)) : [el('li', {class: 'none'}, none)];
    fill(at('checks'), ...items(state.result?.checks ?? [], 'Nothing: see what was found.'));
    fill(at('program-checks'), ...items(merged(data.answer?.checks ?? []), 'Nothing was told.'));
  }

  // Findings

  /** All findings by their code, with who came across them. */
  function byCode() {
    const codes = new Map();
    const add = (finding, who) => {
      if (!codes.has(finding.code))
        codes.set(finding.code, {severity: finding.severity, list: [], by: new Set(), own: null});
      const group = codes.get(finding.code);
      group.by.add(who);
      group.own ??= finding.meaning ? [finding.meaning, finding.remedy ?? ''] : null;
      if (who === 'this browser' || !group.by.has('this browser')) group.list.push(finding);
    };
    (state.result?.findings ?? []).forEach((finding) => add(finding, 'this browser'));
    (data.answer?.findings ?? []).forEach((finding) =>
      add(finding, state.altered ? 'the program, of the unaltered export' : 'the program'),
    );
    return codes;
  }

  function findingCard(code, {severity, list, by, own}) {
    const [meaning, remedy] = CODES[code] ??
      own ?? ['A finding that this page has no words for.', 'Look it up in docs/spec/verdicts.md.'];
    const detail = ({subject, expected, found}) =>
      [subject, expected && `expected ${expected}`, found && `found: ${found}`].filter(Boolean).join(' — ');
    const items = list.slice(0, LISTED_MAX).map((finding) => el('li', {}, detail(finding)));
    if (list.length > LISTED_MAX) items.push(el('li', {}, `and ${list.length - LISTED_MAX} more`));
    return el(
      'article',
      {class: 'finding ' + severity, 'data-code': code, 'data-by': [...by].join(', ')},
      el('h4', {}, el('span', {class: 'tag'}, SEVERITIES[severity] ?? severity), ': ', el('code', {}, code)),
      para(meaning),
      el('p', {class: 'small'}, `What to do: ${remedy}`),
      el('ul', {class: 'small'}, ...items),
      el('p', {class: 'small'}, `Found by ${[...by].join(' and ')}.`),
    );
  }

  function showFindings() {
    const order = Object.keys(SEVERITIES);
    const groups = [...byCode()].sort(
      ([, one], [, other]) => order.indexOf(one.severity) - order.indexOf(other.severity),
    );
    const cards = groups.map(([code, group]) => findingCard(code, group));
    if (state.refusal)
      cards.unshift(el('p', {class: 'notice bad'}, `✗ The second check refused the file: ${state.refusal}.`));
    fill(at('findings'), ...(cards.length ? cards : [para('Nothing was found.')]));
  }

  // What is drawn: the result at hand, or the first one where the copy did not even open

  const drawn = () => (state.result?.seal ? state.result : state.first);
  const before = () =>
    state.first && !state.result?.seal ? 'The copy was not read so far: this is the export as it was. ' : '';

  function items() {
    const result = drawn();
    if (!result) return [];
    return result.isBlind ? result.cards.map((card, line) => ({...card, line})) : result.rows;
  }

  /** Place in the log; of a row whose proof fails, the one that it had before it was altered. */
  const placeIn = (row) => row.place ?? state.places.get(row.line) ?? null;
  const kindOf = ({columns}) => columns?.kind ?? columns?.phase ?? columns?.horizon_id ?? '';

  // The trail of one row

  function trailSteps(row) {
    const [now, shown] = [state.result, drawn()];
    const {seal, head, held, isBlind, anchors} = shown;
    const was = (holds) => (!now?.seal ? ['open', '? not reached'] : holds);
    const judged = (holds, good, bad = '✗ does not hold') => was(holds ? ['good', '✓ ' + good] : ['bad', bad]);
    const complete = held.complete
      ? judged(true, 'shown by the signed index')
      : was(['open', '? could not be checked']);
    const anchor = anchors[0];
    const stamped = !anchor
      ? ['open', '? no time stamp here']
      : !anchor.imprint
        ? was(['bad', '✗ of another file'])
        : ['open', '? not checked here'];
    return [
      [
        'Row',
        [TABLES[row.table] ?? row.table, brief(kindOf(row) || 'content not shown', 22), clock(row.ts)],
        isBlind ? was(['open', '? content not in the file']) : judged(true, 'read as it stands'),
      ],
      [
        'Its leaf',
        ['SHA-256 of the row', brief(row.leaf, 16)],
        isBlind ? was(['open', '? taken from the index']) : judged(true, 'hashed anew'),
      ],
      [
        'Root of the log',
        [
          isBlind
            ? `place ${row.place}`
            : row.place === null
              ? 'place not proven'
              : `place ${row.place}, ${plural(row.path.length, 'step')}`,
          head ? brief(head.root, 16) : 'root not signed',
        ],
        isBlind ? complete : judged(row.place !== null, 'the path leads there'),
      ],
      [
        'Checkpoint',
        ['signs root and size', `${plural(seal.as_of, 'row')} in the log`, 'key ' + seal.signer.split('+')[1]],
        judged(held.checkpoint, 'signature holds'),
      ],
      [
        'Seal',
        [`digest over ${plural(seal.leaves, 'row')}`, brief(seal.digest.hex, 16), 'signed as a whole'],
        judged(
          held.statement && (held.set || (isBlind && held.complete)),
          'digest and signature',
          '✗ not what was sealed',
        ),
      ],
      [
        'Anchor',
        [
          anchor ? plural(anchors.length, 'time stamp') : 'none',
          anchor?.named ? 'names ' + stampTime(anchor.named) : '',
          anchor?.imprint ? `over the seal’s ${anchor.imprint}` : '',
        ],
        stamped,
      ],
    ];
  }

  const stampTime = (text) =>
    `${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6, 8)} ${text.slice(8, 10)}:${text.slice(10, 12)}`;

  function drawTrail(row) {
    const width = Math.max(at('trail').clientWidth, 280);
    const steps = trailSteps(row);
    const [columns, gap, height] = [width >= 980 ? 6 : width >= 560 ? 3 : 1, 26, 124];
    const boxWidth = (width - 4 - gap * (columns - 1)) / columns;
    const boxes = steps.map((step, number) => ({
      x: 2 + (number % columns) * (boxWidth + gap),
      y: 2 + Math.floor(number / columns) * (height + gap),
    }));
    const nodes = steps.flatMap((step, number) => trailBox(step, number, boxes[number], boxWidth, height));
    for (let number = 1; number < steps.length; number += 1) {
      const d = arrow(boxes[number - 1], boxes[number], boxWidth, height, gap);
      nodes.push(svg('path', {d, class: 'arrow ' + steps[number][2][0]}));
    }
    const label = 'Trail of the row: ' + steps.map(([title, , [, word]]) => `${title} ${word}`).join('; ');
    fill(at('trail'), picture(width, boxes.at(-1).y + height + 2, label, ...nodes));
  }

  function trailBox([title, lines, [sign, word]], number, {x, y}, width, height) {
    const line = (text, down, kind) => svg('text', {x: x + 12, y: y + down, class: kind}, text);
    const kindOfLine = (text) => (/^[0-9a-f]{16}/.test(text) ? 'code' : 'fine faint');
    return [
      svg('rect', {x, y, width, height, rx: 7, class: 'box ' + sign}),
      line(`${number + 1}  ${title}`, 24, 'head'),
      ...lines.filter(Boolean).map((text, at_) => line(text, 46 + at_ * 18, kindOfLine(text))),
      line(word, height - 12, 'fine ' + sign),
    ];
  }

  /** From a box to the one beside or below it, or to the first of the next line. */
  function arrow(from, to, width, height, gap) {
    if (from.y === to.y) return `M${from.x + width + 3} ${from.y + height / 2}h${gap - 8}m-5 -4l5 4l-5 4`;
    if (from.x === to.x) return `M${from.x + 40} ${from.y + height + 3}v${gap - 8}m-4 -5l4 5l4 -5`;
    const [begin, end, bend] = [from.x + width / 2, to.x + width / 2, from.y + height + gap / 2];
    return `M${begin} ${from.y + height + 2}V${bend}H${end}V${to.y - 3}m-4 -5l4 5l4 -5`;
  }

  /** Side, neighbour and result of each step from a leaf to the root. */
  function pathSteps(row, size) {
    const bytes = (text) => Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
    const isLeft = [];
    for (let [index, count] = [row.place, size]; count > 1;) {
      let middle = 1;
      while (middle * 2 < count) middle *= 2;
      isLeft.unshift(index >= middle);
      [index, count] = index < middle ? [index, middle] : [index - middle, count - middle];
    }
    let hash = bytes(row.leaf);
    return row.path.map((other, step) => {
      hash = isLeft[step] ? sha256(Uint8Array.of(1), bytes(other), hash) : sha256(Uint8Array.of(1), hash, bytes(other));
      return {side: isLeft[step] ? 'left' : 'right', other, result: hex(hash)};
    });
  }

  function showPath(row) {
    const {head, isBlind} = drawn();
    at('path-details').hidden = isBlind || row.place === null || !head;
    if (at('path-details').hidden) return;
    const steps = pathSteps(row, head.size);
    const step = ({side, other, result}) =>
      el(
        'li',
        {},
        'with ',
        el('code', {}, brief(other, 12)),
        ` on its ${side} gives `,
        el('code', {}, brief(result, 12)),
      );
    const last = el('li', {}, 'which is the root that was signed: ', el('code', {}, head.root));
    fill(at('path'), el('li', {}, 'leaf ', el('code', {}, row.leaf)), ...steps.map(step), last);
    at('path-title').textContent =
      `From the row to the root of the log, hash by hash (${plural(steps.length, 'step')})`;
  }

  function showRow() {
    const all = items();
    const row = all.find(({line}) => line === state.picked) ?? all[0];
    at('row-count').textContent = all.length ? `of ${all.length.toLocaleString('en')}` : '';
    at('row-number').max = String(all.length);
    if (!row) {
      at('row-words').textContent = drawn()
        ? 'The export shows no row.'
        : 'There is nothing to draw: the file could not be read.';
      [at('trail'), at('row-columns'), at('path')].forEach((node) => fill(node));
      return;
    }
    at('row-number').value = String(all.indexOf(row) + 1);
    const isGone = all.indexOf(row) >= 0 && row.line !== state.picked;
    const note = isGone ? `Row ${state.picked + 1} is no row any more; another one is shown. ` : '';
    const place = row.place === null ? 'place in the log not proven' : `place ${row.place} in the log`;
    at('row-words').textContent =
      `${before()}${note}${TABLES[row.table] ?? row.table}${kindOf(row) ? ', ' + brief(kindOf(row), 80) : ''}, ` +
      `claims ${clock(row.ts)}, ${place}, id ${row.id}`;
    drawTrail(row);
    showPath(row);
    const pairs = Object.entries(row.columns ?? {})
      .filter(([, value]) => value !== null)
      .sort();
    const told = pairs.length ? pairs : [['content', 'This export is blind: it does not say what the row holds.']];
    fill(
      at('row-columns'),
      ...told.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {class: 'mono'}, brief(String(value), 4000))]),
    );
  }

  function pick(number) {
    const all = items();
    const row = all[Math.min(Math.max(number, 1), all.length) - 1];
    if (!row) return;
    state.picked = row.line;
    at('alter-byte').value = '';
    showRow();
    showTimeline();
  }

  // Timeline

  /** At most so many of a list, evenly taken. */
  function sampled(list, most) {
    if (list.length <= most) return list;
    return Array.from({length: most}, (_, number) => list[Math.floor((number * list.length) / most)]);
  }

  const millis = (row) => Date.parse(row.ts.slice(0, 23) + 'Z');

  function showTimeline() {
    const all = items();
    const words = at('timeline-words');
    if (!all.length) {
      words.textContent = 'There is no row to draw.';
      fill(at('timeline'));
      return;
    }
    const order = [...all].sort((one, other) => (placeIn(one) ?? one.line) - (placeIn(other) ?? other.line));
    const late = new Set(order.filter((row, number) => number > 0 && row.ts < order[number - 1].ts));
    const marks = sampled(order, MARKS_MAX);
    const picked = order.find((row) => row.line === state.picked);
    if (picked && !marks.includes(picked)) marks.push(picked);
    const times = all.map((row) => row.ts).sort();
    const digits = millis({ts: times.at(-1)}) - millis({ts: times[0]}) < 20000 ? 23 : 19;
    const lateWords =
      late.size === 0
        ? 'Every row claims a time no earlier than the row written before it.'
        : `${plural(late.size, 'row')}, drawn as diamonds, ${late.size === 1 ? 'claims' : 'claim'} an earlier time.`;
    words.textContent =
      `${shownOf(marks.length, all.length)}, one line a table, from ${clock(times[0], digits)} to ` +
      `${clock(times.at(-1), digits)}. ${lateWords} A click on a mark picks its row.`;
    drawTimeline(marks, late, times, words.textContent);
  }

  const shownOf = (shown, all) =>
    shown < all
      ? `${shown} of ${plural(all, 'row')} are shown, evenly taken`
      : `${plural(all, 'row')} ${all === 1 ? 'is' : 'are'} shown`;

  function drawTimeline(marks, late, times, label) {
    const width = Math.max(at('timeline').clientWidth, 280);
    const lanes = Object.keys(TABLES).filter((table) => items().some((row) => row.table === table));
    const [first, last] = [times[0], times.at(-1)].map((ts) => millis({ts}));
    const xOf = (row) => (last > first ? 12 + ((millis(row) - first) / (last - first)) * (width - 24) : width / 2);
    const [nodes, stacks] = [[], new Map()];
    lanes.forEach((table, lane) => {
      const count = items().filter((row) => row.table === table).length;
      nodes.push(svg('text', {x: 4, y: 62 * lane + 16, class: 'fine'}, `${TABLES[table]} (${count})`));
      nodes.push(svg('line', {x1: 4, x2: width - 4, y1: 62 * lane + 42, y2: 62 * lane + 42, class: 'lane'}));
    });
    for (const row of marks) {
      const x = xOf(row);
      const bin = `${row.table} ${Math.round(x / 5)}`;
      const height = stacks.get(bin) ?? 0;
      stacks.set(bin, height + 1);
      // Rows of one moment stand above and below each other, as far as the lane reaches.
      const y = 62 * lanes.indexOf(row.table) + 42 + [0, -6, 6, -12, 12][height % 5];
      nodes.push(markOf(row, x, y, late.has(row)));
      if (row.line === state.picked) nodes.push(svg('circle', {cx: x, cy: y, r: 8, class: 'mark picked'}));
    }
    const bottom = 62 * lanes.length + 16;
    const [from, to] = first === last ? [times[0].slice(0, 19), ''] : axisEnds(times, last - first);
    const middle = first === last ? {x: width / 2, 'text-anchor': 'middle'} : {x: 4, 'text-anchor': 'start'};
    nodes.push(svg('text', {...middle, y: bottom, class: 'fine faint'}, from.replace('T', ' ')));
    nodes.push(svg('text', {x: width - 4, y: bottom, class: 'fine faint', 'text-anchor': 'end'}, to.replace('T', ' ')));
    fill(at('timeline'), picture(width, bottom + 8, label, ...nodes));
  }

  /** First and last time as short as they still differ. */
  function axisEnds(times, span) {
    const [first, last] = [times[0], times.at(-1)];
    const end = span < 20000 ? 23 : 19;
    return [first.slice(0, end), first.slice(0, 10) === last.slice(0, 10) ? last.slice(11, end) : last.slice(0, end)];
  }

  function markOf(row, x, y, isLate) {
    const title = svg('title', {}, `${TABLES[row.table]} ${brief(kindOf(row), 40)} ${row.ts}`);
    const shape = isLate
      ? svg('path', {d: `M${x} ${y - 6}l6 6l-6 6l-6 -6z`, class: 'mark late'}, title)
      : svg('circle', {cx: x, cy: y, r: 4.2, class: 'mark'}, title);
    shape.addEventListener('click', () => pick(items().indexOf(row) + 1));
    return shape;
  }

  // Gaps

  /** For a row, which gaps it is. A request without an answer is drawn where it stands, or else where a row says so. */
  function gapMarks(rows) {
    const named = openEnds(rows);
    const present = new Set(rows.map((row) => row.id));
    return ({id, columns}) =>
      Object.keys(GAPS).filter((gap) => {
        if (gap !== 'no_answer' || columns.kind !== 'no_answer') return named[gap].has(dashed(id));
        return (
          columns.answers_id !== null && !present.has(columns.answers_id) && named[gap].has(dashed(columns.answers_id))
        );
      });
  }

  function showGaps() {
    const [result, statement] = [drawn(), drawn()?.coverage?.statement];
    const says = (text) => {
      at('gaps-words').textContent = text;
      [at('gaps'), at('gap-lists')].forEach((node) => fill(node));
    };
    if (!result) return says('There is nothing to draw: the file could not be read.');
    if (result.isBlind)
      return says('Gaps cannot be shown: this export is blind, so its rows do not say what they answer or leave open.');
    if (!statement) return says('Gaps cannot be shown: there are no rows that could be read.');
    const total = Object.values(statement.gaps).reduce((sum, gap) => sum + gap.count, 0);
    const isPlaced = result.rows.every((row) => placeIn(row) !== null);
    const size = isPlaced ? result.seal.as_of : result.rows.length;
    const cells = Math.min(size, CELLS_MAX, Math.max(40, Math.floor(at('gaps').clientWidth / 4)));
    const axis = isPlaced
      ? `the ${plural(size, 'place')} of the log, from its first row to the last`
      : `the ${plural(size, 'row')} in their order`;
    at('gaps-words').textContent =
      total === 0
        ? 'None: every request has an answer among the rows, every intent an outcome, and no decision is open.'
        : `Each strip is ${axis}, in ${plural(cells, 'cell')}. A bar stands for gaps, the higher the more; ` +
          'a cell in outline alone holds no row of this export.';
    drawGaps(result.rows, statement, isPlaced, size, cells);
    fill(
      at('gap-lists'),
      ...Object.keys(GAPS)
        .filter((gap) => statement.gaps[gap].count)
        .map((gap) => gapList(gap, statement.gaps[gap])),
    );
    return undefined;
  }

  function drawGaps(rows, statement, isPlaced, size, cells) {
    const width = Math.max(at('gaps').clientWidth, 280);
    const gapsOf = gapMarks(rows);
    const filled = new Set();
    const counts = Object.fromEntries(Object.keys(GAPS).map((gap) => [gap, new Array(cells).fill(0)]));
    rows.forEach((row, number) => {
      const cell = Math.min(cells - 1, Math.floor(((isPlaced ? placeIn(row) : number) / size) * cells));
      filled.add(cell);
      gapsOf(row).forEach((gap) => {
        counts[gap][cell] += 1;
      });
    });
    const nodes = [];
    const step = (width - 8) / Math.max(cells, 1);
    Object.keys(GAPS).forEach((gap, lane) => {
      const top = lane * 62;
      const most = Math.max(...counts[gap], 1);
      nodes.push(svg('text', {x: 4, y: top + 16, class: 'fine'}, `${GAPS[gap][0]}: ${statement.gaps[gap].count}`));
      counts[gap].forEach((count, cell) => {
        const [x, breadth] = [4 + cell * step, Math.max(step - (step > 6 ? 1.5 : 0.4), 0.5)];
        nodes.push(
          svg('rect', {x, y: top + 24, width: breadth, height: 26, class: filled.has(cell) ? 'cell' : 'cell empty'}),
        );
        if (!count) return;
        const height = 8 + (18 * count) / most;
        const heat = count === most ? 'most' : count * 2 > most ? 'many' : 'some';
        nodes.push(
          svg(
            'rect',
            {x, y: top + 50 - height, width: breadth, height, class: 'gap ' + heat},
            svg('title', {}, plural(count, 'gap')),
          ),
        );
      });
    });
    const label =
      'Gaps: ' +
      Object.keys(GAPS)
        .map((gap) => `${GAPS[gap][0]} ${statement.gaps[gap].count}`)
        .join(', ');
    fill(at('gaps'), picture(width, 62 * 4, label, ...nodes));
  }

  function gapList(gap, {count, first}) {
    const [title, words] = GAPS[gap];
    const listed = first.slice(0, 64).map((one) => el('li', {class: 'mono'}, brief(one, 200)));
    const more = count > listed.length ? [el('li', {}, `and ${count - listed.length} more`)] : [];
    return el('details', {}, el('summary', {}, `${title}: ${count}`), para(words), el('ul', {}, ...listed, ...more));
  }

  // Coverage

  function askedWords({kinds, scope, since, until, trace_ids: traces}) {
    const tables =
      kinds.length === 4 ? 'rows of every table' : 'rows of ' + kinds.map((kind) => TABLES[kind]).join(', ');
    if (scope === 'trace_set')
      return `All ${tables} that belong to ${plural(traces.length, 'trace')}: ${brief(traces.join(', '), 200)}.`;
    if (!since && !until) return `All ${tables}, whatever their time.`;
    const [from, to] = [since ? ` from ${clock(since)}` : '', until ? ` up to, and without, ${clock(until)}` : ''];
    return `All ${tables} that claim a time${from}${to}.`;
  }

  function claimWords(claims, isThere) {
    if (!claims)
      return [isThere ? 'Not shown: the statement was not believed.' : 'The export makes no claims of its own.'];
    const lines = claims.unsigned_lines
      .map(({engine, lines: count}) => `${engine}: ${plural(count, 'line')}`)
      .join(', ');
    return [
      `When it was written, the log had ${plural(claims.log_size, 'entry', 'entries')}.`,
      lines
        ? `Lines of scrolls behind their signed roots: ${lines}.`
        : 'No line of a scroll stood behind its signed root.',
    ];
  }

  function showCoverage() {
    const coverage = drawn()?.coverage;
    const statement = coverage?.statement;
    const source = coverage?.isChecked
      ? 'This is what the export says of itself. The second check made it anew from seal and rows: it is the same.'
      : coverage?.isThere
        ? 'The statement of the export is not believed: it or something else is false. What follows is worked out here.'
        : 'The export says nothing of what it covers. This page worked out what follows from seal and rows.';
    at('coverage-words').textContent = statement
      ? before() + source
      : 'What is covered is not shown: the rows or their cards could not be relied on.';
    if (!statement) return fill(at('coverage'));
    const tables = Object.entries(statement.rows)
      .filter(([, count]) => count)
      .map(([table, count]) => `${TABLES[table]} ${count}`);
    const list = (lines) => el('ul', {}, ...lines.map((line) => el('li', {}, line)));
    const scrolls = statement.scrolls.map(({engine, lines}) => `${engine}: ${plural(lines, 'line')}, not in this file`);
    const observers = statement.observers?.map(
      ({key, receipts}) => `key ${brief(key, 16)}: ${plural(receipts, 'receipt')}`,
    );
    const gaps = statement.gaps && Object.keys(GAPS).map((gap) => `${GAPS[gap][0]}: ${statement.gaps[gap].count}`);
    const matched = Object.values(statement.rows).reduce((sum, count) => sum + count, 0);
    const pairs = [
      ['Asked for', askedWords(statement.asked)],
      [
        'Matched',
        [`${plural(matched, 'row')} of the first ${plural(statement.as_of, 'row')} of the log`, ...tables].join('; '),
      ],
      ['Scrolls', scrolls.length ? list(scrolls) : 'None.'],
      [
        'Observers',
        !observers
          ? 'Cannot be shown: this export is blind.'
          : observers.length
            ? list(observers)
            : 'None: there is no shadow receipt.',
      ],
      ['Gaps', gaps ? list(gaps) : 'Cannot be shown: this export is blind.'],
      ['Not covered', list(statement.not_covered.map((word) => NOT_COVERED[word] ?? word))],
      [
        'Mere claims',
        list([
          ...claimWords(statement.claims, coverage.isThere),
          'Nothing in the file bears this out: it is the word of whoever exported.',
        ]),
      ],
    ];
    return fill(at('coverage'), ...pairs.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]));
  }

  // Checking, with a key and an altered copy or without

  async function check() {
    const run = ++state.run;
    const key = at('key').value.trim() || null;
    let [result, refusal] = [null, null];
    showAnswer('second', 'none', 'Checking now.', '');
    // A large export takes seconds: let the browser show that first.
    await new Promise((resolve) => setTimeout(resolve));
    try {
      result = await checkExport(state.bytes, key);
    } catch (error) {
      refusal = error.message;
    }
    if (run !== state.run) return;
    Object.assign(state, {result, refusal});
    if (!state.first && result) {
      state.first = result;
      state.places = new Map(result.rows.map((row) => [row.line, row.place]));
    }
    [showSecond, showChecks, showFindings, showRow, showTimeline, showGaps, showCoverage, showAltered].forEach((show) =>
      show(),
    );
  }

  const codesWords = () => {
    const codes = [...new Set((state.result?.findings ?? []).map((finding) => finding.code))];
    return codes.map((code) => el('li', {}, el('code', {}, code), ': ', (CODES[code] ?? ['a finding'])[0]));
  };

  async function checkKey() {
    await check();
    const text = at('key').value.trim();
    const said = at('key-answer');
    const verdict = state.result?.verdict ?? 'refused';
    said.className = 'outcome ' + verdict;
    const meaning = !text
      ? 'Checked without a key: the export agrees with itself at best.'
      : state.refusal === 'malformed key'
        ? 'This is no key of a ledger: it is “vaultmesh/”, 64 digits, “+”, 8 digits, “+” and 44 letters.'
        : state.result?.held.key
          ? 'The seal was signed by this key.'
          : 'The seal was not signed by this key, or the file could not be read.';
    said.textContent = `${WORDS[verdict].join(' ')}. ${meaning}`;
  }

  // Altering a byte

  function entriesToAlter() {
    const entries = [...readZip(original).keys()].filter((name) => name !== 'SHA256SUMS' && name !== 'rows.jsonl');
    return [
      ...(state.first?.rows.length ? [['row', 'the row that is picked above']] : []),
      ...entries.map((name) => [name, name]),
    ];
  }

  const isLetter = (byte) => (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122);

  /** The next letter or digit, so that a number stays one and hexadecimal too; of other bytes one bit. */
  function altered(byte) {
    if (!isLetter(byte)) return byte ^ 1;
    return '9FZfz'.includes(String.fromCharCode(byte)) ? byte - 1 : byte + 1;
  }

  /** Where a row says something: the first letter of what was called, sent, said or noted. */
  function tellingByte(text) {
    for (const name of ['method', 'tool', 'reason', 'input_json', 'body_json', 'meta_json', 'kind']) {
      const found = new RegExp(`"${name}":"[^A-Za-z0-9"]*`).exec(text);
      if (found && /[A-Za-z0-9]/.test(text[found.index + found[0].length] ?? '')) return found.index + found[0].length;
    }
    return null;
  }

  function placeToAlter(bytes) {
    const asked = at('alter-byte').value;
    if (asked !== '') return Math.min(Math.max(Math.trunc(Number(asked)), 0), bytes.length - 1);
    const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
    const middle = Math.floor(bytes.length / 2);
    const letter = bytes.findIndex((byte, place) => place >= middle && isLetter(byte));
    return tellingByte(text) ?? (letter >= 0 ? letter : middle);
  }

  async function alter() {
    const entries = readZip(original);
    const chosen = at('alter-entry').value;
    const name = chosen === 'row' ? 'rows.jsonl' : chosen;
    const row =
      chosen === 'row' ? (state.first.rows.find(({line}) => line === state.picked) ?? state.first.rows[0]) : null;
    const content = entries.get(name).slice();
    const [begin, end] = row ? boundsOf(content, row.line) : [0, content.length];
    if (begin === end) return;
    const place = begin + placeToAlter(content.subarray(begin, end));
    const was = content[place];
    content[place] = altered(was);
    entries.set(name, content);
    const isRehashed = at('rehash').checked;
    if (isRehashed) entries.set('SHA256SUMS', sumsOf(entries));
    state.bytes = packed(entries);
    state.altered = {name, row, place: place - begin, was, content: content.slice(begin, end), isRehashed};
    at('restore').disabled = false;
    await check();
  }

  function boundsOf(bytes, line) {
    let begin = 0;
    for (let number = 0; number < line; number += 1) begin = bytes.indexOf(10, begin) + 1;
    return [begin, bytes.indexOf(10, begin)];
  }

  async function restore() {
    Object.assign(state, {bytes: original, altered: null});
    at('restore').disabled = true;
    await check();
    at('alter').focus();
  }

  function excerpt({content, place, was}, isAfter) {
    const text = (bytes) =>
      Array.from(bytes, (byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '·')).join('');
    const [before, after] = [
      text(content.slice(Math.max(0, place - 24), place)),
      text(content.slice(place + 1, place + 25)),
    ];
    return el(
      'p',
      {class: 'mono'},
      isAfter ? 'after:  …' : 'before: …',
      before,
      el('mark', {}, text([isAfter ? content[place] : was])),
      after,
      '…',
    );
  }

  function whyUnnoticed(name) {
    const isToken = name.startsWith('anchors/');
    return isToken
      ? 'It went unnoticed here, and this is why: this page checks no signature of a time stamp. What is told under ' +
          '“Check without this page” does check it.'
      : 'It went unnoticed, and this is why: nobody signs this byte, and with the list of sums made anew nothing ' +
          'remembers what stood there. It is a text for people, or a mere claim; no check relies on it.';
  }

  function showAltered() {
    const [now, answer, banner] = [state.altered, at('alter-answer'), at('altered-banner')];
    banner.hidden = !now;
    const back = el('a', {href: '#alter-title'}, 'See what was altered, or put it back');
    fill(
      banner,
      ...(now ? [`✗ You are looking at a copy of which one byte of ${now.name} was altered. `, back, '.'] : []),
    );
    if (!now) {
      answer.className = 'outcome';
      fill(answer);
      return;
    }
    const verdict = state.result?.verdict ?? 'refused';
    answer.className = 'outcome ' + verdict;
    const where = now.row ? `line ${now.row.line + 1} of rows.jsonl` : now.name;
    const unnoticed = isContradicted(state.result) ? [] : [para(whyUnnoticed(now.name))];
    fill(
      answer,
      para(
        el('strong', {}, WORDS[verdict].join(' ')),
        ` — byte ${now.place} of ${where} was altered` +
          (now.isRehashed ? ', and the list of sums made anew.' : '; the list of sums was left as it was.'),
      ),
      excerpt(now, false),
      excerpt(now, true),
      ...unnoticed,
      state.result ? el('ul', {id: 'alter-findings'}, ...codesWords()) : para(`The file is refused: ${state.refusal}.`),
    );
  }

  // Everything around it

  function showFrame() {
    const {seal, manifest} = state.first ?? {};
    at('title').textContent = document.title || 'What this seal proves';
    at('about').textContent = seal
      ? `Seal ${seal.seal_id} of ledger ${manifest.ledger}, made ${clock(seal.sealed_at)} by the sealer’s clock.`
      : '';
    fill(
      at('footer'),
      para(
        `Written by ${data.verifier} at ${clock(data.checked_at)}. The page holds the whole export ` +
          `(${plural(original.length, 'byte')}, SHA-256 ${hex(sha256(original))}) and asks no network for anything.`,
      ),
    );
    fill(
      at('alter-entry'),
      ...(state.first ? entriesToAlter() : []).map(([value, text]) => el('option', {value}, text)),
    );
    at('alter').disabled = !state.first;
    showOutside(seal?.seal_id ?? 'SEAL', state.first?.anchors[0]?.name ?? 'anchors/SEAL/0.tst');
  }

  function showOutside(seal, anchor) {
    at('outside-words').textContent =
      'This page does not check the signature of any time stamp: it only looks whether the hash of the seal’s file ' +
      'stands in it. A page can also be made to lie, as any program can. To check the time stamp, and all the rest, ' +
      'without it: save the export, take the ledger’s key and the root certificate of the time-stamp authority from ' +
      'sources that you trust, and run one of these.';
    const key = data.key ?? 'KEY';
    const ways = [
      [
        'The time stamp alone, with OpenSSL:',
        `unzip seal.vmb -d seal && cd seal
openssl ts -verify -data seals/${seal}.json -in ${anchor} -token_in -CAfile root.pem`,
      ],
      [
        'Everything, with Python and OpenSSL (docs/verify.py of VaultMesh):',
        `python3 verify.py seal.vmb --key ${key} --ca root.pem`,
      ],
      [
        'Everything, with VaultMesh; the trust file names key and authorities:',
        'vaultmesh verify-bundle seal.vmb --trust trust.toml',
      ],
    ];
    fill(at('outside'), ...ways.flatMap(([title, command]) => [para(title), el('pre', {tabindex: '0'}, command)]));
  }

  function save() {
    const url = URL.createObjectURL(new Blob([original], {type: 'application/zip'}));
    el('a', {href: url, download: 'seal.vmb'}).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
    at('saved').textContent = 'The unaltered export was handed to your browser as seal.vmb.';
  }

  function redraw() {
    showRow();
    showTimeline();
    showGaps();
  }

  function listen() {
    const on = (id, event, action) => at(id).addEventListener(event, action);
    const step = (by) => () => pick(Number(at('row-number').value) + by);
    on('row-number', 'change', step(0));
    on('row-before', 'click', step(-1));
    on('row-after', 'click', step(1));
    on('key', 'change', checkKey);
    on('key-check', 'click', checkKey);
    on('key-reset', 'click', () => {
      at('key').value = data.key ?? '';
      checkKey();
    });
    on('alter-entry', 'change', () => {
      at('alter-byte').value = '';
    });
    on('alter', 'click', alter);
    on('restore', 'click', restore);
    on('save', 'click', save);
    let [width, timer] = [window.innerWidth, 0];
    window.addEventListener('resize', () => {
      if (window.innerWidth === width) return;
      width = window.innerWidth;
      clearTimeout(timer);
      timer = setTimeout(redraw, 150);
    });
  }

  async function start() {
    at('key').value = data.key ?? '';
    showProgram();
    listen();
    await check();
    state.picked = items()[0]?.line ?? 0;
    showFrame();
    redraw();
    document.documentElement.dataset.ready = 'true';
  }

  start();
})();
