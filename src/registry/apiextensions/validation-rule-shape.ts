import { type FieldError, field } from "../../apimachinery/index.ts";
import { CustomNode, type JsonSchemaProps, type ValidationRule } from "../../schema/index.ts";
import { FieldPathError, fieldPathIn } from "./field-path.ts";

const reasons = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];

const hasLineBreaks = (text: string): boolean => /[\n\r]/.test(text);

/** What is wrong with x-kubernetes-validations before their expressions are looked at. */
export function validationRuleShape(schema: JsonSchemaProps, path: string): FieldError[] {
  return (schema["x-kubernetes-validations"] ?? []).flatMap((rule, index) =>
    oneRule(rule, schema, `${path}.x-kubernetes-validations[${index}]`),
  );
}

function oneRule(rule: ValidationRule, schema: JsonSchemaProps, path: string): FieldError[] {
  const { message = "", messageExpression = "", fieldPath = "", reason } = rule;
  const problems: FieldError[] = [];
  const expression = rule.rule.trim();
  const text = message.trim();
  if (expression === "") problems.push(field.required(`${path}.rule`, "rule is not specified"));
  else if (message !== "" && text === "")
    problems.push(field.invalid(`${path}.message`, message, "must be non-empty if specified"));
  else if (hasLineBreaks(text))
    problems.push(field.invalid(`${path}.message`, message, "must not contain line breaks"));
  else if (hasLineBreaks(expression) && text === "") {
    const why = "message must be specified if rule contains line breaks";
    problems.push(field.required(`${path}.message`, why));
  }
  if (messageExpression !== "" && messageExpression.trim() === "") {
    const why = "messageExpression must be non-empty if specified";
    problems.push(field.required(`${path}.messageExpression`, why));
  }
  if (reason !== undefined && !reasons.includes(reason))
    problems.push(field.notSupported(`${path}.reason`, reason, reasons));
  if (fieldPath !== "") {
    const at = `${path}.fieldPath`;
    if (fieldPath.trim() === "")
      problems.push(field.invalid(at, fieldPath, "must be non-empty if specified"));
    if (hasLineBreaks(fieldPath)) problems.push(field.invalid(at, fieldPath, "must not contain line breaks"));
    if (!leadsSomewhere(fieldPath, schema))
      problems.push(field.invalid(at, fieldPath, "must be a valid path"));
  }
  return problems;
}

function leadsSomewhere(fieldPath: string, schema: JsonSchemaProps): boolean {
  try {
    fieldPathIn(fieldPath, new CustomNode(schema), { brackets: true });
    return true;
  } catch (error) {
    if (error instanceof FieldPathError) return false;
    throw error;
  }
}
