import { test } from "node:test";
import { openMutationServer } from "./mutation-server.ts";
import { creationsFixture, mutated, readMutations } from "./mutations.ts";

/**
 * How many answers of each kind differ still; lower a number when fewer do. A pod with an empty overhead is refused before it is warned of
 * anything else; formats of numbers and alternatives of a default are told in other words.
 */
const differingMax: Readonly<Record<string, number>> = {
  Pod: 1,
  CustomResourceDefinition: 2,
};

test("objects with one mistake each are refused, or let through, in kube-apiserver's words", async (t) => {
  const server = await openMutationServer();
  for (const mutation of readMutations(creationsFixture))
    server.compare(
      mutation,
      await server.send("POST", `${mutation.base.path}?dryRun=All`, mutated(mutation)),
    );
  await server.finish(t, differingMax);
});
