// @ethereumjs: blocks, transactions and tries; and Foundry's anvil, the node that they are of.
//
//   node ethereum.mjs with-node PROGRAM ARGUMENT...   runs the program beside a node; URL and CONTRACT stand for its own
//   node ethereum.mjs verify EVIDENCE FILE TRUST      checks evidence with nothing of this workspace
//   node ethereum.mjs make URL CONTRACT FILE EVIDENCE TRUST   anchors a file and makes evidence with its own tries

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

// The packages are where they were installed, not beside this file.
const packages = process.env.ETHEREUM_PACKAGES;
const load = createRequire(`${packages}/node_modules/`);
const { Common, Mainnet, Hardfork } = load("@ethereumjs/common");
const { createBlockHeaderFromRLP, createBlockHeaderFromRPC } = load("@ethereumjs/block");
const { MerklePatriciaTrie, createMerkleProof, verifyMPTWithMerkleProof } = load("@ethereumjs/mpt");
const { RLP } = load("@ethereumjs/rlp");
const { createTxFromRLP, createTxFromRPC } = load("@ethereumjs/tx");
const { bytesToHex, concatBytes, hexToBytes } = load("@ethereumjs/util");

// Emits the digest behind the tag as the data of one log and the topic of another.
const EMITTER = "0x6015600c60003960156000f36020600460003760206000a060043560006000a100";

class Refused extends Error {}

function demand(holds, what) {
  if (!holds) throw new Refused(what);
}

async function ask(url, method, params) {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
  const answer = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  const { result, error } = await answer.json();
  if (error) throw new Error(`${method}: ${error.message}`);
  return result;
}

async function mined(url, hash) {
  for (let look = 0; look < 200; look += 1) {
    const receipt = await ask(url, "eth_getTransactionReceipt", [hash]);
    if (receipt) return receipt;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${hash} is in no block`);
}

async function withNode(program, ...words) {
  const folder = `${packages}/node_modules/@foundry-rs`;
  const anvil = readdirSync(folder).find((name) => name.startsWith("anvil-"));
  const node = spawn(`${folder}/${anvil}/bin/anvil`, ["--port", "0", "--accounts", "1"], { stdio: ["ignore", "pipe", "ignore"] });
  try {
    let url;
    for await (const line of createInterface({ input: node.stdout })) {
      const address = line.match(/^Listening on (.*)$/);
      if (address) {
        url = `http://${address[1]}/`;
        break;
      }
    }
    node.stdout.resume();
    const [from] = await ask(url, "eth_accounts", []);
    const { contractAddress } = await mined(url, await ask(url, "eth_sendTransaction", [{ from, data: EMITTER }]));
    // One block for it and a neighbour on each side, so that the proofs have branches.
    await ask(url, "evm_setAutomine", [false]);
    await ask(url, "eth_sendTransaction", [{ from, to: from, value: "0x1" }]);
    const mine = setInterval(() => ask(url, "anvil_mine", ["0x2"]), 500);
    const own = words.map((word) => (word === "URL" ? url : word === "CONTRACT" ? contractAddress : word));
    const child = spawn(program === "node" ? process.execPath : program, own, { stdio: "inherit" });
    const status = await new Promise((resolve, reject) => child.on("exit", resolve).on("error", reject));
    clearInterval(mine);
    process.exitCode = status;
  } finally {
    node.kill("SIGKILL");
  }
}

// The header as the client's own type, which knows the fields of each fork.
function header(hex, chainId) {
  const common = new Common({ chain: { ...Mainnet, chainId }, hardfork: Hardfork.Prague });
  return createBlockHeaderFromRLP(hexToBytes(hex), { common, skipConsensusFormatValidation: true });
}

async function verify(evidencePath, filePath, trustPath) {
  const evidence = JSON.parse(readFileSync(evidencePath, "utf8"));
  const trust = JSON.parse(readFileSync(trustPath, "utf8"));
  demand(evidence.chain_id === trust.chain_id, "another chain");
  const block = header(evidence.block.header, evidence.chain_id);
  demand(bytesToHex(block.hash()) === evidence.block.hash, "the header has another hash");
  demand(block.number === BigInt(evidence.block.number), "the header has another number");
  let last = block;
  for (const descendant of evidence.descendants) {
    const next = header(descendant, evidence.chain_id);
    demand(bytesToHex(next.parentHash) === bytesToHex(last.hash()), "a descendant has another parent");
    last = next;
  }
  const pinned = trust.blocks.find(({ number }) => BigInt(number) === last.number);
  demand(pinned?.hash === bytesToHex(last.hash()), "the last block is not pinned");
  const key = RLP.encode(evidence.transaction.index);
  const value = async (root, nodes) => {
    const proof = nodes.map((node) => hexToBytes(node));
    const found = await verifyMPTWithMerkleProof(new MerklePatriciaTrie(), root, key, proof);
    demand(found, "the proof leads to nothing");
    return found;
  };
  const transaction = await value(block.transactionsTrie, evidence.transaction.proof);
  const common = new Common({ chain: { ...Mainnet, chainId: evidence.chain_id }, hardfork: Hardfork.Prague });
  const { data } = createTxFromRLP(transaction, { common });
  const receipt = await value(block.receiptTrie, evidence.transaction.receipt_proof);
  const [status] = RLP.decode(receipt[0] < 0x80 ? receipt.subarray(1) : receipt);
  demand(bytesToHex(status) === "0x01", "the transaction failed");
  const digest = createHash("sha256").update(readFileSync(filePath)).digest();
  demand(bytesToHex(data) === bytesToHex(concatBytes(Buffer.from("VMA0"), digest)), "the calldata is of another file");
  return `in block ${block.number}, ${evidence.descendants.length} before the pinned one`;
}

// A trie of items under the RLP of their index: its root, and the nodes that lead to one.
async function prove(items, index) {
  const trie = new MerklePatriciaTrie();
  for (const [place, item] of items.entries()) await trie.put(RLP.encode(place), item);
  const proof = await createMerkleProof(trie, RLP.encode(index));
  return { root: trie.root(), proof: proof.map((node) => bytesToHex(node)) };
}

function receiptBytes({ type, status, cumulativeGasUsed, logsBloom, logs }) {
  const told = logs.map(({ address, topics, data }) => [hexToBytes(address), topics.map((topic) => hexToBytes(topic)), hexToBytes(data)]);
  const rlp = RLP.encode([Number(status), BigInt(cumulativeGasUsed), hexToBytes(logsBloom), told]);
  return Number(type) === 0 ? rlp : concatBytes(Uint8Array.of(Number(type)), rlp);
}

async function make(url, contract, filePath, evidencePath, trustPath) {
  const chainId = Number(await ask(url, "eth_chainId", []));
  const common = new Common({ chain: { ...Mainnet, chainId }, hardfork: Hardfork.Prague });
  const options = { common, skipConsensusFormatValidation: true };
  const digest = createHash("sha256").update(readFileSync(filePath)).digest();
  const [from] = await ask(url, "eth_accounts", []);
  const data = bytesToHex(concatBytes(Buffer.from("VMA0"), digest));
  const hash = await ask(url, "eth_sendTransaction", [{ from, to: contract, data }]);
  const { blockNumber, transactionIndex } = await mined(url, hash);
  const told = await ask(url, "eth_getBlockByNumber", [blockNumber, true]);
  const newest = await ask(url, "eth_getBlockByNumber", ["latest", false]);
  const block = createBlockHeaderFromRPC(told, options);
  const descendants = [];
  for (let number = Number(blockNumber) + 1; number <= Number(newest.number); number += 1) {
    const next = await ask(url, "eth_getBlockByNumber", [`0x${number.toString(16)}`, false]);
    descendants.push(bytesToHex(createBlockHeaderFromRPC(next, options).serialize()));
  }
  const index = Number(transactionIndex);
  const sent = [];
  for (const one of told.transactions) sent.push((await createTxFromRPC(one, { common })).serialize());
  const receipts = (await ask(url, "eth_getBlockReceipts", [blockNumber])).map(receiptBytes);
  const [one, two] = [await prove(sent, index), await prove(receipts, index)];
  if (bytesToHex(one.root) !== told.transactionsRoot || bytesToHex(two.root) !== told.receiptsRoot) throw new Error("other roots");
  // Fields in the order of canonical JSON.
  writeFileSync(evidencePath, JSON.stringify({
    block: { hash: bytesToHex(block.hash()), header: bytesToHex(block.serialize()), number: Number(blockNumber) },
    carrier: { kind: "event", log: 1 },
    chain_id: chainId,
    descendants,
    format: "vm-anchor-ethereum-v0",
    transaction: { index, proof: one.proof, receipt_proof: two.proof },
  }));
  const blocks = [{ number: Number(newest.number), hash: newest.hash }];
  writeFileSync(trustPath, JSON.stringify({ name: "ethereumjs", chain_id: chainId, blocks, contract }));
}

const COMMANDS = { "with-node": withNode, verify, make };
const [name, ...words] = process.argv.slice(2);
try {
  const said = await COMMANDS[name](...words);
  if (said) console.log(`accepted: ${said}`);
} catch (error) {
  // What a client throws on altered evidence is its refusal; a fault of this file is none.
  if (error instanceof TypeError || error instanceof ReferenceError) throw error;
  console.log(`refused: ${error.message}`);
  process.exitCode = name === "verify" ? 1 : 2;
}
