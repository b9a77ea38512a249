import type { FlowClassifier } from "../flow-control/flow-classifier.ts";
import type { Layer } from "../state.ts";
import { isLong } from "./max-in-flight.ts";

/** Tells with the answer which FlowSchema and priority level the request belongs to; commands, logs and proxied ones belong to none. */
export function flowControl(flows: Pick<FlowClassifier, "classify">): Layer {
  return (context, next) => {
    const { state } = context;
    if (state.info.verb === "watch" || !isLong(state.info)) {
      state.flow = flows.classify(state.user, state.info);
    }
    return next(context);
  };
}
