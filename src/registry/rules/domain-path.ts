import { dns1123SubdomainErrors, type FieldError, field, regexError } from "../../apimachinery/index.ts";
import { complaints } from "./values.ts";

const pathCharacters = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
const pathPattern = new RegExp(`^${pathCharacters}$`);

/** `acme.io/foo`. */
export function validateDomainPrefixedPath(at: string, value: string): FieldError[] {
  const slash = value.indexOf("/");
  const domain = value.slice(0, slash);
  const path = value.slice(slash + 1);
  if (slash <= 0 || path === "") {
    return [field.invalid(at, value, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  }
  const errors = complaints(at, domain, dns1123SubdomainErrors(domain));
  if (!pathPattern.test(path))
    errors.push(field.invalid(at, path, regexError("Invalid path", pathCharacters)));
  return errors;
}
