/**
 * An implementation that a benchmark compares with other implementations. The benchmark times the function that
 * `prepare` returns, but not the call of `prepare`.
 */
export interface Contender {
  name: string;
  /** The contender takes part only in rounds whose number is divisible by `every`. */
  every: number;
  prepare(round: number): () => Promise<void>;
}

/** Creates a contender. In each round, only `run` is timed. It receives what `prepare` returned. */
export function contender<Input>(parts: {
  name: string;
  every?: number;
  prepare(round: number): Input;
  run(input: Input): Promise<void>;
}): Contender {
  return {
    name: parts.name,
    every: parts.every ?? 1,
    prepare(round) {
      const input = parts.prepare(round);
      return () => parts.run(input);
    },
  };
}

export interface Table {
  title: string;
  rows: Record<string, Record<string, string>>;
  /** Descriptions of the values that exceed their limit. */
  overLimit?: string[];
}

/** Warm-up rounds have negative numbers, and their times are discarded. */
interface Rounds {
  rounds: number;
  warmUp: number;
}

/** Runs the contenders in rotation. @returns the median time of each contender, in milliseconds */
export async function medianTimes(
  contenders: readonly Contender[],
  rounds: Rounds,
): Promise<Map<string, number>> {
  const times = await timesInRotation(contenders, rounds);
  return new Map(Array.from(times, ([name, values]) => [name, median(values)]));
}

/**
 * Runs the contenders in rotation (A B C, A B C, …), so that a machine that slows down affects all of them.
 * @returns all times of each contender, in milliseconds
 */
export async function timesInRotation(
  contenders: readonly Contender[],
  { rounds, warmUp }: Rounds,
): Promise<Map<string, number[]>> {
  const times = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let round = -warmUp; round < rounds; round += 1) {
    for (const { name, every, prepare } of contenders) {
      if (round % every !== 0) continue;
      const run = prepare(round);
      const start = performance.now();
      await run();
      if (round >= 0) times.get(name)?.push(performance.now() - start);
    }
  }
  return times;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Returns the quantile `q` (0 to 1) of the values. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(Math.floor(sorted.length * q), sorted.length - 1)] ?? Number.NaN;
}
