/** Keys by revision: ranges, transactions, compaction, images. Synchronous, in memory, off the JavaScript heap. */

export { checkTxn, txnOpsMaxDefault } from "./check-txn.ts";
export { createMvcc } from "./mvcc.ts";
export type {
  Applied,
  ChangeCursor,
  KeyLeases,
  Mvcc,
  MvccHash,
  MvccHistory,
  MvccImage,
  MvccOptions,
  MvccRestore,
  MvccSizes,
  StoredVersion,
} from "./types.ts";
