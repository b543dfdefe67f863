/** Formats a time for people, to the second, as `2026-01-01T00:00:00Z`. @param time epoch milliseconds */
export function timeText(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}

/** Formats a time for programs: ISO 8601 to the millisecond. @param time epoch milliseconds */
export function isoOf(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}

/** Formats a count with its noun: `1 event`, `2 events`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Formats a duration or a lag in one unit: seconds, minutes, hours or days. A negative duration counts as 0. */
export function durationText(ms: number): string {
  if (ms < 10_000) return `${(Math.max(ms, 0) / 1000).toFixed(1)} s`;
  if (ms < 2 * MINUTE_MS) return `${Math.round(ms / 1000)} s`;
  if (ms < 2 * HOUR_MS) return `${Math.round(ms / MINUTE_MS)} min`;
  if (ms < 2 * DAY_MS) return `${Math.round(ms / HOUR_MS)} h`;
  return `${Math.round(ms / DAY_MS)} days`;
}
