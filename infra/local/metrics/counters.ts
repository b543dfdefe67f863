import type { Labels, Sample } from './format-metrics.ts';

/**
 * Maximum combinations of label values of one metric. Names of sync rules are labels, so a large rules file could
 * otherwise create any number of time series. All further combinations are counted together as `other`.
 */
const MAX_SERIES = 1_000;

interface Counter {
  add(labels: Labels, count?: number): void;
  samples(): Sample[];
}

interface Histogram {
  observe(labels: Labels, seconds: number): void;
  samples(): Sample[];
}

/** Creates a counter. All calls must use the same names of labels, in the same order. */
export function createCounter(): Counter {
  const series = createSeries(() => ({ value: 0 }));
  return {
    add(labels, count = 1) {
      series.of(labels).value += count;
    },
    samples: () => series.all().map(([labels, { value }]) => ({ labels, value })),
  };
}

/**
 * Creates a histogram of durations.
 *
 * @param bounds upper bounds of the buckets in seconds, ascending
 */
export function createHistogram(bounds: readonly number[]): Histogram {
  const series = createSeries(() => ({ counts: bounds.map(() => 0), count: 0, sum: 0 }));
  return {
    observe(labels, seconds) {
      const one = series.of(labels);
      one.count += 1;
      one.sum += seconds;
      const bucket = bounds.findIndex((bound) => seconds <= bound);
      if (bucket >= 0) one.counts[bucket] = (one.counts[bucket] ?? 0) + 1;
    },
    samples: () => series.all().flatMap(([labels, one]) => toSamples(labels, one, bounds)),
  };
}

/** The buckets of Prometheus are cumulative: each one also counts the values of all smaller buckets. */
function toSamples(
  labels: Labels,
  { counts, count, sum }: { counts: readonly number[]; count: number; sum: number },
  bounds: readonly number[],
): Sample[] {
  let total = 0;
  const buckets = bounds.map((bound, index) => {
    total += counts[index] ?? 0;
    return { suffix: '_bucket', labels: { ...labels, le: String(bound) }, value: total };
  });
  return [
    ...buckets,
    { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: count },
    { suffix: '_sum', labels, value: sum },
    { suffix: '_count', labels, value: count },
  ];
}

function createSeries<State>(create: () => State) {
  const series = new Map<string, [labels: Labels, state: State]>();
  return {
    of(given: Labels): State {
      const isNew = (labels: Labels) => !series.has(keyOf(labels));
      const labels = isNew(given) && series.size >= MAX_SERIES ? asOther(given) : given;
      const key = keyOf(labels);
      const found = series.get(key) ?? [labels, create()];
      series.set(key, found);
      return found[1];
    },
    all: () => [...series.values()],
  };
}

const keyOf = (labels: Labels): string => Object.values(labels).join('\0');

const asOther = (labels: Labels): Labels =>
  Object.fromEntries(Object.keys(labels).map((name) => [name, 'other']));
