import { nameIsDnsSubdomain } from "../../apimachinery/index.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf } from "../tables/cells.ts";

export const serviceAccountStrategy: Strategy = {
  namespaced: true,
  validateName: nameIsDnsSubdomain,
  returnDeletedObject: true,
  tableRow: (account, now) => [nameOf(account), age(account, now)],
};
