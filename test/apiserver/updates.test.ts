import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import { openMutationServer } from "./mutation-server.ts";
import { mutated, readMutations, updatesFixture } from "./mutations.ts";

/** How many answers of each kind may differ: none does. A list without items that a client adds is taken for none, which some of upstream's rules do not. */
const differingMax: Readonly<Record<string, number>> = {};

test("objects that are there and get one mistake each are refused, or changed, in kube-apiserver's words", async (t) => {
  const server = await openMutationServer();
  const { send } = server;
  const present = new Map<object, KubeObject>();
  for (const mutation of readMutations(updatesFixture)) {
    const { base } = mutation;
    const { name } = base.object["metadata"] as { name: string };
    let object = present.get(base);
    if (object === undefined) {
      const created = await send("POST", base.path, base.object);
      assert.ok(
        created.code === 201 || created.code === 409,
        `${base.path}/${name}: ${JSON.stringify(created)}`,
      );
      object = written((await send("GET", `${base.path}/${name}`)).object as unknown as KubeObject);
      present.set(base, object);
    }
    const answer = await send("PUT", `${base.path}/${name}?dryRun=All`, mutated(mutation, object));
    server.compare(mutation, answer, name);
  }
  await server.finish(t, differingMax);
});

/** What a client that read it writes back: without what only the server writes. */
function written({ metadata, status: _, ...rest }: KubeObject & { status?: unknown }): KubeObject {
  const { name, namespace, labels, annotations, finalizers } = metadata;
  const kept = { name, namespace, labels, annotations, finalizers };
  const given = Object.entries(kept).filter(([, value]) => value !== undefined);
  return { ...rest, metadata: Object.fromEntries(given) };
}
