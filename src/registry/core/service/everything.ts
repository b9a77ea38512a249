import type { Storage } from "../../../storage/index.ts";

/** Of a list: all there is, as it is now. */
export const everything: Parameters<Storage["list"]>[1] = {
  predicate: { empty: true, matches: () => true },
  resourceVersion: "",
  resourceVersionMatch: "",
  limit: 0,
  continue: "",
};
