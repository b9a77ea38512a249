import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { Service } from "../../src/catalog/index.ts";
import { mapsOf } from "../../src/router/haproxy/maps.ts";
import { RouteMatcher } from "../../src/router/match.ts";
import { buildTable } from "../../src/router/table.ts";
import type { Ingress, Route, RouteTable } from "../../src/router/types.ts";

const services = new Set(["web", "api", "old"]);
function tableOf(objects: { ingresses?: Ingress[]; routes?: Route[] }): RouteTable {
  return buildTable({
    ingresses: objects.ingresses ?? [],
    routes: objects.routes ?? [],
    service: (namespace, name) =>
      services.has(name)
        ? ({ metadata: { namespace, name }, spec: { ports: [{ name: "http", port: 80 }] } } as Service)
        : undefined,
    certificate: (_, name) =>
      name === "good" ? { cert: "C", key: "K" } : { reason: "SecretNotFound", message: `no ${name}` },
    isUsable: ({ cert }) => cert === "C",
  });
}
type Path = [path: string, service: string, pathType?: "Exact" | "Prefix"];
function ingress(
  name: string,
  host: string,
  paths: Path[],
  more: { age?: string; tls?: object[] } = {},
): Ingress {
  return {
    metadata: { namespace: "n", name, creationTimestamp: more.age ?? "2026-01-01T00:00:00Z" },
    spec: {
      ...(more.tls === undefined ? {} : { tls: more.tls }),
      rules: [
        {
          host,
          http: {
            paths: paths.map(([path, service, pathType = "Prefix"]) => ({
              path,
              pathType,
              backend: { service: { name: service, port: { number: 80 } } },
            })),
          },
        },
      ],
    },
  };
}
function route(
  name: string,
  spec: NonNullable<Route["spec"]>,
  namespace = "n",
  age = "2026-01-01T00:00:00Z",
): Route {
  return {
    metadata: { namespace, name, creationTimestamp: age },
    spec: { to: { kind: "Service", name: "web" }, ...spec },
  };
}
const problemsOf = (table: RouteTable, owner: string): string[] =>
  (table.problems.get(owner) ?? []).map(({ reason }) => reason);

suite("the table of routes", () => {
  test("prefers hosts to wildcards to any host, exact paths to prefixes, long ones to short ones, and ends prefixes at elements", () => {
    const { entries } = tableOf({
      ingresses: [
        ingress("a", "shop.example.org", [
          ["/", "web"],
          ["/api", "api"],
          ["/api", "old", "Exact"],
        ]),
        ingress("b", "*.example.org", [["/", "api"]]),
        ingress("c", "", [["/any", "old"]]),
      ],
    });
    const matcher = new RouteMatcher(entries);
    const found = (host: string, path: string) => matcher.find(host, path)?.targets[0]?.serviceKey ?? "none";
    assert.equal(found("shop.example.org", "/"), "n/web");
    assert.equal(found("SHOP.example.org:8080", "/apis?x=/api/y"), "n/web");
    assert.equal(found("shop.example.org", "/api/v1"), "n/api");
    assert.equal(found("shop.example.org", "/api"), "n/old");
    assert.equal(found("x.example.org", "/"), "n/api");
    assert.equal(found("a.b.example.org", "/"), "none");
    assert.equal(found("example.org", "/any/thing"), "n/old");
    assert.equal(found("", "/"), "none");
  });

  test("gives a host and path to the oldest, and tells the younger one who has it", () => {
    const table = tableOf({
      ingresses: [
        ingress(
          "young",
          "x.org",
          [
            ["/", "web"],
            ["/mine", "web"],
          ],
          { age: "2026-02-01T00:00:00Z" },
        ),
        ingress("old", "x.org", [["/", "api"]]),
      ],
    });
    assert.deepEqual(problemsOf(table, "Ingress n/young"), ["HostAlreadyClaimed"]);
    assert.match(
      table.problems.get("Ingress n/young")?.[0]?.message ?? "",
      /Ingress n\/old has x\.org\/ already/,
    );
    assert.equal(new RouteMatcher(table.entries).find("x.org", "/")?.owner, "Ingress n/old");
    assert.equal(new RouteMatcher(table.entries).find("x.org", "/mine")?.owner, "Ingress n/young");
  });

  test("keeps a Route's host for its namespace", () => {
    const table = tableOf({
      routes: [
        route("a", { host: "x.org" }),
        route("b", { host: "x.org", path: "/b" }, "other", "2026-02-01T00:00:00Z"),
      ],
    });
    assert.deepEqual(problemsOf(table, "Route other/b"), ["HostAlreadyClaimed"]);
    assert.equal(table.entries.length, 1);
  });

  test("leaves out what is broken and nothing else", () => {
    const table = tableOf({
      ingresses: [
        ingress(
          "a",
          "x.org",
          [
            ["/gone", "nobody"],
            ["/", "web"],
          ],
          { tls: [{ hosts: ["x.org"], secretName: "missing" }] },
        ),
        ingress("b", "-bad-.org", [["/", "web"]]),
        ingress("c", "y.org", [
          ["/a b\nbackend evil", "web"],
          ["relative", "web"],
        ]),
      ],
      routes: [
        route("r1", { host: "r.org", tls: { termination: "edge", certificate: "X", key: "Y" } }),
        route("r2", { host: "s.org", to: { name: "nobody" } }),
        route("r3", { host: "t.org", path: "/p", tls: { termination: "passthrough" } }),
        route("r4", {
          host: "u.org",
          to: { name: "nobody" },
          alternateBackends: [{ name: "api", weight: 10 }],
        }),
        route("r5", { host: "a.b.org", wildcardPolicy: "Subdomain" }),
      ],
    });
    assert.deepEqual(problemsOf(table, "Ingress n/a").sort(), ["SecretNotFound", "ServiceNotFound"]);
    assert.deepEqual(problemsOf(table, "Ingress n/b"), ["InvalidHost"]);
    assert.deepEqual(problemsOf(table, "Ingress n/c"), ["InvalidPath", "InvalidPath"]);
    assert.deepEqual(problemsOf(table, "Route n/r1"), ["InvalidCertificate"]);
    assert.deepEqual(problemsOf(table, "Route n/r2"), ["ServiceNotFound"]);
    assert.deepEqual(problemsOf(table, "Route n/r3"), ["InvalidPath"]);
    assert.deepEqual(
      table.entries.map(({ owner, host }) => `${owner} ${host}`),
      ["Route n/r4 u.org", "Ingress n/a x.org", "Route n/r5 *.b.org"],
    );
  });

  test("its maps find what the matcher finds, for any host and path", () => {
    const table = tableOf({
      ingresses: [
        ingress("a", "shop.example.org", [
          ["/", "web"],
          ["/api", "api"],
          ["/a.b", "old", "Exact"],
        ]),
        ingress("b", "*.example.org", [
          ["/", "api"],
          ["/api+x", "web"],
        ]),
        ingress("c", "", [["/any", "old"]]),
      ],
    });
    const lines = mapsOf(table.entries)
      .http.trim()
      .split("\n")
      .map((line) => line.split(" ") as [string, string])
      // JavaScript has the same syntax for flags of a part.
      .map(([pattern, backend]) => ({ pattern: new RegExp(pattern), backend }));
    const matcher = new RouteMatcher(table.entries);
    const host = fc.constantFrom(
      "shop.example.org",
      "Shop.Example.Org",
      "x.example.org",
      "a.x.example.org",
      "example.org",
      "other",
      "shopxexample.org",
    );
    const path = fc.array(fc.constantFrom("/", "api", "a.b", "axb", "any", "api+x", "apii", "x"), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(host, fc.constantFrom("", ":80", ":8443"), path, (name, port, parts) => {
        const asked = `/${parts.join("")}`;
        const found = matcher.find(`${name}${port}`, asked);
        const line = lines.find(({ pattern }) => pattern.test(`${name}${port}${asked}`));
        assert.equal(line?.backend, found === undefined ? undefined : `be_http:${found.id}`);
      }),
    );
  });
});
