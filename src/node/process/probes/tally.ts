/** Counts a probe's answers: one that comes as often in a row as the threshold says is what the probe says. Pure. */
export class ProbeTally {
  readonly #thresholds: { readonly success: number; readonly failure: number };
  #last: boolean | undefined;
  #run = 0;

  constructor(thresholds: { readonly success: number; readonly failure: number }) {
    this.#thresholds = thresholds;
  }

  /** True or false once that is certain; undefined leaves it as it was. */
  observe(succeeded: boolean): boolean | undefined {
    this.#run = this.#last === succeeded ? this.#run + 1 : 1;
    this.#last = succeeded;
    return this.#run >= (succeeded ? this.#thresholds.success : this.#thresholds.failure)
      ? succeeded
      : undefined;
  }

  reset(): void {
    this.#last = undefined;
    this.#run = 0;
  }
}
