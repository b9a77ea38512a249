/** Of `/metrics/slis`: Prometheus' text format 0.0.4. */
export const indicatorsType = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";

interface Indicator {
  readonly name: string;
  readonly type: string;
  success: number;
  error: number;
  last: boolean;
}

/** What health checks said, for those who measure how well a server serves (k8s.io/component-base/metrics/prometheus/slis). */
export class HealthIndicators {
  /** By name and type. As many as there are checks, thrice. */
  readonly #indicators = new Map<string, Indicator>();

  /** `type`: the endpoint that asked, such as `livez`. */
  record(name: string, type: string, held: boolean): void {
    const key = `${name} ${type}`;
    let indicator = this.#indicators.get(key);
    if (indicator === undefined) {
      indicator = { name, type, success: 0, error: 0, last: held };
      this.#indicators.set(key, indicator);
    }
    indicator.last = held;
    indicator[held ? "success" : "error"]++;
  }

  text(): string {
    const sorted = [...this.#indicators].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
    if (sorted.length === 0) return "";
    const gauges = sorted.map(
      ({ name, type, last }) => `kubernetes_healthcheck{name="${name}",type="${type}"} ${last ? 1 : 0}\n`,
    );
    const counters = sorted.flatMap(({ name, type, ...counts }) =>
      (["error", "success"] as const)
        .filter((status) => counts[status] > 0)
        .map(
          (status) =>
            `kubernetes_healthchecks_total{name="${name}",status="${status}",type="${type}"} ${counts[status]}\n`,
        ),
    );
    return [
      "# HELP kubernetes_healthcheck [STABLE] What each health check last said: 1 for well, 0 for not.\n",
      "# TYPE kubernetes_healthcheck gauge\n",
      ...gauges,
      "# HELP kubernetes_healthchecks_total [STABLE] How often each health check said what.\n",
      "# TYPE kubernetes_healthchecks_total counter\n",
      ...counters,
    ].join("");
  }
}
