/** Files as bbolt has them, which is what etcd's snapshots are. */
export { BboltFile, type Bucket, type Entry } from "./file.ts";
export { BboltDamagedError, BboltReader, type PageSource } from "./reader.ts";
