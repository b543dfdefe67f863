export type Labels = Readonly<Record<string, string>>;

/** One value of a metric. `suffix` is `_bucket`, `_sum` or `_count` of a histogram. */
export interface Sample {
  suffix?: string;
  labels?: Labels;
  value: number;
}

/** A metric with all its values. A metric without values is still described, so that dashboards find its name. */
export interface Metric {
  name: string;
  type: 'counter' | 'gauge' | 'histogram';
  /** One line of text. */
  help: string;
  samples: readonly Sample[];
}

export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * Formats metrics as text for Prometheus. Source: Prometheus documentation, "Exposition formats", text format 0.0.4.
 *
 * @returns one line for each value, after the lines with the metric's help and type
 */
export function formatMetrics(metrics: readonly Metric[]): string {
  return metrics.map(formatMetric).join('');
}

function formatMetric({ name, type, help, samples }: Metric): string {
  const lines = samples.map(
    ({ suffix = '', labels = {}, value }) =>
      `${name}${suffix}${formatLabels(labels)} ${formatValue(value)}\n`,
  );
  return [`# HELP ${name} ${help}\n`, `# TYPE ${name} ${type}\n`, ...lines].join('');
}

function formatLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeValue(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escapeValue(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function formatValue(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return String(value);
}
