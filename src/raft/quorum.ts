/*
 * What a configuration has decided, as arithmetic on what its members said. In the joint form (paper, section 6) both
 * halves must agree; an empty half agrees with everything.
 */

/** What the votes so far amount to. */
export type VoteResult = "won" | "lost" | "pending";

/**
 * The highest value that a majority has reached: with the values in falling order, the one at the majority's place.
 * Infinity for no values. Sorts `values`, which are few, in place.
 */
export function majorityIndex(values: number[]): number {
  const length = values.length;
  if (length === 0) return Number.POSITIVE_INFINITY;
  for (let i = 1; i < length; i++) {
    const value = values[i] as number;
    let j = i;
    while (j > 0 && (values[j - 1] as number) < value) {
      values[j] = values[j - 1] as number;
      j--;
    }
    values[j] = value;
  }
  return values[length >> 1] as number;
}

/** The highest value that a majority of both halves has reached. */
export function jointIndex(incoming: number[], outgoing: number[]): number {
  return Math.min(majorityIndex(incoming), majorityIndex(outgoing));
}

/** The outcome of a vote among as many voters as there are values; undefined: not heard of yet. */
export function majorityVote(votes: readonly (boolean | undefined)[]): VoteResult {
  let granted = 0;
  let rejected = 0;
  for (const vote of votes) {
    if (vote === true) granted++;
    else if (vote === false) rejected++;
  }
  const majority = votes.length === 0 ? 0 : (votes.length >> 1) + 1;
  if (granted >= majority) return "won";
  return votes.length - rejected < majority ? "lost" : "pending";
}

/** Won when both halves say so, lost as soon as one does. */
export function jointVote(
  incoming: readonly (boolean | undefined)[],
  outgoing: readonly (boolean | undefined)[],
): VoteResult {
  const first = majorityVote(incoming);
  const second = majorityVote(outgoing);
  if (first === second) return first;
  return first === "lost" || second === "lost" ? "lost" : "pending";
}
