import { errors } from "../apimachinery/index.ts";
import { refused } from "./forbidden.ts";
import type { AdmissionPlugin, AdmissionReader } from "./ports.ts";

const ingressClasses = { group: "networking.k8s.io", version: "v1", resource: "ingressclasses" };
const defaultAnnotation = "ingressclass.kubernetes.io/is-default-class";
/** How a class was named before there were IngressClasses: an Ingress that has it has chosen. */
const classAnnotation = "kubernetes.io/ingress.class";

/** Gives an Ingress that names no class the class that is marked as the default. */
export function defaultIngressClass(reader: AdmissionReader): AdmissionPlugin {
  return {
    name: "DefaultIngressClass",
    resources: ["ingresses"],
    async mutate(request) {
      const { operation, resource, subresource, object } = request;
      if (resource.group !== "networking.k8s.io" || resource.resource !== "ingresses") return;
      if (subresource !== "" || operation !== "CREATE" || object === undefined) return;
      if (object["spec"]?.ingressClassName !== undefined) return;
      if (object.metadata.annotations?.[classAnnotation] !== undefined) return;
      const all = await reader.list(ingressClasses);
      const marked = all.filter(({ metadata }) => metadata.annotations?.[defaultAnnotation] === "true");
      if (marked.length === 0) return;
      if (marked.length > 1) {
        const problem = `${marked.length} default IngressClasses were found, only 1 allowed`;
        throw refused(request, errors.internalError(problem).message);
      }
      object["spec"] = { ...object["spec"], ingressClassName: marked[0]?.metadata.name };
    },
  };
}
