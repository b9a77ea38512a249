import { ofAnyKind, type ServedVersion } from "../strategies.ts";
import { cronJobStrategy } from "./cron-job.ts";
import { jobStrategy } from "./job.ts";

/** batch/v1. */
export const batchV1: ServedVersion = {
  group: "batch",
  version: "v1",
  resources: {
    cronjobs: ofAnyKind(cronJobStrategy),
    jobs: ofAnyKind(jobStrategy),
  },
};
