import type { Json } from "./object.ts";

/** A text that is not YAML, or too large once its aliases are followed. */
export class YamlError extends Error {
  override readonly name = "YamlError";
}

/** One YAML document to JSON values, as sigs.k8s.io/yaml reads request bodies. @throws YamlError */
export function parseYaml(text: string, options: { onDuplicate?: (path: string) => void } = {}): Json {
  void text;
  void options;
  throw new YamlError("not yet");
}

/** A value as a YAML document, keys sorted, as upstream answers `Accept: application/yaml`. */
export function stringifyYaml(value: unknown): string {
  void value;
  throw new YamlError("not yet");
}
