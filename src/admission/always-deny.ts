import { refused } from "./forbidden.ts";
import type { AdmissionPlugin } from "./ports.ts";

/** Nothing may be written: upstream's AlwaysDeny, for tests. */
export const alwaysDeny: AdmissionPlugin = {
  name: "AlwaysDeny",
  connects: true,
  mutate(request) {
    throw refused(request, "admission control is denying all modifications");
  },
};
