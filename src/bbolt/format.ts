/** What writer and reader have to agree about; see `file.ts` for the picture. */
export const pageHeadBytes = 16;
export const kindBranch = 0x01;
export const kindLeaf = 0x02;
/** Of a leaf's entry: its value says where a bucket is. */
export const flagBucket = 0x01;
export const magic = 0xed0cdaed;
export const formatVersion = 2;

export function fnv1a(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}
