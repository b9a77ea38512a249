import type { UserInfo } from "../apimachinery/index.ts";

/** What a request brings along to strategies, admission and stores. */
export interface RequestContext {
  readonly user: UserInfo;
  /** Namespace of the request; "" outside of any. */
  readonly namespace: string;
  /** Nothing may stay behind. */
  readonly dryRun: boolean;
  /** Owner in managedFields: `fieldManager`, or the User-Agent up to the first slash. */
  readonly fieldManager: string;
  /** Wall time of the request, milliseconds. */
  readonly now: number;
  /** Adds a `Warning: 299` header, once per text. */
  warn(text: string): void;
  /** Adds to the record of who did what; undefined where none is kept. */
  readonly annotate?: ((key: string, value: string) => void) | undefined;
}
