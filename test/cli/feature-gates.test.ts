import assert from "node:assert/strict";
import { test } from "node:test";
import { checkFeatureGates } from "../../src/cli/apiserver/feature-gates.ts";

test("feature gates may be set to what they are, and are refused in kube-apiserver's words where it refuses them", () => {
  checkFeatureGates(
    "PodLevelResources=true, kube:NodeDeclaredFeatures=false,AllAlpha=f,MultiCIDRServiceAllocator=1,",
  );
  const refused = {
    "NoSuch=true": "unrecognized feature gate: NoSuch",
    "constructor=true": "unrecognized feature gate: constructor",
    PodLevelResources: "missing bool value for PodLevelResources",
    "AllAlpha=maybe":
      'invalid value of AllAlpha=maybe, err: strconv.ParseBool: parsing "maybe": invalid syntax',
    "wardle:Fast=true": "component not registered: wardle",
    "MultiCIDRServiceAllocator=false":
      "cannot set feature gate MultiCIDRServiceAllocator to false, feature is locked to true",
    "PodLevelResources=true,NodeDeclaredFeatures=true":
      "--feature-gates=NodeDeclaredFeatures=true asks for something that this server does not do: leave it out, or use kube-apiserver itself",
  };
  for (const [text, message] of Object.entries(refused))
    assert.throws(() => checkFeatureGates(text), { message }, text);
});
