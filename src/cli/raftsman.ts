#!/usr/bin/env node
/** The `raftsman` command. What is not asked for is not loaded: starting a server must not pay for reading manifests. */
import { enableCompileCache } from "node:module";
import { join } from "node:path";
import { fail } from "./fail.ts";

// What is compiled once is read the next time. Kept beside the bundle: nothing is left anywhere else.
if (import.meta.filename.endsWith(".js")) enableCompileCache(join(import.meta.dirname, "compile-cache"));

try {
  // The flags of etcd and kube-apiserver are Go's: another syntax than commander's.
  const [, , command, ...args] = process.argv;
  if (command === "store") await (await import("./store/serve.ts")).serveStore(args);
  else if (command === "apiserver") await (await import("./apiserver/serve.ts")).serveApi(args);
  else if (command === "etcdutl") await (await import("./etcdutl/run.ts")).runEtcdutl(args);
  else await (await import("./program.ts")).runProgram();
} catch (error) {
  fail(error);
}
