import { etcdserverpb } from "../../wire/index.ts";
import { type Method, unary } from "../method.ts";

export function defragmentMethod(defragment: () => Promise<void>): Method {
  return unary(etcdserverpb.MaintenanceService.Defragment, async () => {
    await defragment();
    return {};
  });
}
