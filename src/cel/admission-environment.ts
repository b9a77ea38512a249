import { Environment } from "./environment.ts";
import { type CelType, types } from "./types.ts";

/**
 * What expressions of admission policies and match conditions may name: `object`, `oldObject`, `request`, `namespaceObject` and, where
 * they apply, `params`, `variables` and `authorizer` (k8s.io/apiserver/pkg/admission/plugin/cel).
 */

const versionedKind = types.message("kubernetes.GroupVersionKind", {
  group: types.string,
  version: types.string,
  kind: types.string,
});
const versionedResource = types.message("kubernetes.GroupVersionResource", {
  group: types.string,
  version: types.string,
  resource: types.string,
});
const userInfo = types.message("kubernetes.UserInfo", {
  username: types.string,
  uid: types.string,
  groups: types.list(types.string),
  extra: types.map(types.string, types.list(types.string)),
});

/** Of the variable `request`. */
export const admissionRequestType: CelType = types.message("kubernetes.AdmissionRequest", {
  kind: versionedKind,
  resource: versionedResource,
  subResource: types.string,
  requestKind: versionedKind,
  requestResource: versionedResource,
  requestSubResource: types.string,
  name: types.string,
  namespace: types.string,
  operation: types.string,
  userInfo,
  dryRun: types.bool,
  options: types.dyn,
});

/** Of the variable `namespaceObject`: what of a Namespace policies may depend on. */
export const namespaceObjectType: CelType = types.message("kubernetes.Namespace", {
  metadata: types.message("kubernetes.NamespaceMetadata", {
    name: types.string,
    generateName: types.string,
    namespace: types.string,
    labels: types.map(types.string, types.string),
    annotations: types.map(types.string, types.string),
    UID: types.string,
    creationTimestamp: types.timestamp,
    deletionGracePeriodSeconds: types.int,
    deletionTimestamp: types.timestamp,
    generation: types.int,
    resourceVersion: types.string,
    finalizers: types.list(types.string),
  }),
  spec: types.message("kubernetes.NamespaceSpec", { finalizers: types.list(types.string) }),
  status: types.message("kubernetes.NamespaceStatus", { phase: types.string }),
});

export interface AdmissionVariables {
  readonly params: boolean;
  readonly authorizer: boolean;
  /** Composed variables by name. */
  readonly variables?: Readonly<Record<string, CelType>>;
  /** Types of `object` (and `oldObject`), where they are known. */
  readonly object?: CelType;
  readonly paramsType?: CelType;
}

export function admissionEnvironment(options: AdmissionVariables): Environment {
  const object = options.object ?? types.dyn;
  return new Environment({
    object,
    oldObject: object,
    request: admissionRequestType,
    namespaceObject: namespaceObjectType,
    ...(options.params ? { params: options.paramsType ?? types.dyn } : {}),
    ...(options.variables === undefined
      ? {}
      : { variables: types.message("kubernetes.variables", options.variables) }),
    ...(options.authorizer
      ? {
          authorizer: types.opaque("kubernetes.authorization.Authorizer"),
          "authorizer.requestResource": types.opaque("kubernetes.authorization.ResourceCheck"),
        }
      : {}),
  });
}
