/** One way of doing the work, to be set beside others: gets ready for a round and gives what is to be timed. */
export interface Contender {
  name: string;
  /** Takes part in every so-manieth round only, round 0 among them. */
  every: number;
  prepare(round: number): () => Promise<void>;
}

/** A contender from what it prepares, which is not timed, and what it does with that, which is. */
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
  /** What is over its limit, in words. */
  overLimit?: string[];
}

/** Rounds before 0 warm up and do not count. */
interface Rounds {
  rounds: number;
  warmUp: number;
}

/** The median time of each contender, in milliseconds, by turns. */
export async function medianTimes(
  contenders: readonly Contender[],
  rounds: Rounds,
): Promise<Map<string, number>> {
  const times = await timesByTurns(contenders, rounds);
  return new Map(Array.from(times, ([name, values]) => [name, median(values)]));
}

/**
 * Runs the contenders in turn (A B C, A B C, …), so that a machine that gets slower gets slower for all.
 * @returns all times of each, in milliseconds
 */
export async function timesByTurns(
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

/** The value that the share `q` (0 to 1) of the values lies below. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(Math.floor(sorted.length * q), sorted.length - 1)] ?? Number.NaN;
}
