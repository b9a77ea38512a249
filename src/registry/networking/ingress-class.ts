import { type FieldError, field, type KubeObject, nameIsDnsLabel } from "../../apimachinery/index.ts";
import { validateDomainPrefixedPath } from "../rules/domain-path.ts";
import { countWanted } from "../rules/replicas.ts";
import { complaints, immutable } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, nameOf, none } from "../tables/cells.ts";
import { type ObjectReference, validateObjectReference } from "./object-reference.ts";

interface IngressClass extends KubeObject {
  spec: { controller?: string; parameters?: ParametersReference };
}

interface ParametersReference extends ObjectReference {
  scope?: string;
  namespace?: string;
}

const controllerBytesMax = 250;

/** Names the controller that implements the Ingresses of this class. */
export const ingressClassStrategy: Strategy<IngressClass> = {
  namespaced: false,
  metadataOnUpdate: ["changes", "object"],
  prepareForCreate: (ingressClass) => {
    ingressClass.metadata.generation = 1;
    return ingressClass;
  },
  prepareForUpdate: (next, old) => countWanted(next, old),
  validate: ({ spec }) => validateSpec(spec),
  validateUpdate: (next, old) => [
    ...immutable("spec.controller", next.spec.controller ?? "", old.spec.controller ?? ""),
    ...validateSpec(next.spec),
  ],
  tableRow: (ingressClass, now) => [
    nameOf(ingressClass),
    ingressClass.spec.controller ?? "",
    parametersCell(ingressClass),
    age(ingressClass, now),
  ],
};

function validateSpec({ controller = "", parameters }: IngressClass["spec"]): FieldError[] {
  const errors: FieldError[] = [];
  if (controller === "") errors.push(field.required("spec.controller", ""));
  else {
    if (Buffer.byteLength(controller) > controllerBytesMax) {
      errors.push(field.tooLong("spec.controller", controllerBytesMax));
    }
    errors.push(...validateDomainPrefixedPath("spec.controller", controller));
  }
  if (parameters !== undefined) errors.push(...validateParameters(parameters, "spec.parameters"));
  return errors;
}

function validateParameters(parameters: ParametersReference, path: string): FieldError[] {
  const { scope, namespace } = parameters;
  const errors = validateObjectReference(parameters, path);
  switch (scope) {
    case undefined:
      errors.push(field.required(`${path}.scope`, ""));
      break;
    case "Namespace":
      if (namespace === undefined) {
        errors.push(field.required(`${path}.namespace`, "`parameters.scope` is set to 'Namespace'"));
      } else {
        errors.push(...complaints(`${path}.namespace`, namespace, nameIsDnsLabel(namespace, false)));
      }
      break;
    case "Cluster":
      if (namespace !== undefined) {
        errors.push(field.forbidden(`${path}.namespace`, "`parameters.scope` is set to 'Cluster'"));
      }
      break;
    default:
      errors.push(field.notSupported(`${path}.scope`, scope, ["Cluster", "Namespace"]));
  }
  return errors;
}

/** `Kind.group/name`. */
function parametersCell({ spec: { parameters } }: IngressClass): string {
  if (parameters === undefined) return none;
  const { apiGroup, kind, name } = parameters;
  return `${apiGroup === undefined ? kind : `${kind}.${apiGroup}`}/${name}`;
}
