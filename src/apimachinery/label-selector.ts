import type { FieldError } from "./field.ts";

/** metav1.LabelSelector: the object form. */
export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: LabelSelectorRequirement[];
}

export interface LabelSelectorRequirement {
  key: string;
  operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  values?: string[];
}

export type SelectorOperator = "=" | "==" | "!=" | "in" | "notin" | "exists" | "!" | "gt" | "lt";

export interface Requirement {
  readonly key: string;
  readonly operator: SelectorOperator;
  readonly values: readonly string[];
}

/** labels.Selector. */
export interface Selector {
  matches(labels: Readonly<Record<string, string>> | undefined): boolean;
  /** Selects everything. */
  readonly empty: boolean;
  readonly requirements: readonly Requirement[];
  toString(): string;
}

/** A selector text that cannot be read; the message is upstream's. */
export class SelectorError extends Error {
  override readonly name = "SelectorError";
}

export const everything: Selector = {
  matches: () => true,
  empty: true,
  requirements: [],
  toString: () => "",
};
export const nothing: Selector = { matches: () => false, empty: false, requirements: [], toString: () => "" };

/** `a=b,c!=d,e in (f,g),!h,i`. @throws SelectorError */
export function parseLabelSelector(text: string): Selector {
  void text;
  return everything;
}

/** Equality with every entry of a map, as a Service's or a ReplicationController's selector. An empty map selects everything. */
export function selectorFromMap(labels: Readonly<Record<string, string>> | undefined): Selector {
  void labels;
  return everything;
}

/** Object form to matcher: undefined or null selects nothing, an empty one everything. @throws SelectorError */
export function selectorFromObject(selector: LabelSelector | null | undefined): Selector {
  void selector;
  return nothing;
}

/** Object form as people write it in `kubectl -l` and Table cells: `app=web,tier in (a,b)`; `<none>` and `<error>` as upstream. */
export function formatLabelSelector(selector: LabelSelector | null | undefined): string {
  return selectorFromObject(selector).toString();
}

/** The object form checked as upstream's ValidateLabelSelector. */
export function validateLabelSelector(selector: LabelSelector | undefined, path: string): FieldError[] {
  void selector;
  void path;
  return [];
}
