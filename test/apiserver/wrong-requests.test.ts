import assert from "node:assert/strict";
import { test } from "node:test";
import type { UserInfo } from "../../src/apimachinery/index.ts";
import { openServer } from "./open-server.ts";

const admin: UserInfo = { name: "admin", groups: ["system:masters", "system:authenticated"] };
const maps = "/api/v1/namespaces/default/configmaps";
const identity =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';
const unreadable = "couldn't get version/kind; json parse error: json: cannot unmarshal";

interface Wrong {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
  readonly type?: string;
  readonly accept?: string;
  readonly code: number;
  /** As kube-apiserver 1.35.4 has it. */
  readonly message: string;
}

const list = (query: string, code: number, message: string): Wrong => ({
  method: "GET",
  path: `${maps}?${query}`,
  code,
  message,
});
const remove = (body: string, message: string): Wrong => ({
  method: "DELETE",
  path: `${maps}/nope`,
  body,
  code: 400,
  message,
});
const invalid = (kind: string, why: string): string => `${kind}.meta.k8s.io "" is invalid: ${why}`;

const cases: readonly Wrong[] = [
  list("limit=", 400, 'strconv.ParseInt: parsing "": invalid syntax'),
  list("timeout=1", 400, 'invalid timeout specified in the request URL - time: missing unit in duration "1"'),
  list(
    "timeout=1m1",
    400,
    'invalid timeout specified in the request URL - time: missing unit in duration "1m1"',
  ),
  list("timeout=x", 400, 'invalid timeout specified in the request URL - time: invalid duration "x"'),
  list(
    "sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
    422,
    invalid(
      "ListOptions",
      "[resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided, sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list]",
    ),
  ),
  list(
    "watch=1&resourceVersion=0&continue=x",
    422,
    invalid(
      "ListOptions",
      "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided",
    ),
  ),
  list(
    "limit=1&continue=bm90anNvbg",
    400,
    "invalid continue token: continue key is not valid: invalid character 'o' in literal null (expecting 'u')",
  ),
  remove("[]", `${unreadable} array into Go value of type ${identity}`),
  remove('{"kind":5}', `${unreadable} number into Go struct field .kind of type string`),
  remove(
    '{"kind":"ConfigMap"}',
    'no kind "ConfigMap" is registered for version "meta.k8s.io/v1" in scheme "pkg/runtime/scheme.go:111"',
  ),
  remove('{"kind":"ConfigMap","apiVersion":"a/b/c"}', "unexpected GroupVersion string: a/b/c"),
  remove(
    '{"dryRun":"All"}',
    "json: cannot unmarshal string into Go struct field DeleteOptions.dryRun of type []string",
  ),
  {
    method: "DELETE",
    path: `${maps}/nope?propagationPolicy=`,
    code: 422,
    message: invalid(
      "DeleteOptions",
      'propagationPolicy: Unsupported value: "": supported values: "Foreground", "Background", "Orphan", "nil"',
    ),
  },
  {
    method: "GET",
    path: `${maps}//x`,
    code: 404,
    message: "the server could not find the requested resource",
  },
  {
    method: "GET",
    path: `${maps}/nope`,
    accept: "application/json;v=v1",
    code: 406,
    message:
      "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf",
  },
  {
    method: "PATCH",
    path: `${maps}/x?fieldManager=m`,
    type: "application/apply-patch+yaml",
    body: '{"apiVersion":5,"kind":"ConfigMap","metadata":{"name":"x"}}',
    code: 400,
    message: "invalid object type: /, Kind=ConfigMap",
  },
  {
    method: "PATCH",
    path: "/api/v1/namespaces/default/pods/x/status?fieldManager=m",
    type: "application/apply-patch+yaml",
    body: '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"status":{"phase":"Running"}}',
    code: 404,
    message: 'pods "x" not found',
  },
  {
    method: "PATCH",
    path: `${maps}/x?fieldManager=m`,
    type: "application/apply-patch+yaml",
    body: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","no":1},"data":{"a":1}}',
    code: 500,
    message:
      "failed to create typed patch object (/x; /v1, Kind=ConfigMap): errors:\n  .data.a: expected string, got &value.valueUnstructured{Value:1}\n  .metadata.no: field not declared in schema",
  },
];

test("requests that are wrong are refused in kube-apiserver's words", async () => {
  const opened = openServer();
  const transport = opened.server.transport(admin);
  for (const { method, path, body, type = "application/json", accept = "", code, message } of cases) {
    const answer = await transport.request({
      method,
      path,
      headers: { "content-type": type, ...(accept === "" ? {} : { accept }) },
      ...(body === undefined ? {} : { body: Buffer.from(body) }),
    });
    const chunks: Uint8Array[] = [];
    for await (const chunk of answer.body) chunks.push(chunk);
    const told = JSON.parse(Buffer.concat(chunks).toString()) as { message: string };
    const what = `${method} ${path} ${body ?? ""}`;
    assert.equal(answer.status, code, `${what}: ${told.message}`);
    assert.equal(told.message, message, what);
  }
  await opened.close();
  assert.deepEqual(opened.logged, []);
});

test("parameters that Go passes over are passed over", async () => {
  const opened = openServer();
  for (const query of ["limit=1;x=2", "labelSelector=%zz"]) {
    const answer = await opened.server
      .transport(admin)
      .request({ method: "GET", path: `${maps}?${query}`, headers: {} });
    assert.equal(answer.status, 200, query);
    for await (const _ of answer.body);
  }
  await opened.close();
});
