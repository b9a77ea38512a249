/**
 * Numbers for machines: counters, gauges and histograms with labels, shown in Prometheus' text format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). Counting is a few additions and no allocation once a series
 * is held; all text is made when somebody asks.
 */
export interface Metrics {
  /** Only goes up. */
  counter(name: string, help: string, labels?: readonly string[]): Family<Counter>;
  /** Read when asked for. */
  gauge(name: string, help: string, read: () => number): void;
  /** The series there are when somebody asks: the values of their labels, in order, and how much. */
  read(
    name: string,
    help: string,
    options: { readonly type: "counter" | "gauge"; readonly labels?: readonly string[] },
    read: () => Iterable<readonly [labels: readonly string[], value: number]>,
  ): void;
  /** How often values fell below each bound; `buckets` ascend. */
  histogram(
    name: string,
    help: string,
    buckets: readonly number[],
    labels?: readonly string[],
  ): Family<Histogram>;
  /** Everything, as text. */
  expose(): string;
}

/** The series of one name. A family without labels has one. */
export interface Family<Series> {
  /** The series with these values of the labels, in their order. Hold on to it where it is hot. */
  with(...values: readonly string[]): Series;
}

export interface Counter {
  add(amount?: number): void;
}

export interface Histogram {
  /** `times`: so often the same value; once when left out. */
  observe(value: number, times?: number): void;
}

/** Values of labels come from requests: beyond so many series of one name the rest share one, whose labels say `other`. */
const seriesMax = 1000;

interface Exposed {
  lines(): Iterable<string>;
}

const namePattern = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

export function createMetrics(): Metrics {
  const families = new Map<string, Exposed & { readonly head: string }>();
  const add = <F extends Exposed>(name: string, help: string, type: string, family: F): F => {
    if (!namePattern.test(name)) throw new Error(`a metric cannot be called ${name}`);
    if (families.has(name)) throw new Error(`metric ${name} exists already`);
    const head = `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n# TYPE ${name} ${type}`;
    families.set(name, { head, lines: () => family.lines() });
    return family;
  };
  return {
    counter: (name, help, labels = []) =>
      add(name, help, "counter", new SeriesFamily(labels, (text) => new CounterSeries(name, text))),
    gauge(name, help, read) {
      add(name, help, "gauge", { lines: () => [`${name} ${numberText(read())}`] });
    },
    read(name, help, { type, labels = [] }, read) {
      add(name, help, type, {
        *lines() {
          for (const [values, value] of read()) {
            const text = labelled(labels, values);
            yield `${text === "" ? name : `${name}{${text}}`} ${numberText(value)}`;
          }
        },
      });
    },
    histogram: (name, help, buckets, labels = []) =>
      add(
        name,
        help,
        "histogram",
        new SeriesFamily(labels, (text) => new HistogramSeries(name, text, buckets)),
      ),
    expose() {
      let text = "";
      for (const name of [...families.keys()].sort()) {
        const family = families.get(name);
        if (family === undefined) continue;
        let lines = "";
        for (const line of family.lines()) lines += `${line}\n`;
        // A name without a series is not shown: that is how Prometheus' own libraries have it.
        if (lines !== "") text += `${family.head}\n${lines}`;
      }
      return text;
    },
  };
}

class SeriesFamily<Series extends Exposed> implements Family<Series>, Exposed {
  readonly #labels: readonly string[];
  readonly #create: (labels: string) => Series;
  readonly #series = new Map<string, Series>();

  constructor(labels: readonly string[], create: (labels: string) => Series) {
    this.#labels = labels;
    this.#create = create;
    if (labels.length === 0) this.with();
  }

  with(...values: readonly string[]): Series {
    const key = values.join("\0");
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    if (values.length !== this.#labels.length)
      throw new Error(`${values.length} values for ${this.#labels.length} labels`);
    const other = this.#labels.map(() => "other");
    if (this.#series.size >= seriesMax && key !== other.join("\0")) return this.with(...other);
    const series = this.#create(labelled(this.#labels, values));
    this.#series.set(key, series);
    return series;
  }

  *lines(): Iterable<string> {
    for (const series of this.#series.values()) yield* series.lines();
  }
}

class CounterSeries implements Counter {
  readonly #name: string;
  #value = 0;

  constructor(name: string, labels: string) {
    this.#name = labels === "" ? name : `${name}{${labels}}`;
  }

  add(amount = 1): void {
    this.#value += amount;
  }

  lines(): string[] {
    return [`${this.#name} ${numberText(this.#value)}`];
  }
}

class HistogramSeries implements Histogram {
  readonly #name: string;
  readonly #labels: string;
  readonly #bounds: readonly number[];
  /** Not cumulative; the last is beyond all bounds. */
  readonly #counts: number[];
  #sum = 0;

  constructor(name: string, labels: string, bounds: readonly number[]) {
    this.#name = name;
    this.#labels = labels;
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number, times = 1): void {
    let bucket = 0;
    while (bucket < this.#bounds.length && value > (this.#bounds[bucket] as number)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] as number) + times;
    this.#sum += value * times;
  }

  lines(): string[] {
    const lines: string[] = [];
    const comma = this.#labels === "" ? "" : ",";
    let count = 0;
    for (const [i, bucket] of this.#counts.entries()) {
      count += bucket;
      const bound = numberText(this.#bounds[i] ?? Infinity);
      lines.push(`${this.#name}_bucket{${this.#labels}${comma}le="${bound}"} ${numberText(count)}`);
    }
    const braces = this.#labels === "" ? "" : `{${this.#labels}}`;
    lines.push(
      `${this.#name}_sum${braces} ${numberText(this.#sum)}`,
      `${this.#name}_count${braces} ${numberText(count)}`,
    );
    return lines;
  }
}

/** The shortest text of a number, as Go's `%g` has it, which is how Prometheus' own libraries write: 1e+06, 2.5e-05, +Inf. */
function numberText(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  const size = Math.abs(value);
  if (!Number.isFinite(value) || value === 0 || (size >= 1e-4 && size < 1e6)) return String(value);
  const [digits, exponent] = value.toExponential().split("e") as [string, string];
  // Go's exponents have two digits.
  return `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
}

function labelled(labels: readonly string[], values: readonly string[]): string {
  // Sorted, as Prometheus' own libraries show them: tests and scripts look for whole lines.
  const shown = labels.map((label, i) => `${label}="${escaped(values[i] as string)}"`);
  return shown.sort().join(",");
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
