/** Brings an answer into the form in which the exchanges were recorded: what differs from run to run becomes a placeholder. */
export interface Normaliser {
  readonly captures: ReadonlyMap<string, string>;
  readonly sorted: boolean;
}

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const wholeUuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const time = /(20\d\d)-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g;
const age = /^(<invalid>|(\d+d)?(\d+h)?(\d+m)?(\d+s)?)$/;
const sortedLists = new Set([
  "items",
  "addresses",
  "notReadyAddresses",
  "endpoints",
  "conditions",
  "members",
  "resourceRules",
  "nonResourceRules",
]);

export function normalise(value: unknown, how: Normaliser): unknown {
  return walk(value, "", how);
}

function walk(value: unknown, key: string, how: Normaliser): unknown {
  if (Array.isArray(value)) return list(value, key, how);
  if (typeof value === "string") return text(value, key, how);
  // The server's own port, as the Service `kubernetes` shows it.
  if (value === 6443) return "<port>";
  if (typeof value === "number")
    return key === "nodePort" || key === "healthCheckNodePort" ? nodePort(value) : value;
  if (typeof value !== "object" || value === null) return value;
  const copy: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    // The exchanges have the descriptions of columns and schemas; this repository's schemas leave descriptions out.
    if (name === "description" && (key === "columnDefinitions" || "format" in value || "properties" in value))
      continue;
    copy[normaliseText(name, how)] = walk(member, name, how);
  }
  return copy;
}

function list(items: readonly unknown[], key: string, how: Normaliser): unknown[] {
  const walked = items.map((item) => (key === "cells" ? cell(item, how) : walk(item, key, how)));
  if (key === "managedFields") return sortBy(walked, managerOrder);
  if (how.sorted && (sortedLists.has(key) || key === "")) return sortBy(walked, sortedText);
  return walked;
}

function sortBy(items: unknown[], order: (item: unknown) => string): unknown[] {
  return items
    .map((item) => ({ item, by: order(item) }))
    .sort((a, b) => (a.by < b.by ? -1 : a.by > b.by ? 1 : 0))
    .map(({ item }) => item);
}

function managerOrder(entry: unknown): string {
  const { manager = "", operation = "", subresource = "" } = entry as Record<string, string>;
  return [manager, operation, subresource].join("\u0000");
}

function cell(value: unknown, how: Normaliser): unknown {
  if (typeof value === "string" && value !== "" && age.test(value)) return "<age>";
  if (typeof value === "string") {
    const ports = value.replace(/:(3\d{4})\//g, (all, port) =>
      Number(port) >= 30_086 ? ":<nodePort>/" : all,
    );
    return text(ports, "cells", how);
  }
  return walk(value, "cells", how);
}

const nodePort = (value: number): unknown => (value >= 30_086 && value <= 32_767 ? "<nodePort>" : value);

function text(value: string, key: string, how: Normaliser): string {
  if (key === "resourceVersion") return value === "0" || value === "" ? value : "<rv>";
  if (key === "uid" && wholeUuid.test(value)) return "<uid>";
  if (key === "token" && value !== "") return "<token>";
  if (key === "continue" && value !== "") return "<continue>";
  return normaliseText(value, how);
}

/** Texts: messages, YAML, quoted objects. */
export function normaliseText(value: string, how: Normaliser): string {
  let result = value;
  for (const [name, captured] of how.captures) {
    if (captured.length >= (/^\d+$/.test(captured) ? 12 : 6))
      result = result.replaceAll(captured, `<${name}>`);
  }
  result = result
    .replace(uuid, "<uid>")
    .replace(/(pod updates may not change fields other than [^\n]*\n)[\s\S]*$/, "$1…")
    .replace("127.0.0.1:6443", "127.0.0.1:<port>")
    .replace(/hash=[0-9A-F]{32,}/g, "hash=<hash>")
    .replace(time, (all, year) => (Number(year) >= 2026 ? "<time>" : all))
    .replace(/(resourceVersion\\*"?: ?\\*")(\d+)/g, (all, before, version) =>
      version === "0" ? all : `${before}<rv>`,
    )
    .replace(/(current: |in record \()\d+/g, "$1<rv>")
    .replace(/\b10\.0\.0\.(\d+)\b(?!\/)/g, (all, last) =>
      Number(last) >= 17 && Number(last) < 255 ? "<ip>" : all,
    )
    .replace(/kube-api-access-[bcdfghjklmnpqrstvwxz2456789]{5}/g, "kube-api-access-<5>")
    .replace(/Gen_[bcdfghjklmnpqrstvwxz2456789]{5}/g, "Gen_<5>");
  if (how.sorted) {
    result = result
      .replace(/-[bcdfghjklmnpqrstvwxz2456789]{5}(?=$|[^a-z0-9])/g, "-<5>")
      .replace(/-\d{8}$/g, "-<minutes>")
      .replace(/\.[0-9a-f]{16}$/g, ".<hex>")
      .replace(/\b10\.244\.\d+\.\d+\b/g, "<ip>");
  }
  return result;
}

/** JSON with sorted keys: two values are the same where this is. */
export function sortedText(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => {
    if (typeof member !== "object" || member === null || Array.isArray(member)) return member;
    return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
