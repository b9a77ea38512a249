import {
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  type FieldError,
  field,
} from "../../apimachinery/index.ts";

const domainLengthMax = 253;
const pathLengthMax = 253 + 63 + 1;

/** `example.com/signer-name`: k8s.io/kubernetes/pkg/apis/core/validation ValidateSignerName. */
export function validateSignerName(path: string, name: string): FieldError[] {
  if (name === "") return [field.required(path, "")];
  const segments = name.split("/");
  const [domain = "", signer = ""] = segments;
  if (segments.length !== 2) {
    const rule = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
    return [field.invalid(path, name, rule)];
  }
  const errors: FieldError[] = domain.length > domainLengthMax ? [field.tooLong(path, domainLengthMax)] : [];
  const labels = domain.split(".");
  errors.push(...firstComplaints(path, domain, labels, dns1123LabelErrors));
  if (labels.length < 2)
    errors.push(
      field.invalid(path, domain, "should be a domain with at least two segments separated by dots"),
    );
  errors.push(...firstComplaints(path, signer, signer.split("."), dns1123SubdomainErrors));
  if (signer.length > pathLengthMax) errors.push(field.tooLong(path, pathLengthMax));
  return errors;
}

/** Those of the first label that is wrong: further ones would only say the same. */
function firstComplaints(
  path: string,
  value: string,
  labels: readonly string[],
  check: (label: string) => string[],
): FieldError[] {
  for (const label of labels) {
    const problems = check(label);
    if (problems.length > 0)
      return problems.map((problem) =>
        field.invalid(path, value, `validating label ${field.quoteGo(label)}: ${problem}`),
      );
  }
  return [];
}
