import { nodePlatform } from "../../src/platform/index.ts";
import { openStore } from "../etcdapi/store.ts";
import { kvContract } from "./contract.ts";

kvContract("in memory", async () => {
  const store = openStore(nodePlatform().clock);
  return { doors: [store.kv], close: async () => store.close() };
});
