import { plural } from './format.ts';
import { sendSigned } from './signed.ts';

interface Redriven {
  outcome: 'projected' | 'refused' | 'unavailable' | 'not-found';
  reason: string | null;
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
  const { items } = await post<{ items: Redriven[] }>('/query/quarantine/redrive', { ids });
  return describe(items);
}

/** Projects an event with another payload. The stored payload does not change. @throws {ApiError} */
export async function redriveWith(id: string, payload: string): Promise<ActionResult> {
  return describe([await post<Redriven>(`/query/quarantine/${id}/redrive`, { payload })]);
}

/** @throws {ApiError} */
export async function dismiss(ids: readonly string[]): Promise<ActionResult> {
  const { dismissed } = await post<{ dismissed: number }>('/query/quarantine/dismiss', { ids });
  return { isDone: true, text: `Dismissed ${plural(dismissed, 'event')}.` };
}

function describe(results: readonly Redriven[]): ActionResult {
  const projected = results.filter(({ outcome }) => outcome === 'projected').length;
  const reasons = new Set(results.flatMap(({ reason }) => (reason === null ? [] : [reason])));
  const unavailable = results.filter(({ outcome }) => outcome === 'unavailable').length;
  const texts = [
    ...(projected > 0 ? [`Projected ${plural(projected, 'event')}.`] : []),
    ...(projected + unavailable < results.length
      ? [
          `Not projected: ${plural(results.length - projected - unavailable, 'event')} (${[...reasons].join('; ')}).`,
        ]
      : []),
    ...(unavailable > 0
      ? [`The payload of ${plural(unavailable, 'event')} cannot be fetched now; try again.`]
      : []),
  ];
  return { isDone: projected === results.length, text: texts.join(' ') };
}

function post<Result>(path: string, body: object): Promise<Result> {
  return sendSigned({ service: 'execute-api', method: 'POST', path, body });
}
