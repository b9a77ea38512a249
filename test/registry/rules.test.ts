import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type KubeObject, StatusError } from "../../src/apimachinery/index.ts";
import { type Exchange, readExchanges } from "../apiserver/exchanges.ts";
import { decoded, openRegistry } from "./open-registry.ts";
import { requestContext } from "./open-store.ts";

/**
 * The rules of kinds against what the original answered: every POST of these areas, without an API server around it. What the server or
 * its admission decides before or after the rules is left out.
 */
const areas = [
  "kinds/configmaps",
  "kinds/secrets",
  "kinds/serviceaccounts",
  "kinds/endpoints",
  "kinds/endpointslices",
  "kinds/events",
  "kinds/leases",
  "kinds/namespaces",
  "kinds/nodes",
  "kinds/pods",
  "kinds/podtemplates",
  "kinds/replicationcontrollers",
  "kinds/services",
  "kinds/deployments",
  "kinds/replicasets",
  "kinds/controllerrevisions",
];

/** Decided elsewhere. */
const notOurs: Readonly<Record<string, string>> = {
  "kinds/services | invalid create: clusterIP that is taken":
    "needs the Service that a server makes at its start",
};

const pathOfKind = /^\/(?:api\/v1|apis\/([^/]+)\/([^/]+))\/(?:namespaces\/([^/]+)\/)?([a-z]+)$/;

interface Target {
  readonly group: string;
  readonly version: string;
  readonly namespace: string;
  readonly resource: string;
}

/** What admission fills in before the rules look. */
function admitted(body: KubeObject): KubeObject {
  if (body.kind === "Pod") body["spec"].serviceAccountName ??= "default";
  return body;
}

function targetOf(path: string): Target | undefined {
  const match = pathOfKind.exec(path);
  if (match === null) return undefined;
  const [, group = "", version = "v1", namespace = "", resource = ""] = match;
  return { group, version, namespace, resource };
}

/** Refusals of the decoder (400) and of admission (403) are not the rules'. */
const isOurs = ({ area, name, status }: Exchange): boolean =>
  (status === 201 || status === 422) && notOurs[`${area} | ${name}`] === undefined;

for (const area of areas) {
  describe(area, () => {
    const { handler, registry } = openRegistry();
    for (const exchange of readExchanges()) {
      if (exchange.area !== area || exchange.method !== "POST" || typeof exchange.body !== "object") continue;
      const target = targetOf(exchange.path);
      if (target === undefined || !isOurs(exchange) || registry.resource(target) === undefined) continue;
      test(exchange.name, async () => {
        const found = await post(handler(target), target, expanded(exchange.body));
        assert.deepEqual(found.warnings, warningsOf(exchange));
        assert.deepEqual(found.status, exchange.status === 201 ? undefined : statusOf(exchange));
      });
    }
  });
}

async function post(
  handler: ReturnType<ReturnType<typeof openRegistry>["handler"]>,
  target: Target,
  body: unknown,
): Promise<{ status: unknown; warnings: string[] }> {
  const context = requestContext({ namespace: target.namespace });
  try {
    await handler.create?.(admitted(decoded(handler, body, target.namespace)), context, {});
    return { status: undefined, warnings: context.warned };
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    const { code, reason, message, details } = error.status;
    return {
      status: JSON.parse(JSON.stringify({ code, reason, message, details })),
      warnings: context.warned,
    };
  }
}

function statusOf({ response }: Exchange): unknown {
  const { code, reason, message, details } = response as KubeObject;
  return { code, reason, message, details };
}

/** Of `299 - "text"` the text; what a whole resource is told comes from the server. */
function warningsOf({ responseHeaders }: Exchange): string[] {
  const headers = [responseHeaders?.["warning"] ?? []].flat();
  const texts = headers.map((header) => JSON.parse(header.slice("299 - ".length)) as string);
  return texts.filter((text) => !text.startsWith("v1 Endpoints is deprecated"));
}

/** `${repeat:x:1000}` stands for 1000 times x. */
function expanded(body: unknown): unknown {
  const text = JSON.stringify(body).replace(/\$\{repeat:(.):(\d+)\}/g, (_, character, count) =>
    character.repeat(Number(count)),
  );
  return JSON.parse(text);
}
