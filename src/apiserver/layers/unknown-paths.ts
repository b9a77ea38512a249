import type Router from "@koa/router";
import { errors } from "../../apimachinery/index.ts";
import type { Registry } from "../../registry/index.ts";
import { builtinGroups } from "../current.ts";
import type { Discovery } from "../routes/discovery.ts";
import type { Layer } from "../state.ts";

/**
 * The innermost layer: what no route answered. Below the core group and below this server's own groups this is a Status; everything
 * else is left to the outermost layer's plain text.
 */
export function unknownPaths(router: Router, discovery: Discovery, registry: Registry): Layer {
  const groups = builtinGroups(registry);
  return async (context) => {
    const { state, req } = context;
    if (state.reply !== undefined || state.streaming) return;
    const { path } = state.info;
    // A group's documents are routes too: another method on them is refused as such.
    if (req.method !== "GET" && (discovery.serves(path) || router.match(path, "GET").route))
      throw errors.methodNotAllowed();
    const [, root = "", group = ""] = path.split("/");
    if (root === "api" || (root === "apis" && groups().has(group))) throw errors.resourceNotFound();
  };
}
