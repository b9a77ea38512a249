/** Where the server tells what an operator should know. */
export interface ServerLog {
  error(message: string, fields: Readonly<Record<string, string | number>>): void;
}
