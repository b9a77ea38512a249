import type { FieldError } from "../../apimachinery/index.ts";

/** One failure of a value: the sentence about it, and the error of the field that it becomes. */
export interface ValueError {
  readonly text: string;
  readonly error: FieldError;
}

/**
 * What checking a value against a schema found. `matches` counts the checks that were passed, by which the best of several alternatives is
 * chosen; it counts as upstream does, for clients see whose errors are told.
 */
export class ValueResult {
  readonly errors: ValueError[] = [];
  matches = 0;

  static of(error: ValueError): ValueResult {
    const result = new ValueResult();
    result.errors.push(error);
    return result;
  }

  get isValid(): boolean {
    return this.errors.length === 0;
  }

  /** The same sentence is told once. */
  add(error: ValueError): void {
    if (!this.errors.some(({ text }) => text === error.text)) this.errors.push(error);
  }

  merge(other: ValueResult | undefined): void {
    if (other === undefined) return;
    for (const error of other.errors) this.add(error);
    this.matches += other.matches;
  }
}
