import { keepStatus, statusOnly, withoutStatus } from "../status-rules.ts";
import type { ServedVersion } from "../strategies.ts";
import type { Strategy } from "../strategy.ts";
import { namespaceStrategy } from "./namespace.ts";

const plain: Strategy = { namespaced: true };
const withStatus: Strategy = {
  namespaced: true,
  prepareForCreate: withoutStatus,
  prepareForUpdate: keepStatus,
  status: statusOnly,
  resetFields: [["status"]],
};

/** The core group. */
export const coreV1: ServedVersion = {
  group: "",
  version: "v1",
  resources: {
    configmaps: plain,
    endpoints: { ...plain, allowCreateOnUpdate: true },
    events: plain,
    namespaces: namespaceStrategy,
    nodes: { ...withStatus, namespaced: false },
    pods: withStatus,
    podtemplates: plain,
    replicationcontrollers: withStatus,
    secrets: plain,
    serviceaccounts: plain,
    services: withStatus,
  },
};
