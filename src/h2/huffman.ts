/**
 * The static Huffman code of RFC 7541, Appendix B. The code is canonical: codes of one length are consecutive in the order of their
 * symbols, and longer ones follow shorter ones. So lengths say it all.
 */
const symbolsByBits: Readonly<Record<number, readonly (string | number)[]>> = {
  5: ["012aceiost"],
  6: [" %-./3456789=A_bdfghlmnpru"],
  7: [":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"],
  8: ["&*,;XZ"],
  10: ['!"()?'],
  11: ["'+|"],
  12: ["#>"],
  13: [0, "$@[]~"],
  14: ["^}"],
  15: ["<`{"],
  19: ["\\", 195, 208],
  20: [128, 130, 131, 162, 184, 194, 224, 226],
  21: [153, 161, 167, 172, 176, 177, 179, 209, 216, 217, 227, 229, 230],
  22: [
    129, 132, 133, 134, 136, 146, 154, 156, 160, 163, 164, 169, 170, 173, 178, 181, 185, 186, 187, 189, 190,
    196, 198, 228, 232, 233,
  ],
  23: [
    1, 135, 137, 138, 139, 140, 141, 143, 147, 149, 150, 151, 152, 155, 157, 158, 165, 166, 168, 174, 175,
    180, 182, 183, 188, 191, 197, 231, 239,
  ],
  24: [9, 142, 144, 145, 148, 159, 171, 206, 215, 225, 236, 237],
  25: [199, 207, 234, 235],
  26: [192, 193, 200, 201, 202, 205, 210, 213, 218, 219, 238, 240, 242, 243, 255],
  27: [203, 204, 211, 212, 214, 221, 222, 223, 241, 244, 245, 246, 247, 248, 250, 251, 252, 253, 254],
  28: [
    2, 3, 4, 5, 6, 7, 8, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 27, 28, 29, 30, 31, 127, 220,
    249,
  ],
  30: [10, 13, 22, 256],
};

const endOfString = 256;
const codes = new Uint32Array(257);
const lengths = new Uint8Array(257);

/** Inner nodes of the code's tree: two entries a node; at least 0 a node, else -1 - symbol. */
const tree = new Int16Array(2 * 256);

/**
 * The tree walked four bits at a time: for a node and four bits, the next node, the symbol that came out on the way (or none), and
 * whether the bits led through the end-of-string symbol. At most one symbol fits into four bits, the shortest code having five.
 */
const stepNode = new Uint8Array(256 * 16);
const stepSymbol = new Int16Array(256 * 16);
const failed = -2;
const none = -1;

/** Nodes where a string may end: less than eight bits since the last symbol, all ones (section 5.2). */
const mayEnd = new Uint8Array(256);

/** With the first text in this code, for it takes milliseconds, and a server need not have them before it listens. */
function prepare(): void {
  prepared = true;
  assignCodes();
  growTree();
  prepareSteps();
}

let prepared = false;

function assignCodes(): void {
  let code = 0;
  let bitsBefore = 0;
  // Integer keys come in ascending order.
  for (const [key, entries] of Object.entries(symbolsByBits)) {
    const bits = Number(key);
    code <<= bits - bitsBefore;
    bitsBefore = bits;
    for (const symbol of entries.flatMap(symbolsOf)) {
      codes[symbol] = code++;
      lengths[symbol] = bits;
    }
  }
}

function symbolsOf(entry: string | number): number[] {
  return typeof entry === "number" ? [entry] : [...entry].map((character) => character.charCodeAt(0));
}

function growTree(): void {
  let nodes = 1;
  for (let symbol = 0; symbol <= endOfString; symbol++) {
    const [code, length] = [codes[symbol] as number, lengths[symbol] as number];
    let node = 0;
    for (let bit = length - 1; bit > 0; bit--) {
      const slot = 2 * node + ((code >>> bit) & 1);
      if (tree[slot] === 0) tree[slot] = nodes++;
      node = tree[slot] as number;
    }
    tree[2 * node + (code & 1)] = -1 - symbol;
  }
}

function prepareSteps(): void {
  for (let node = 0; node < 256; node++) {
    for (let bits = 0; bits < 16; bits++) {
      let at = node;
      let out = none;
      for (let bit = 3; bit >= 0; bit--) {
        const next = tree[2 * at + ((bits >>> bit) & 1)] as number;
        if (next >= 0) {
          at = next;
          continue;
        }
        at = 0;
        const symbol = -1 - next;
        // Nothing may be decoded after the end-of-string symbol, so that where it leads does not matter.
        if (out !== failed) out = symbol === endOfString ? failed : symbol;
      }
      stepNode[node * 16 + bits] = at;
      stepSymbol[node * 16 + bits] = out;
    }
  }
  for (let node = 0, ones = 0; ones < 8; ones++) {
    mayEnd[node] = 1;
    node = tree[2 * node + 1] as number;
  }
}

/** Decodes `bytes` from `start` to `end` into `out`, which has room for 8/5 of them. Answers how many came out; -1: malformed. */
export function huffmanDecode(bytes: Uint8Array, start: number, end: number, out: Uint8Array): number {
  if (!prepared) prepare();
  let node = 0;
  let length = 0;
  for (let offset = start; offset < end; offset++) {
    const byte = bytes[offset] as number;
    const high = node * 16 + (byte >>> 4);
    const first = stepSymbol[high] as number;
    const low = (stepNode[high] as number) * 16 + (byte & 15);
    const second = stepSymbol[low] as number;
    node = stepNode[low] as number;
    // RFC 7541, section 5.2: the end-of-string symbol itself is an error.
    if (first === failed || second === failed) return -1;
    if (first >= 0) out[length++] = first;
    if (second >= 0) out[length++] = second;
  }
  return mayEnd[node] === 1 ? length : -1;
}

/** The bytes of a text of one-byte characters in this code, padded with ones. */
export function huffmanEncode(text: string): Uint8Array {
  if (!prepared) prepare();
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += lengths[text.charCodeAt(i) & 0xff] as number;
  const bytes = new Uint8Array(Math.ceil(bits / 8)).fill(0xff);
  let position = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i) & 0xff;
    for (let bit = (lengths[symbol] as number) - 1; bit >= 0; bit--, position++) {
      if ((((codes[symbol] as number) >>> bit) & 1) === 0) {
        bytes[position >>> 3] = (bytes[position >>> 3] as number) & ~(0x80 >>> (position & 7));
      }
    }
  }
  return bytes;
}
