/** How many, or how much, at least and at most: what is known of a size or a cost before an expression runs. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Nothing counts more: upstream's unsigned 64 bits. */
export const boundless = 2 ** 64;

export const nothing: Range = { min: 0, max: 0 };
export const unknown: Range = { min: 0, max: boundless };

export const exactly = (value: number): Range => ({ min: value, max: value });

const capped = (value: number): number => Math.min(value, boundless);

export const add = (...ranges: readonly Range[]): Range => ({
  min: ranges.reduce((sum, { min }) => capped(sum + min), 0),
  max: ranges.reduce((sum, { max }) => capped(sum + max), 0),
});

export const multiply = (a: Range, b: Range): Range => ({
  min: capped(a.min * b.min),
  max: capped(a.max * b.max),
});

/** Rounded up. */
export const scale = ({ min, max }: Range, factor: number): Range => ({
  min: capped(Math.ceil(min * factor)),
  max: capped(Math.ceil(max * factor)),
});

/** What covers both. */
export const union = (a: Range, b: Range): Range => ({
  min: Math.min(a.min, b.min),
  max: Math.max(a.max, b.max),
});
