import type { Clock } from "../platform/index.ts";
import { Budget } from "./budget.ts";
import { ConnectionError, errorCode } from "./frames.ts";
import type { ConductLimits } from "./limits.ts";

/** Idle frames that a request, or an answer's DATA, makes up for. */
const usefulFrameWorth = 4;

/** What the other side may do that is allowed once and an attack in masses (RFC 9113, section 10.5). Beyond it: ENHANCE_YOUR_CALM. */
export class Conduct {
  readonly #resets: Budget;
  readonly #idleFrames: Budget;

  constructor(limits: ConductLimits, clock: Clock) {
    this.#resets = new Budget(clock, limits.resetsBurst, limits.resetsPerSecond);
    this.#idleFrames = new Budget(clock, limits.idleFramesBurst, limits.idleFramesPerSecond);
  }

  /** A frame that asks for nothing. @throws ConnectionError */
  idleFrame(amount = 1): void {
    if (!this.#idleFrames.spend(amount)) {
      throw new ConnectionError(errorCode.enhanceYourCalm, "too many frames that ask for nothing");
    }
  }

  usefulFrame(): void {
    this.#idleFrames.earn(usefulFrameWorth);
  }

  /** A stream broken off before its time, by the other side or because of it. @throws ConnectionError */
  reset(): void {
    if (!this.#resets.spend()) {
      throw new ConnectionError(errorCode.enhanceYourCalm, "too many streams broken off");
    }
  }
}
