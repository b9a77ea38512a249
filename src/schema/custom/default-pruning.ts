import { deepClone, isJsonObject, type Json, type JsonObject, setOwn } from "../../apimachinery/index.ts";
import type { CustomNode } from "./custom-node.ts";
import { someSchema } from "./json-schema.ts";
import { coerceEmbedded } from "./object-meta.ts";
import { prune } from "./pruning.ts";

/** Where a value stands in an object of the schema: puts one there, and finds it there. */
interface Place {
  wrap(value: Json): Json;
  find(object: Json): Json | undefined;
}

/**
 * Takes out of a schema's defaults what objects would not keep. That is only ever a field of an embedded resource's metadata that
 * metadata does not have: other defaults that would be pruned are refused with their CRD.
 */
export function pruneDefaults(root: CustomNode): void {
  const isEmbedded = (schema: CustomNode["props"]): boolean =>
    schema["x-kubernetes-embedded-resource"] === true;
  if (!someSchema(root.props, isEmbedded)) return;
  visit(root, root, { wrap: (value) => value, find: (object) => object });
}

function visit(root: CustomNode, node: CustomNode, place: Place): void {
  if (node.default !== undefined) {
    const object = place.wrap(deepClone(node.default));
    coerceEmbedded(object, root, [], "dropped");
    prune(object, root);
    node.default = place.find(object);
  }
  for (const [name, member] of node.properties) visit(root, member, memberOf(place, name));
  // What a map's key is called does not matter.
  if (node.values !== undefined) visit(root, node.values, memberOf(place, "*"));
  if (node.items !== undefined)
    visit(root, node.items, {
      wrap: (value) => place.wrap([value]),
      find(object) {
        const list = place.find(object);
        return Array.isArray(list) ? list[0] : undefined;
      },
    });
}

function memberOf(place: Place, name: string): Place {
  return {
    wrap(value) {
      const object: JsonObject = {};
      setOwn(object, name, value);
      return place.wrap(object);
    },
    find(object) {
      const around = place.find(object);
      return isJsonObject(around) && Object.hasOwn(around, name) ? around[name] : undefined;
    },
  };
}
