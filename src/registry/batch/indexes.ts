/** Lists of indexes of a Job as its fields have them: `1,3-5`, in order. */

/** How many indexes a list names, all below `completions`, or what is wrong with it. */
export function countIndexes(text: string, completions: number): number | string {
  if (text === "") return 0;
  let total = 0;
  let last = -1;
  for (const interval of text.split(",")) {
    const ends = interval.split("-");
    if (ends.length > 2)
      return `the fragment "${interval}" violates the requirement that an index interval can have at most two parts separated by '-'`;
    const numbers: number[] = [];
    for (const end of ends) {
      if (!/^[+-]?\d{1,15}$/.test(end)) return `cannot convert string to integer for index: "${end}"`;
      if (Number(end) >= completions) return `too large index: "${end}"`;
      numbers.push(Number(end));
    }
    const [first = 0, until = first] = numbers;
    if (ends.length === 2 && first >= until)
      return `non-increasing order, previous: ${first}, current: ${until}`;
    if (last >= first) return `non-increasing order, previous: ${last}, current: ${first}`;
    total += until - first + 1;
    last = until;
  }
  return total;
}

/** The intervals of a list that `countIndexes` could count: first and last index of each. */
export function indexesOf(text: string): [first: number, last: number][] {
  if (text === "") return [];
  return text.split(",").map((interval) => {
    const [first = 0, last = first] = interval.split("-").map(Number);
    return [first, last];
  });
}
