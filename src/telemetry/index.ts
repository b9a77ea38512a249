/** What rooms tell people and programs about themselves. */
export { createLog, type Log, type LogFields, type LogLevel, type LogOptions } from "./log.ts";
export { type Counter, createMetrics, type Family, type Histogram, type Metrics } from "./metrics.ts";
