/** A moment at which something is due. */
export interface Deadline<T> {
  readonly owner: T;
  /** Milliseconds. */
  at: number;
  /** In the heap; -1: in none. */
  position: number;
}

export function deadlineOf<T>(owner: T): Deadline<T> {
  return { owner, at: 0, position: -1 };
}

/** A binary heap of deadlines, the soonest on top; each knows its place, so that it can be moved and removed. */
export class Deadlines<T> {
  readonly #heap: Deadline<T>[] = [];

  get soonest(): Deadline<T> | undefined {
    return this.#heap[0];
  }

  /** Adds a deadline, or moves the one that is there. */
  set(deadline: Deadline<T>, at: number): void {
    deadline.at = at;
    if (deadline.position < 0) {
      deadline.position = this.#heap.length;
      this.#heap.push(deadline);
    }
    this.#up(deadline);
    this.#down(deadline);
  }

  /** Takes a deadline out; one that is not in is fine. */
  remove(deadline: Deadline<T>): void {
    const { position } = deadline;
    if (position < 0) return;
    const last = this.#heap.pop() as Deadline<T>;
    if (last !== deadline) {
      this.#put(last, position);
      this.#up(last);
      this.#down(last);
    }
    deadline.position = -1;
  }

  #up(deadline: Deadline<T>): void {
    while (deadline.position > 0) {
      const parent = this.#heap[(deadline.position - 1) >>> 1] as Deadline<T>;
      if (parent.at <= deadline.at) return;
      this.#swap(parent, deadline);
    }
  }

  #down(deadline: Deadline<T>): void {
    for (;;) {
      const left = this.#heap[deadline.position * 2 + 1];
      const right = this.#heap[deadline.position * 2 + 2];
      if (left === undefined) return;
      const sooner = right !== undefined && right.at < left.at ? right : left;
      if (deadline.at <= sooner.at) return;
      this.#swap(deadline, sooner);
    }
  }

  #swap(a: Deadline<T>, b: Deadline<T>): void {
    const { position } = a;
    this.#put(a, b.position);
    this.#put(b, position);
  }

  #put(deadline: Deadline<T>, position: number): void {
    this.#heap[position] = deadline;
    deadline.position = position;
  }
}
