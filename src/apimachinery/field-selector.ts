import { SelectorError } from "./requirement.ts";

export interface FieldRequirement {
  readonly field: string;
  readonly operator: "=" | "!=";
  readonly value: string;
}

/** fields.Selector: every requirement holds; a missing field is "". */
export interface FieldSelector {
  matches(fields: Readonly<Record<string, string>>): boolean;
  readonly empty: boolean;
  readonly requirements: readonly FieldRequirement[];
  /** The value that `field` must equal, if there is one. */
  exactMatch(field: string): string | undefined;
  toString(): string;
}

class RequirementFieldSelector implements FieldSelector {
  readonly requirements: readonly FieldRequirement[];

  constructor(requirements: readonly FieldRequirement[]) {
    this.requirements = requirements;
  }

  get empty(): boolean {
    return this.requirements.length === 0;
  }

  matches(fields: Readonly<Record<string, string>>): boolean {
    for (const { field, operator, value } of this.requirements) {
      const found = Object.hasOwn(fields, field) ? fields[field] : "";
      if ((found === value) !== (operator === "=")) return false;
    }
    return true;
  }

  exactMatch(field: string): string | undefined {
    return this.requirements.find((one) => one.field === field && one.operator === "=")?.value;
  }

  toString(): string {
    return this.requirements
      .map(({ field, operator, value }) => `${field}${operator}${escapeValue(value)}`)
      .join(",");
  }
}

function escapeValue(value: string): string {
  return value.replace(/[\\,=]/g, (character) => `\\${character}`);
}

/** `metadata.name=a,status.phase!=Running`, with `\,`, `\=` and `\\` escaped. @throws SelectorError */
export function parseFieldSelector(text: string): FieldSelector {
  const requirements: FieldRequirement[] = [];
  for (const term of splitTerms(text).sort()) {
    if (term === "") continue;
    const match = /^([^!=]*(?:!(?!=)[^!=]*)*)(!=|==|=)(.*)$/s.exec(term);
    if (match === null) throw new SelectorError(`invalid selector: '${text}'; can't understand '${term}'`);
    const [, field, operator, value] = match as unknown as [string, string, string, string];
    const unescaped = unescapeValue(value);
    if (field === "" && unescaped === "") continue;
    requirements.push({ field, operator: operator === "!=" ? "!=" : "=", value: unescaped });
  }
  return new RequirementFieldSelector(requirements);
}

/** At commas that no backslash escapes. */
function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === ",") {
      terms.push(text.slice(start, i));
      start = i + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
}

function unescapeValue(text: string): string {
  let value = "";
  for (let i = 0; i < text.length; i++) {
    const character = text[i] as string;
    if (character === "\\") {
      const escaped = text[++i] ?? "";
      if (escaped !== "\\" && escaped !== "," && escaped !== "=") {
        throw new SelectorError(`invalid field selector: invalid escape sequence: \\${escaped}`);
      }
      value += escaped;
    } else if (character === "=" || character === ",") {
      // Go prints the rune as its number.
      throw new SelectorError(
        `invalid field selector: unescaped character in value: ${character.charCodeAt(0)}`,
      );
    } else value += character;
  }
  return value;
}
