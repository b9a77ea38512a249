export interface DefaultingContext {
  /** RFC 3339 seconds. */
  readonly now: string;
}

/** Fills in one value of a type, in place. */
// biome-ignore lint/suspicious/noExplicitAny: a defaulter knows the fields of its type.
export type Defaulter = (value: any, context: DefaultingContext) => void;
