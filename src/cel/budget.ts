import { evaluationCostMax } from "./limits.ts";

/** An evaluation that became too long. */
export class CostExceeded extends Error {
  override readonly name = "CostExceeded";
  constructor() {
    super("operation cancelled: actual cost limit exceeded");
  }
}

/** What one evaluation, or several in a row, may cost. */
export class Budget {
  readonly #limit: number;
  #spent = 0;

  /** @param limit units of cost, upstream's PerCallLimit if it is not given */
  constructor(limit: number = evaluationCostMax) {
    this.#limit = limit;
  }

  get spent(): number {
    return this.#spent;
  }

  get remaining(): number {
    return this.#limit - this.#spent;
  }

  /** What another budget has counted already. */
  take(cost: number): void {
    this.#spent += cost;
  }

  /** @throws CostExceeded */
  spend(cost: number): void {
    this.#spent += cost;
    if (this.#spent > this.#limit) throw new CostExceeded();
  }
}
