import type { Library } from "../functions.ts";
import { authorizerLibrary } from "./authorizer.ts";
import { conversions } from "./conversions.ts";
import { formatLibrary } from "./formats.ts";
import { listLibrary } from "./lists.ts";
import { networkLibrary } from "./network.ts";
import { operatorLibrary } from "./operators.ts";
import { optionalLibrary } from "./optional.ts";
import { quantityLibrary } from "./quantity.ts";
import { regexLibrary } from "./regex.ts";
import { semverLibrary } from "./semver.ts";
import { setLibrary } from "./sets.ts";
import { stringLibrary } from "./strings.ts";
import { timeLibrary } from "./time.ts";
import { urlLibrary } from "./url.ts";

/** Everything that Kubernetes 1.35 lets an expression call: CEL's standard functions, cel-go's extensions, and its own. */
export const libraries: readonly Library[] = [
  operatorLibrary,
  conversions,
  timeLibrary,
  stringLibrary,
  regexLibrary,
  listLibrary,
  setLibrary,
  optionalLibrary,
  urlLibrary,
  quantityLibrary,
  networkLibrary,
  formatLibrary,
  semverLibrary,
  authorizerLibrary,
];
