import type Router from "@koa/router";
import { requireJson } from "../media-types.ts";
import { getOnly } from "./get-only.ts";

/** The level of Kubernetes' API that this server speaks; what follows the plus is ours, and is ignored in comparisons (semver). */
export const kubernetesVersion = "v1.35.4+raftsman";

const version = {
  major: "1",
  minor: "35",
  emulationMajor: "1",
  emulationMinor: "35",
  minCompatibilityMajor: "1",
  minCompatibilityMinor: "34",
  gitVersion: kubernetesVersion,
  gitCommit: "",
  gitTreeState: "clean",
  buildDate: "1970-01-01T00:00:00Z",
  goVersion: "",
  compiler: "",
  platform: "",
};
const body = JSON.stringify(version, null, 2);

/** GET /version */
export function versionRoutes(router: Router): void {
  getOnly(router, "/version", ({ state, req }) => {
    requireJson(req.headers.accept ?? "");
    state.reply = { status: 200, headers: { "content-type": "application/json" }, body };
  });
}
