import assert from "node:assert/strict";
import { test } from "node:test";
import {
  deviceExpressionErrors,
  loadDeviceExpressions,
} from "../../src/registry/resource/device-expressions.ts";

const problems = async (source: string): Promise<string[]> => {
  await loadDeviceExpressions();
  return deviceExpressionErrors(source, "spec.selectors[0].cel.expression").map(({ detail }) => detail);
};

test("expressions about devices may bind names, look up attributes of any type and compare capacities", async () => {
  for (const source of [
    'device.driver == "gpu.example"',
    'cel.bind(gpu, device.attributes["gpu.example"], gpu.model == "a" && gpu.cores > 3)',
    'device.capacity["gpu.example"].memory.compareTo(quantity("10Gi")) >= 0',
    'device.attributes["gpu.example"].healthy',
  ])
    assert.deepEqual(await problems(source), [], source);
});

test("an expression about devices that is no condition, knows no such field or costs too much is refused", async () => {
  assert.deepEqual(await problems("device.driver"), [
    "must evaluate to bool or the unknown type, not string",
  ]);
  assert.match(String(await problems("device.nope == 1")), /undefined field 'nope'/);
  assert.match(String(await problems('cel.bind("x", 1, true)')), /variable names must be simple identifiers/);
  const nested = "[1,2,3,4,5,6,7,8,9,0]";
  const loops = `${nested}.all(a, ${nested}.all(b, ${nested}.all(c, ${nested}.all(d, ${nested}.all(e, ${nested}.all(f, a+b+c+d+e+f > 0))))))`;
  assert.deepEqual(await problems(loops), ["too complex, exceeds cost limit"]);
});
