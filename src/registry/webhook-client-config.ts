import {
  dns1123SubdomainErrors,
  type FieldError,
  field,
  portNumberErrors,
  type WebhookClientConfig,
} from "../apimachinery/index.ts";

const form = "; desired format: https://host[/path]";

export function validateClientConfig({ url, service }: WebhookClientConfig, path: string): FieldError[] {
  if ((url === undefined) === (service === undefined)) {
    return [field.required(path, "exactly one of url or service is required")];
  }
  return url === undefined
    ? validateService(service ?? {}, `${path}.service`)
    : validateWebhookUrl(url, `${path}.url`);
}

function validateWebhookUrl(text: string, path: string): FieldError[] {
  const [, scheme = "", rest = text] = /^([A-Za-z][A-Za-z0-9+.-]*):(.*)$/s.exec(text) ?? [];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what Go refuses.
  if (/[\u0000-\u001f\u007f]/.test(text)) {
    const why = `url must be a valid URL: parse ${JSON.stringify(text)}: net/url: invalid control character in URL`;
    return [field.required(path, `${why}${form}`)];
  }
  const [beforeFragment = "", ...fragment] = rest.split("#");
  const [beforeQuery = "", ...query] = beforeFragment.split("?");
  const authority = beforeQuery.startsWith("//") ? (beforeQuery.slice(2).split("/")[0] ?? "") : "";
  const at = authority.lastIndexOf("@");
  const errors: FieldError[] = [];
  if (scheme.toLowerCase() !== "https") {
    errors.push(field.invalid(path, scheme.toLowerCase(), `'https' is the only allowed URL scheme${form}`));
  }
  if (authority.slice(at + 1) === "") {
    errors.push(field.invalid(path, "", `host must be specified${form}`));
  }
  if (at !== -1) {
    errors.push(field.invalid(path, authority.slice(0, at), "user information is not permitted in the URL"));
  }
  if (fragment.join("#") !== "") {
    errors.push(field.invalid(path, fragment.join("#"), "fragments are not permitted in the URL"));
  }
  if (query.join("?") !== "") {
    errors.push(field.invalid(path, query.join("?"), "query parameters are not permitted in the URL"));
  }
  return errors;
}

function validateService(
  { namespace = "", name = "", path: urlPath, port = 0 }: NonNullable<WebhookClientConfig["service"]>,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  // Upstream hands the two over in the other order: each is missed under the other's name.
  if (namespace === "") errors.push(field.required(`${path}.name`, ""));
  if (name === "") errors.push(field.required(`${path}.namespace`, ""));
  const problems = portNumberErrors(port);
  if (problems.length > 0) {
    errors.push(field.invalid(`${path}.port`, port, `port is not valid: ${problems.join(", ")}`));
  }
  if (urlPath === undefined || urlPath === "" || urlPath === "/") return errors;
  const at = `${path}.path`;
  if (urlPath === "//") return [...errors, field.invalid(at, urlPath, "segment[0] may not be empty")];
  if (!urlPath.startsWith("/")) errors.push(field.invalid(at, urlPath, "must start with a '/'"));
  const steps = urlPath.slice(1).replace(/\/$/, "").split("/");
  steps.forEach((step, i) => {
    if (step === "") {
      errors.push(field.invalid(at, urlPath, `segment[${i}] may not be empty`));
      return;
    }
    for (const text of dns1123SubdomainErrors(step)) {
      errors.push(field.invalid(at, urlPath, `segment[${i}]: ${text}`));
    }
  });
  return errors;
}
