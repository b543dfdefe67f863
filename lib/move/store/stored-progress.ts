import { isObject } from '../../common/json.ts';
import { type CopyProgress, noProgress } from '../ports/move-store.ts';

/** Parses the progress of a copy. If an older version did not write a member, the member gets the value of a new copy. */
export function parseProgress(text: string): CopyProgress {
  const start = noProgress();
  const stored: unknown = JSON.parse(text);
  if (!isObject(stored)) return start;
  const counts = isObject(stored.counts) ? stored.counts : {};
  return { ...start, ...stored, counts: { ...start.counts, ...counts } };
}
