import { errors, type Json, type KubeObject, stringifyJson } from "../../apimachinery/index.ts";
import type { Random } from "../../platform/index.ts";
import type { ConversionWebhook } from "../ports.ts";
import type { Convert } from "./conversion.ts";
import {
  answeredObjects,
  conversionFailure,
  type Question,
  questionText,
  reviewVersion,
} from "./conversion-review.ts";
import type { Conversion } from "./types.ts";

/** Objects of one ConversionReview, and their bytes where there is more than one. */
const reviewObjectsMax = 100;
const reviewBytesMax = 2 * 1024 * 1024;
/** Reviews of one reading that are under way at the same time. */
const reviewWorkers = 4;

/** An object that waits to be converted. */
interface Waiting {
  readonly object: KubeObject;
  readonly text: string;
  readonly resolve: (converted: KubeObject) => void;
  readonly reject: (error: Error) => void;
}

/**
 * `strategy: Webhook`: the author of the CRD converts. What is asked for at the same time (the objects of a list, of a page, of a watch's
 * start) is asked together, some at a time: upstream's API lets it be, though its server asks for every object by itself. What is converted
 * is kept for everybody who reads the same revision.
 */
export function convertByWebhook(
  conversion: Conversion,
  deps: { readonly call: ConversionWebhook | undefined; readonly random: Random },
): Convert {
  const { clientConfig = {}, conversionReviewVersions = [] } = conversion.webhook ?? {};
  const version = reviewVersion(conversionReviewVersions);
  const waiting = new Map<string, Waiting[]>();

  const ask = async (desiredApiVersion: string, asked: readonly Waiting[]): Promise<void> => {
    try {
      if (version === undefined) throw errors.plainError("no supported conversion review versions");
      const objects = asked.map(({ object }) => object);
      const question: Question = { version, uid: deps.random.uuid(), desiredApiVersion, objects };
      let answer: Json;
      try {
        if (deps.call === undefined) throw new Error("this server has no way to call webhooks");
        const texts = asked.map(({ text }) => text);
        answer = await deps.call(clientConfig, questionText(question, texts));
      } catch (error) {
        throw conversionFailure(question, `failed: ${(error as Error).message}`);
      }
      answeredObjects(question, answer).forEach((object, index) => {
        asked[index]?.resolve(object);
      });
    } catch (error) {
      for (const { reject } of asked) reject(error as Error);
    }
  };

  const askAll = async (apiVersion: string, all: readonly Waiting[]): Promise<void> => {
    const reviews = reviewsOf(all);
    const work = async (): Promise<void> => {
      for (let next = reviews.shift(); next !== undefined; next = reviews.shift())
        await ask(apiVersion, next);
    };
    await Promise.all(Array.from({ length: Math.min(reviewWorkers, reviews.length) }, work));
  };

  return (object, apiVersion) =>
    new Promise((resolve, reject) => {
      const one = { object, text: stringifyJson(object as unknown as Json), resolve, reject };
      const others = waiting.get(apiVersion);
      if (others !== undefined) {
        others.push(one);
        return;
      }
      const all = [one];
      waiting.set(apiVersion, all);
      queueMicrotask(() => {
        waiting.delete(apiVersion);
        void askAll(apiVersion, all);
      });
    });
}

/** Shares objects out to reviews of bounded size. */
function reviewsOf(all: readonly Waiting[]): Waiting[][] {
  const reviews: Waiting[][] = [];
  let bytes = 0;
  for (const one of all) {
    const last = reviews.at(-1);
    bytes += one.text.length;
    if (last !== undefined && last.length < reviewObjectsMax && bytes <= reviewBytesMax) last.push(one);
    else {
      reviews.push([one]);
      bytes = one.text.length;
    }
  }
  return reviews;
}
