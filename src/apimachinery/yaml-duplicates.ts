import { EVENT_ID, getScalarValue, parseEvents } from "js-yaml";

/** Repeated keys that are told of one text. */
const toldMax = 100;

/** A collection that is being read. */
interface Open {
  /** Of a mapping; undefined for a sequence. */
  readonly keys: Set<string> | undefined;
  /** Where it begins in the text. */
  readonly start: number;
  /** Of a mapping: whether its next node is a value. */
  isValueNext: boolean;
  /** The key of that value, and where it is; undefined for one that is no text. */
  key: { readonly name: string; readonly start: number } | undefined;
}

/**
 * What Go's strict reader of YAML says of the first document's keys that stand twice in one mapping, "" for none: each with the line where its value
 * begins, in the order in which the values end.
 */
export function repeatedKeys(text: string, { depthMax }: { readonly depthMax: number }): string {
  const told: string[] = [];
  const open: Open[] = [];

  const node = (start: number, name: string | undefined): void => {
    const parent = open.at(-1);
    if (parent?.keys === undefined) return;
    parent.isValueNext = !parent.isValueNext;
    if (parent.isValueNext) {
      parent.key = name === undefined ? undefined : { name, start };
    } else if (parent.key !== undefined) {
      const { name: key, start: keyStart } = parent.key;
      // A value that is left out is where its key is.
      if (parent.keys.has(key) && told.length < toldMax)
        told.push(
          `  line ${lineAt(text, Math.max(start, keyStart))}: key ${JSON.stringify(key)} already set in map`,
        );
      parent.keys.add(key);
    }
  };

  let documents = 0;
  for (const event of parseEvents(text, { maxDepth: depthMax })) {
    switch (event.type) {
      case EVENT_ID.DOCUMENT:
        documents += 1;
        if (documents > 1) return said(told);
        open.push({ keys: undefined, start: 0, isValueNext: false, key: undefined });
        break;
      case EVENT_ID.MAPPING:
        open.push({ keys: new Set(), start: event.start, isValueNext: false, key: undefined });
        break;
      case EVENT_ID.SEQUENCE:
        open.push({ keys: undefined, start: event.start, isValueNext: false, key: undefined });
        break;
      case EVENT_ID.SCALAR: {
        const value = getScalarValue(text, event);
        // What is merged in may stand again.
        node(event.valueStart, value === "<<" ? undefined : value);
        break;
      }
      case EVENT_ID.ALIAS:
        node(event.anchorStart, undefined);
        break;
      case EVENT_ID.POP: {
        const closed = open.pop();
        node(closed?.start ?? 0, undefined);
        break;
      }
    }
  }
  return said(told);
}

const said = (told: readonly string[]): string =>
  told.length === 0 ? "" : `yaml: unmarshal errors:\n${told.join("\n")}`;

/** Counted from one. Asked only for what is told, so counting anew each time is bounded. */
function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) line += 1;
  return line;
}
