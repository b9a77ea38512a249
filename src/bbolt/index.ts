/** Files as bbolt has them, which is what etcd's snapshots are. */
export { BboltFile, type Bucket } from "./file.ts";
export { BboltDamagedError, type Entry } from "./pages.ts";
export { BboltReader, type PageSource } from "./reader.ts";
