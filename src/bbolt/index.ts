/** Files as bbolt has them, which is what etcd's snapshots are. */
export { BboltFile, type Bucket, type Entry } from "./file.ts";
