import assert from "node:assert/strict";
import { test } from "node:test";
import { runtimeConfig } from "../../src/cli/apiserver/runtime-config.ts";
import { checkServed } from "../../src/main/runtime-config.ts";

const check = (...entries: string[]): void => checkServed(runtimeConfig(entries));

test("what is served may be asked for, and what is not may be declined", () => {
  check("api/all=true", "api/ga", "api/beta=true", "api/alpha=false");
  check("/v1", "apps/v1=true", "apps/v1/deployments=true", "authorization.k8s.io/v1/subjectaccessreviews");
  check("batch/v1beta1=false", "apps/v1/nobody=false");
});

test("what is not served, or cannot be switched off, is named", () => {
  const refused = (key: string, on: boolean, why: string): RegExp =>
    new RegExp(`^Error: --runtime-config=${key}=${on} asks for something .* ${why}: leave it out`);
  assert.throws(
    () => check("resource.k8s.io/v1beta1=true"),
    refused("resource.k8s.io/v1beta1", true, "is not there"),
  );
  assert.throws(() => check("apps/v1/nobody"), refused("apps/v1/nobody", true, "is not there"));
  assert.throws(() => check("apps/v1=false"), refused("apps/v1", false, "cannot be switched off"));
  assert.throws(() => check("api/all=false"), refused("api/all", false, "cannot be switched off"));
  assert.throws(() => check("apps=true"), /runtime-config invalid key apps/);
  assert.throws(() => check("apps/v1=yes"), /invalid value of apps\/v1: yes/);
});
