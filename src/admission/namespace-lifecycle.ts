import { errors } from "../apimachinery/index.ts";
import { refused } from "./forbidden.ts";
import type { AdmissionPlugin, AdmissionReader, AdmissionRequest } from "./ports.ts";

const namespaces = { group: "", version: "v1", resource: "namespaces" };

/** Namespaces that the server itself lives in. */
const immortal: ReadonlySet<string> = new Set(["default", "kube-system", "kube-public"]);

/** Objects may be written only into namespaces that exist, and created only in those that are not ending. */
export function namespaceLifecycle(reader: AdmissionReader): AdmissionPlugin {
  const check = async (request: AdmissionRequest): Promise<void> => {
    const { operation, resource, namespace } = request;
    if (resource.group === "" && resource.resource === "namespaces") {
      if (operation === "DELETE" && immortal.has(request.name)) {
        throw refused(request, "this namespace may not be deleted");
      }
      return;
    }
    if (namespace === "" || operation === "DELETE") return;
    // A cache that has not heard yet of a new namespace is asked again, past it.
    const found =
      (await reader.get(namespaces, { namespace: "", name: namespace })) ??
      (await reader.get(namespaces, { namespace: "", name: namespace, fresh: true }));
    if (found === undefined) throw errors.notFound(namespaces, namespace);
    if (operation !== "CREATE" || found["status"]?.phase !== "Terminating") return;
    const refusal = refused(
      request,
      `unable to create new content in namespace ${namespace} because it is being terminated`,
    );
    refusal.status.details = {
      ...refusal.status.details,
      causes: [
        {
          reason: "NamespaceTerminating",
          message: `namespace ${namespace} is being terminated`,
          field: "metadata.namespace",
        },
      ],
    };
    throw refusal;
  };
  return { name: "NamespaceLifecycle", mutate: check };
}
