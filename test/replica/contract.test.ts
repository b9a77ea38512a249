import { kvContract } from "../kv/contract.ts";
import { startReplicas } from "./cluster.ts";

for (const members of [1, 3]) {
  kvContract(`replica with ${members} member${members === 1 ? "" : "s"}`, async () => {
    const cluster = await startReplicas(members);
    return { doors: cluster.replicas, close: () => cluster.close() };
  });
}
