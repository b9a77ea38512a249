import assert from "node:assert/strict";
import { test } from "node:test";
import {
  applyConfiguration,
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  type Json,
  type JsonObject,
  type KubeObject,
  parseJson,
  parseYaml,
  StatusError,
  trackUpdate,
} from "../../src/apimachinery/index.ts";
import { applyDefaults, canonicalize, decode, emptyObject, schemaOfKind } from "../../src/schema/index.ts";
import { answersObject, type Exchange, readExchanges, someTime } from "./exchanges.ts";

const exchanges = readExchanges();

/** Decoded, defaulted, in the form that is stored. */
function accepted(exchange: Exchange, body: Json): KubeObject {
  const object = applyDefaults(exchange.kind, decode(exchange.kind, body).object, someTime);
  return canonicalize(exchange.kind, object);
}

/** Fields of `ours` that the answer has otherwise, or not at all. */
function contradictions(ours: unknown, theirs: unknown, path: string, found: string[]): void {
  if (typeof ours === "object" && ours !== null && typeof theirs === "object" && theirs !== null) {
    for (const [key, value] of Object.entries(ours)) {
      contradictions(value, (theirs as Record<string, unknown>)[key], `${path}.${key}`, found);
    }
  } else if (ours !== theirs) {
    found.push(path);
  }
}

/** Fields that a resource's own rules set or drop after decoding and defaulting, and what the recording replaced. */
const changedByOthers =
  /uid$|^\.metadata\.(name|namespace|generation|resourceVersion|selfLink|creationTimestamp|deletion|ownerReferences)|^\.status\.(allowed|authenticated|resourceRules|nonResourceRules)|\.token$|^\.spec\.(preferredHolder|strategy|dataSource|namespace)$|template\.generation$/;

test("what is created reads back with the fields of the request, its defaults and nothing that contradicts the recording", () => {
  let count = 0;
  for (const exchange of exchanges) {
    if (exchange.method !== "POST" || exchange.subresource !== "" || !answersObject(exchange)) continue;
    if (exchange.status !== 201 || typeof exchange.body !== "object") continue;
    const found: string[] = [];
    contradictions(accepted(exchange, exchange.body), exchange.response, "", found);
    assert.deepEqual(
      found.filter((path) => !changedByOthers.test(path)),
      [],
      `${exchange.area}: ${exchange.name}`,
    );
    count++;
  }
  assert.ok(count > 250, `only ${count} creations`);
});

test("kinds without rules of their own read back exactly as recorded", () => {
  const plain = new Set(
    [
      "ConfigMap Endpoints EndpointSlice Event LimitRange ReplicaSet ReplicationController Deployment PodTemplate ResourceQuota",
      "Role ClusterRole RoleBinding ClusterRoleBinding Ingress IngressClass NetworkPolicy PodDisruptionBudget PriorityClass",
      "HorizontalPodAutoscaler StorageClass CSIDriver CSINode RuntimeClass FlowSchema PriorityLevelConfiguration CronJob",
      "ValidatingWebhookConfiguration MutatingWebhookConfiguration ValidatingAdmissionPolicy ServiceAccount",
    ].flatMap((kinds) => kinds.split(" ")),
  );
  let count = 0;
  for (const exchange of exchanges) {
    if (exchange.method !== "POST" || !exchange.area.startsWith("kinds/") || !plain.has(exchange.info.kind))
      continue;
    if (exchange.subresource !== "" || exchange.status !== 201 || !answersObject(exchange)) continue;
    const ours = accepted(exchange, exchange.body as Json);
    const strip = ({ metadata, ...rest }: KubeObject): unknown => ({ ...rest, labels: metadata.labels });
    assert.deepEqual(strip(ours), strip(exchange.response), `${exchange.area}: ${exchange.name}`);
    count++;
  }
  assert.ok(count > 50, `only ${count} creations`);
});

test("a stored object is in canonical form: reading it back changes nothing", () => {
  let count = 0;
  for (const exchange of exchanges) {
    if (exchange.method !== "GET" || !answersObject(exchange) || exchange.subresource !== "") continue;
    if (JSON.stringify(exchange.response).includes("<nodePort>")) continue;
    const once = canonicalize(exchange.kind, exchange.response);
    assert.deepEqual(once, exchange.response, `${exchange.area}: ${exchange.name}`);
    assert.equal(JSON.stringify(canonicalize(exchange.kind, once)), JSON.stringify(once));
    count++;
  }
  assert.ok(count > 80, `only ${count} reads`);
});

test("a body of the wrong types is refused in Go's words", () => {
  let count = 0;
  for (const exchange of exchanges) {
    const reason = /cannot be handled as an? \w+: ((?:json|illegal|quantities|parsing).*)$/s.exec(
      exchange.status === 400 ? (exchange.response.message ?? "") : "",
    )?.[1];
    if (reason === undefined || exchange.subresource !== "") continue;
    const body = typeof exchange.body === "string" ? parseJson(exchange.body) : (exchange.body as Json);
    assert.throws(
      () => decode(exchange.kind, body),
      { name: "DecodeError", message: reason },
      `${exchange.area}: ${exchange.name}`,
    );
    count++;
  }
  assert.ok(count >= 12, `only ${count} refusals`);
});

/** Names of exchanges whose managedFields depend on what a resource's own rules do before or after. */
const managedByOthers =
  /nodePort|fieldManager=|ownerReferences|an owner that never was|dependent of|ignores uid|spec is ignored|a request$|SelfSubject|a status in an update|deletionTimestamp/;

test("every recorded writer owns the fields that the recording says", () => {
  const live = new Map<string, KubeObject>();
  let count = 0;
  for (const exchange of exchanges) {
    if (!answersObject(exchange)) continue;
    const key = `${exchange.info.group}/${exchange.info.resource}/${exchange.namespace}/${exchange.response.metadata.name}`;
    const before = live.get(key);
    if (exchange.query.get("dryRun") === null) live.set(key, exchange.response);
    if (managedByOthers.test(exchange.name) || exchange.info.kind === "CertificateSigningRequest") continue;
    if (JSON.stringify(before ?? {}).includes("<nodePort>")) continue;
    const next = written(exchange, before);
    if (next === undefined) continue;
    assert.deepEqual(
      sortedEntries(next),
      sortedEntries(exchange.response),
      `${exchange.area}: ${exchange.name}`,
    );
    count++;
  }
  assert.ok(count > 600, `only ${count} writes`);
});

function request(exchange: Exchange) {
  const { group, version } = exchange.info;
  const schema = schemaOfKind(exchange.kind);
  assert.ok(schema !== undefined);
  const hasStatus = exchange.info.subresources.some((sub) => sub.name === "status");
  return {
    manager: exchange.query.get("fieldManager") ?? "facts",
    apiVersion: group === "" ? version : `${group}/${version}`,
    subresource: "",
    time: someTime,
    schema,
    empty: emptyObject(exchange.kind),
    ...(hasStatus ? { resetFields: [["status"]] } : {}),
  };
}

function bodyOf({ body, contentType }: Exchange): Json | undefined {
  if (typeof body !== "string") return body;
  return contentType.includes("yaml") ? parseYaml(body) : parseJson(body, { onDuplicate: () => undefined });
}

/** The object as the write makes it, undefined for what is no write of the main resource. */
function written(exchange: Exchange, before: KubeObject | undefined): KubeObject | undefined {
  const { method, contentType } = exchange;
  const body = bodyOf(exchange);
  if (exchange.subresource !== "" || body === undefined) return undefined;
  if (method === "POST") return trackUpdate(undefined, accepted(exchange, body), request(exchange));
  if (contentType.includes("apply-patch")) {
    const force = exchange.query.get("force") === "true";
    return applyConfiguration(before, body as unknown as KubeObject, { ...request(exchange), force });
  }
  if (before === undefined) return undefined;
  if (method === "PUT") return trackUpdate(before, accepted(exchange, body), request(exchange));
  if (method !== "PATCH") return undefined;
  const patched = patch(before as unknown as JsonObject, body, exchange);
  return trackUpdate(before, accepted(exchange, patched), request(exchange));
}

function patch(before: JsonObject, body: Json, exchange: Exchange): Json {
  if (exchange.contentType.includes("json-patch")) return applyJsonPatch(before, body);
  if (exchange.contentType.includes("strategic")) {
    return applyStrategicMergePatch(before, body, request(exchange).schema);
  }
  return applyMergePatch(before, body);
}

function sortedEntries(object: KubeObject): unknown {
  const key = (entry: { manager?: string; operation?: string; subresource?: string }): string =>
    `${entry.manager}/${entry.operation}/${entry.subresource ?? ""}`;
  return [...(object.metadata.managedFields ?? [])].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

test("patches change what the recording says they change", () => {
  const live = new Map<string, KubeObject>();
  let count = 0;
  for (const exchange of exchanges) {
    if (!answersObject(exchange)) continue;
    const key = `${exchange.info.resource}/${exchange.namespace}/${exchange.response.metadata.name}`;
    const before = live.get(key);
    if (exchange.query.get("dryRun") === null) live.set(key, exchange.response);
    if (exchange.method !== "PATCH" || exchange.subresource !== "" || before === undefined) continue;
    if (exchange.area !== "errors" || exchange.contentType.includes("apply")) continue;
    const body = typeof exchange.body === "string" ? parseJson(exchange.body) : (exchange.body as Json);
    const { metadata: _ours, ...ours } = accepted(
      exchange,
      patch(before as unknown as JsonObject, body, exchange),
    );
    const { metadata: _theirs, ...theirs } = exchange.response;
    assert.deepEqual(ours, theirs, exchange.name);
    count++;
  }
  assert.ok(count > 25, `only ${count} patches`);
});

test("a patch or an apply that cannot be applied is answered as recorded", () => {
  const live = new Map<string, KubeObject>();
  let count = 0;
  for (const exchange of exchanges) {
    if (answersObject(exchange) && exchange.query.get("dryRun") === null) {
      live.set(
        `${exchange.info.resource}/${exchange.namespace}/${exchange.response.metadata.name}`,
        exchange.response,
      );
    }
    if (exchange.method !== "PATCH" || exchange.status < 400 || exchange.subresource !== "") continue;
    const before = live.get(`${exchange.info.resource}/${exchange.namespace}/${exchange.object}`);
    if (before === undefined) continue;
    let body: Json;
    try {
      body = typeof exchange.body === "string" ? parseJson(exchange.body) : (exchange.body as Json);
    } catch {
      continue;
    }
    try {
      if (exchange.contentType.includes("apply-patch")) {
        const force = exchange.query.get("force") === "true";
        applyConfiguration(before, body as unknown as KubeObject, { ...request(exchange), force });
      } else patch(before as unknown as JsonObject, body, exchange);
    } catch (error) {
      assert.ok(error instanceof StatusError, `${exchange.name}: ${(error as Error).stack}`);
      assert.deepEqual(error.status, exchange.response, exchange.name);
      count++;
    }
  }
  assert.ok(count > 20, `only ${count} failures`);
});
