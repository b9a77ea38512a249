export interface DefaultingContext {
  /** RFC 3339 seconds. */
  readonly now: string;
}

/** Fills in one value of a type, in place. */
// biome-ignore lint/suspicious/noExplicitAny: a defaulter knows the fields of its type.
export type Defaulter = (value: any, context: DefaultingContext) => void;

/** Of a map: what Go's len says of it, for which there is no difference between none and one without entries. */
export function isEmpty(map: object | null | undefined): boolean {
  return map === undefined || map === null || Object.keys(map).length === 0;
}
