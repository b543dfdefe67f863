import type { ActivityKind } from './model.ts';

type Details = Readonly<Record<string, unknown>>;

/** Describes an activity in one line. */
export function summarize(kind: ActivityKind, details: Details): string {
  return SUMMARIES[kind](details);
}

const SUMMARIES: Readonly<Record<ActivityKind, (details: Details) => string>> = {
  sync: (details) => JSON.stringify(details),
  trigger: (details) => JSON.stringify(details),
  projected: (details) => JSON.stringify(details),
  push: (details) => JSON.stringify(details),
};
