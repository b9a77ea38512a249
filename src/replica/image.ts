/**
 * The state machine as a stream of bytes, and back:
 *
 *   u32 version │ u32 length, members │ u32 length, leases │ u32 length, alarms │ u32 length, access │ keys …
 *
 * Equal states give equal bytes. An image of version 1 has no alarms, one of version 2 no users and roles; both are still read.
 */
import { KvError } from "../kv/index.ts";
import type { StateMachine } from "./state-machine.ts";

const version = 3;
/** Sections before the keys, for each version that is read. */
const sectionsOf: Readonly<Record<number, number>> = { 1: 2, 2: 3, 3: 4 };
/** Members, leases, alarms, users and roles stand before the keys and are held in memory; millions of leases fit. */
const sectionBytesMax = 1024 * 1024 * 1024;

/**
 * Fixed at this moment, however long reading it takes and whatever is applied meanwhile. Read it to its end or call `return`: history it
 * needs is kept until then.
 */
export function imageOf(state: StateMachine): IterableIterator<Uint8Array> {
  const head = [uint32(version)];
  const { membership, lessor, alarms, access } = state;
  for (const section of [membership.image(), lessor.image(), alarms.image(), access.image()])
    head.push(uint32(section.length), section);
  const keys = state.mvcc.image();
  return {
    next() {
      const value = head.shift();
      return value === undefined ? keys.next() : { done: false, value };
    },
    // Not a generator: one that was given up before its first step would not let go of the keys.
    return: () => keys.return(),
    [Symbol.iterator]() {
      return this;
    },
  };
}

/** Makes the state what the image says; until it has been read whole and found good, nothing changes. @throws KvError CORRUPT */
export async function restoreImage(
  state: StateMachine,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const keys = state.mvcc.restore();
  const sections: Uint8Array[] = [];
  let expected: number | undefined;
  let held = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (sections.length === expected) {
      keys.write(chunk);
      continue;
    }
    held = Buffer.concat([held, chunk]);
    if (expected === undefined && held.length >= 4) {
      const found = held.readUInt32LE(0);
      expected = sectionsOf[found];
      if (expected === undefined)
        throw new KvError(
          "CORRUPT",
          `image of version ${found}: this program reads up to version ${version}`,
        );
      held = held.subarray(4);
    }
    while (expected !== undefined && sections.length < expected && held.length >= 4) {
      const length = held.readUInt32LE(0);
      if (length > sectionBytesMax) throw new KvError("CORRUPT", `a section of ${length} bytes`);
      if (held.length < 4 + length) break;
      sections.push(held.subarray(4, 4 + length));
      held = held.subarray(4 + length);
    }
    if (sections.length === expected && held.length > 0) keys.write(held);
  }
  const [members, leases, alarms, access] = sections;
  if (!members || !leases || sections.length !== expected)
    throw new KvError("CORRUPT", "the image ends before its keys");
  state.membership.restore(members);
  // The leases first: the keys are attached to them as they come in.
  state.lessor.restore(leases);
  if (alarms === undefined) state.alarms.clear();
  else state.alarms.restore(alarms);
  if (access === undefined) state.access.clear();
  else state.access.restore(access);
  keys.finish();
}

function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
