/**
 * Which recorded exchanges this server must answer as the original did. A ratchet: one that is not excepted and does not match
 * breaks the test, and so does one that is excepted and matches.
 */
export interface AreaExpectation {
  readonly area: string;
  /** Exchanges by name that differ, with the reason. */
  readonly exceptions?: Readonly<Record<string, string>>;
  /** Where most of an area is not served yet: how many match at least, instead of exceptions by name. */
  readonly atLeast?: number;
  /** A loop of the server's own writes to these objects as well: each exchange waits until it has. Milliseconds. */
  readonly settleMs?: number;
}

const yamlText = "the texts of Go's YAML library are not copied";
const ownDescriptions = "descriptions are in our own words";

const ownHooks = "upstream's other start hooks are of parts that this server does not have";

const templateGeneration =
  "upstream's internal form has this annotation as a field, so that views of the metadata alone leave it out";

const revisionBytes =
  "upstream compares the bytes of a revision's data, which its patches encode anew: no patch gets through";

export const expectations: readonly AreaExpectation[] = [
  { area: "kinds" },
  { area: "kinds/configmaps" },
  { area: "kinds/secrets" },
  { area: "kinds/endpoints" },
  { area: "kinds/events" },
  { area: "kinds/events.events.k8s.io" },
  { area: "kinds/namespaces" },
  { area: "kinds/nodes" },
  { area: "kinds/pods" },
  { area: "kinds/limitranges" },
  { area: "kinds/resourcequotas" },
  { area: "kinds/persistentvolumes" },
  { area: "kinds/persistentvolumeclaims" },
  { area: "kinds/podtemplates" },
  { area: "kinds/replicationcontrollers" },
  { area: "kinds/serviceaccounts" },
  { area: "kinds/services" },
  { area: "kinds/deployments" },
  { area: "kinds/replicasets" },
  { area: "kinds/statefulsets" },
  {
    area: "kinds/daemonsets",
    exceptions: {
      "get as Table": templateGeneration,
      "get as PartialObjectMetadata": templateGeneration,
      "list as PartialObjectMetadataList": templateGeneration,
    },
  },
  { area: "kinds/jobs" },
  { area: "kinds/cronjobs" },
  {
    area: "kinds/controllerrevisions",
    exceptions: {
      "merge patch": revisionBytes,
      "strategic merge patch": revisionBytes,
      "JSON patch": revisionBytes,
    },
  },
  { area: "kinds/leases" },
  { area: "kinds/endpointslices" },
  { area: "kinds/horizontalpodautoscalers" },
  { area: "kinds/horizontalpodautoscalers.autoscaling" },
  { area: "kinds/flowschemas", settleMs: 20 },
  { area: "kinds/prioritylevelconfigurations" },
  { area: "kinds/ipaddresses" },
  { area: "kinds/servicecidrs" },
  { area: "kinds/ingressclasses" },
  { area: "kinds/ingresses" },
  { area: "kinds/networkpolicies" },
  { area: "kinds/componentstatuses" },
  { area: "kinds/deviceclasses" },
  { area: "kinds/resourceclaims" },
  { area: "kinds/resourceclaimtemplates" },
  { area: "kinds/resourceslices" },
  { area: "kinds/priorityclasses" },
  { area: "kinds/storageclasses" },
  { area: "kinds/csidrivers" },
  { area: "kinds/csinodes" },
  { area: "kinds/csistoragecapacities" },
  { area: "kinds/volumeattachments" },
  { area: "kinds/volumeattributesclasses" },
  { area: "kinds/poddisruptionbudgets" },
  { area: "kinds/runtimeclasses" },
  { area: "kinds/roles" },
  { area: "kinds/clusterroles" },
  { area: "kinds/rolebindings" },
  { area: "kinds/clusterrolebindings" },
  { area: "kinds/validatingwebhookconfigurations" },
  { area: "kinds/mutatingwebhookconfigurations" },
  { area: "kinds/validatingadmissionpolicies" },
  { area: "kinds/validatingadmissionpolicybindings" },
  { area: "kinds/certificatesigningrequests" },
  {
    area: "errors",
    exceptions: {
      "malformed YAML": yamlText,
      "content type application/vnd.kubernetes.protobuf":
        "the error quotes the body, which was recorded with blanks in its JSON",
      "patch: merge patch changes kind":
        "upstream decodes the fields as the other kind's before it looks at the kind",
    },
  },
  { area: "finalizers" },
  { area: "lists" },
  {
    area: "watch",
    exceptions: { "stream content type as YAML": "long texts are folded differently in YAML" },
  },
  {
    area: "services",
    exceptions: {},
  },
  { area: "auth", exceptions: { "anonymous /version": "the builds differ" } },
  { area: "admission" },
  { area: "policies" },
  { area: "webhooks" },
  {
    area: "non-resource",
    exceptions: {
      "GET /version": "the builds differ",
      "GET /livez?verbose": ownHooks,
      "GET /readyz?verbose": ownHooks,
      "GET /healthz?verbose": ownHooks,
      "GET /readyz?verbose&exclude=etcd": ownHooks,
      "GET /readyz?exclude=nope&verbose": ownHooks,
      "GET /": ownHooks,
      "GET /index.html": ownHooks,
      "GET /metrics, first lines": "the server measures itself by metrics of its own",
      "openapi v2 info":
        "one Vary header says that documents depend on Accept; they are not compressed for keeping",
      "openapi v3 of a group": ownDescriptions,
    },
  },
  { area: "kinds/customresourcedefinitions" },
  { area: "kinds/apiservices" },
  {
    area: "crd",
    exceptions: {
      "OpenAPI v3 schema": ownDescriptions,
      "OpenAPI v3 path names": ownDescriptions,
      "OpenAPI v2 definition": ownDescriptions,
      "watch from a revision older than the watch cache: 200 with an ERROR event, code 410":
        "upstream's cache of a custom kind begins with its CRD; ours tells what the store still has",
    },
  },
];
