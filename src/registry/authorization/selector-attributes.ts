import {
  type FieldError,
  field,
  isRequirementOperator,
  type LabelSelectorRequirement,
  labelRequirementErrors,
  parseFieldSelector,
  parseLabelSelector,
  requirementValuesErrors,
  SelectorError,
} from "../../apimachinery/index.ts";

/** The selectors of a request that a review asks about: either as a client writes them, or as requirements. */
interface SelectorAttributes {
  readonly rawSelector?: string;
  readonly requirements?: readonly LabelSelectorRequirement[];
}

export interface SelectorsAsked {
  readonly fieldSelector?: SelectorAttributes;
  readonly labelSelector?: SelectorAttributes;
}

const root = "spec.resourceAttributes";

export function selectorProblems({ fieldSelector, labelSelector }: SelectorsAsked): FieldError[] {
  return [
    ...problems(fieldSelector, `${root}.fieldSelector`, fieldRequirementErrors),
    ...problems(labelSelector, `${root}.labelSelector`, (requirement, path) =>
      labelRequirementErrors(requirement, path, { anyOperator: true }),
    ),
  ];
}

function problems(
  selector: SelectorAttributes | undefined,
  path: string,
  check: (requirement: LabelSelectorRequirement, path: string) => FieldError[],
): FieldError[] {
  if (selector === undefined) return [];
  const { rawSelector = "", requirements = [] } = selector;
  if (rawSelector !== "" && requirements.length > 0)
    return [
      field.invalid(`${path}.rawSelector`, rawSelector, "may not specified at the same time as requirements"),
    ];
  if (rawSelector === "" && requirements.length === 0) {
    const rule = `when ${path} is specified, requirements or rawSelector is required`;
    return [field.required(`${path}.requirements`, rule)];
  }
  return requirements.flatMap((requirement, i) => check(requirement, `${path}.requirements[${i}]`));
}

function fieldRequirementErrors(
  { key, operator, values = [] }: LabelSelectorRequirement,
  path: string,
): FieldError[] {
  return [
    ...(key ? [] : [field.required(`${path}.key`, "must be specified")]),
    ...requirementValuesErrors(operator, values, `${path}.values`),
  ];
}

/** What is said of selectors that a reader of requests would not understand: they are left out, which asks for more. */
export function ignoredSelectors({ fieldSelector, labelSelector }: SelectorsAsked): string | undefined {
  const texts = [
    ignored(fieldSelector, `${root}.fieldSelector`, {
      parse: parseFieldSelector,
      // One value, equal or not: that is all that fields can be selected by.
      usable: ({ operator, values = [] }) =>
        (operator === "In" || operator === "NotIn") && values.length === 1,
    }),
    ignored(labelSelector, `${root}.labelSelector`, {
      parse: parseLabelSelector,
      usable: ({ operator }) => isRequirementOperator(operator),
    }),
  ].filter((text) => text !== undefined);
  return texts.length === 0 ? undefined : texts.join("; ");
}

function ignored(
  { rawSelector = "", requirements = [] }: SelectorAttributes = {},
  path: string,
  {
    parse,
    usable,
  }: { parse: (text: string) => unknown; usable: (requirement: LabelSelectorRequirement) => boolean },
): string | undefined {
  if (rawSelector !== "" && !isReadable(rawSelector, parse)) return `${path} ignored due to parse error`;
  if (requirements.every(usable)) return undefined;
  return `${path} ${requirements.some(usable) ? "partially ignored" : "ignored"} due to parse error`;
}

function isReadable(text: string, parse: (text: string) => unknown): boolean {
  try {
    parse(text);
    return true;
  } catch (error) {
    if (error instanceof SelectorError) return false;
    throw error;
  }
}
