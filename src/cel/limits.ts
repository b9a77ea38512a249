/** Characters of an expression: cel-go's default. */
export const expressionCharactersMax = 100_000;

/** How deep an expression nests: cel-go's default. Everything that walks a tree recurses so deep at most. */
export const expressionDepthMax = 250;

/** Errors told of one expression. */
export const errorsMax = 100;

/** Longer lines are not quoted in errors. */
export const snippetCharactersMax = 16_384;

/** Cost of one evaluation, unless a caller sets less: upstream's PerCallLimit. One unit is about one step. */
export const evaluationCostMax = 1_000_000;

/** Bytes of the largest request: what no schema bounds cannot be larger. */
export const requestBytesMax = 3 * 1024 * 1024;

/** Characters of a regular expression: compiling one takes time in proportion. */
export const patternCharactersMax = 10_000;

/** Compiled regular expressions that are kept. */
export const patternsKeptMax = 256;

/** Elements that `lists.range` makes at most: cel-go has no bound, we have memory. */
export const rangeElementsMax = 1_000_000;

/** Characters of one string that an expression builds: a doubling loop stays under the cost limit for long. */
export const stringCharactersMax = 16 * 1024 * 1024;
