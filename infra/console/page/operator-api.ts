import { NO_ROWS_CHANGED } from '../../../lib/common/no-rows-changed.ts';
import { plural } from './format.ts';
import { sendSigned } from './signed.ts';

interface Redriven {
  outcome: 'projected' | 'refused' | 'unavailable' | 'not-found' | 'settled';
  reason: string | null;
  records: number | null;
  recordsChanged: number | null;
}

/** What an action did. */
export interface ActionResult {
  isDone: boolean;
  text: string;
}

/** The payload of an event. Data that is not UTF-8 is returned in base64, and cannot be edited. */
export interface EventPayload {
  payload: string;
  payloadEncoding: 'utf8' | 'base64';
}

/** @throws {ApiError} */
export function readPayload(id: string): Promise<EventPayload> {
  return sendSigned<EventPayload>({ service: 'execute-api', path: `/query/quarantine/${id}` });
}

/** Projects events again. @throws {ApiError} */
export async function redrive(ids: readonly string[]): Promise<ActionResult> {
  const items: Redriven[] = [];
  for (const some of chunk(ids, 100)) {
    items.push(...(await post<{ items: Redriven[] }>('/query/quarantine/redrive', { ids: some })).items);
  }
  return describe(items);
}

/** Projects an event with another payload. The stored payload does not change. @throws {ApiError} */
export async function redriveWith(id: string, payload: string): Promise<ActionResult> {
  return describe([await post<Redriven>(`/query/quarantine/${id}/redrive`, { payload })]);
}

/** @throws {ApiError} */
export async function dismiss(ids: readonly string[]): Promise<ActionResult> {
  let dismissed = 0;
  for (const some of chunk(ids, 1_000)) {
    dismissed += (await post<{ dismissed: number }>('/query/quarantine/dismiss', { ids: some })).dismissed;
  }
  return { isDone: true, text: `Dismissed ${plural(dismissed, 'event')}.` };
}

/** Splits a list of ids, because the query API accepts a limited number of ids in one request. */
function chunk(ids: readonly string[], size: number): string[][] {
  return Array.from({ length: Math.ceil(ids.length / size) }, (_, n) => ids.slice(n * size, (n + 1) * size));
}

function describe(results: readonly Redriven[]): ActionResult {
  const count = (what: Redriven['outcome']) => results.filter(({ outcome }) => outcome === what).length;
  const [projected, unavailable, settled] = [count('projected'), count('unavailable'), count('settled')];
  const refused = results.length - projected - unavailable - settled;
  const reasons = new Set(results.flatMap(({ reason }) => (reason === null ? [] : [reason])));
  const unchanged = results.filter(({ records, recordsChanged }) => records && recordsChanged === 0).length;
  const texts = [
    ...(projected > 0 ? [`Projected ${plural(projected, 'event')}.`] : []),
    ...(unchanged > 0 ? [`${plural(unchanged, 'event')} changed 0 rows: ${NO_ROWS_CHANGED}.`] : []),
    ...(refused > 0 ? [`Not projected: ${plural(refused, 'event')} (${[...reasons].join('; ')}).`] : []),
    ...(settled > 0 ? [`Projected or dismissed before: ${plural(settled, 'event')}.`] : []),
    ...(unavailable > 0
      ? [`The payload of ${plural(unavailable, 'event')} cannot be fetched now; try again.`]
      : []),
  ];
  return { isDone: projected === results.length && unchanged === 0, text: texts.join(' ') };
}

function post<Result>(path: string, body: object): Promise<Result> {
  return sendSigned({ service: 'execute-api', method: 'POST', path, body });
}
