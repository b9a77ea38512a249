import { createCacher, createKvStorage } from "../../src/storage/index.ts";
import { prefix, revision, storageContract } from "./contract.ts";

const resource = { keyPrefix: prefix, namespaced: true };

storageContract("plain kv", ({ kv, clock }) => createKvStorage({ kv, clock, ...resource }));
storageContract("watch cache", ({ kv, clock }) => createCacher({ kv, clock, ...resource }));
storageContract("watch cache from the server's start", ({ kv, clock }) =>
  createCacher({ kv, clock, windowFrom: revision(1), ...resource }),
);
