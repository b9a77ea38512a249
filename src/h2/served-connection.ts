/** What a server needs of a connection it serves, whatever the protocol. */
export interface ServedConnection {
  /** No more requests; ends by itself when those under way are done. */
  close(): void;
  destroy(): void;
}
