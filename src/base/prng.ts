/** A source of uniform numbers in [0, 1). */
export type NumberSource = () => number;

/**
 * sfc32 (Small Fast Counter, C. Doty-Humphrey, PractRand): 128 bits of state from a 32-bit seed.
 * For simulation and jitter, never for secrets.
 */
export function seededPrng(seed: number): NumberSource {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = seed | 0;
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return (sum >>> 0) / 0x1_0000_0000;
  };
  for (let i = 0; i < 12; i++) next();
  return next;
}
