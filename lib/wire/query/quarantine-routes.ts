import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { QuarantineStore } from '../../projection/ports/quarantine-store.ts';
import { toText } from '../../projection/quarantined-event.ts';
import type { RedrivenEvent, RedriveOptions } from '../../projection/redrive.ts';
import { failures } from './failures.ts';
import * as schemas from './schemas.ts';

/** What operators do with quarantined events. */
export interface QuarantineOperations extends Pick<QuarantineStore, 'find' | 'dismiss'> {
  /** Projects an event again, see `redriveEvent`. */
  redrive(quarantineId: string, options?: RedriveOptions): Promise<RedrivenEvent>;
}

/** What the HTTP server tells the query API about the client of a request. */
export interface QueryBindings {
  /** Whether the caller is an operator: the request is signed with a developer's access key. */
  isOperator: boolean;
}

const NOT_AN_OPERATOR =
  "only operators may do this; sign the request with a developer's access key (Signature Version 4, service execute-api)";

const failure = (description: string) => json(description, schemas.ERROR);
const UNKNOWN = failure('No event in quarantine has this id');

const SETTLED = failure('The event was projected or dismissed before');
const WAS_SETTLED =
  'the event was projected or dismissed before; reload it, or send "again": true to project it nevertheless';

const ONE = z.object({ id: z.uuid() });
/**
 * The body is optional. A body that is not declared as JSON is refused with 415. Otherwise, it would not be read, and the
 * stored payload would be projected instead of the edited one.
 */
const EDITED = z.strictObject({
  payload: z
    .string()
    .optional()
    .describe('The edited payload, which is projected instead of the stored one.'),
  again: z
    .boolean()
    .optional()
    .describe('Whether to project the event even if it was projected or dismissed before.'),
});
/**
 * A request may dismiss more events than it may redrive: dismissing costs one statement, but redriving may fetch a
 * payload for each event.
 */
const TO_DISMISS = z.strictObject({ ids: z.array(z.uuid()).min(1).max(1_000) });
const TO_REDRIVE = z.strictObject({ ids: z.array(z.uuid()).min(1).max(100) });

/** Adds the routes on single quarantined events to the query API. Only operators may use them. */
export function addQuarantineRoutes(
  app: OpenAPIHono<{ Bindings: QueryBindings }>,
  { find, dismiss, redrive }: QuarantineOperations,
): void {
  // The caller is checked before the parameters and the body, so that other callers learn nothing from the answers.
  for (const path of ['/quarantine/:id', '/quarantine/:id/redrive']) {
    app.use(path, async (context, next) => {
      if (!context.env.isOperator) return context.json({ message: NOT_AN_OPERATOR }, 403);
      return next();
    });
  }

  app.openapi(
    createRoute({
      method: 'get',
      path: '/quarantine/{id}',
      summary: 'A quarantined event with its payload. Only for operators',
      request: { params: ONE },
      responses: { 200: json('The event', schemas.EVENT_WITH_PAYLOAD), ...failures(), 404: UNKNOWN },
    }),
    async (context) => {
      const event = await find(context.req.valid('param').id);
      if (event === null) return context.json({ message: 'no event in quarantine has this id' }, 404);
      return context.json(toText(event), 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'post',
      path: '/quarantine/{id}/redrive',
      summary: 'Projects a quarantined event again, or an edited payload instead. Only for operators',
      description:
        'An edited payload is checked like the payload of any event. The stored payload does not change.',
      request: { params: ONE, body: bodyOf(EDITED, false) },
      responses: {
        200: json('The result', schemas.REDRIVEN_EVENT),
        ...failures([415]),
        404: UNKNOWN,
        409: SETTLED,
      },
    }),
    async (context) => {
      const { id } = context.req.valid('param');
      const { payload, again } = context.req.valid('json') ?? {};
      const edited = payload === undefined ? undefined : Buffer.from(payload);
      const result = await redrive(id, { edited, isAgain: again });
      if (result.outcome === 'settled') return context.json({ message: WAS_SETTLED }, 409);
      if (result.outcome === 'not-found') {
        return context.json({ message: 'no event in quarantine has this id' }, 404);
      }
      return context.json(toItem(id, result), 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'post',
      path: '/quarantine/redrive',
      summary: 'Projects quarantined events again. Only for operators',
      request: { body: bodyOf(TO_REDRIVE, true) },
      responses: {
        200: json('The results', z.object({ items: z.array(schemas.REDRIVEN_EVENT) })),
        ...failures([415]),
      },
    }),
    async (context) => {
      const items: z.output<typeof schemas.REDRIVEN_EVENT>[] = [];
      for (const id of new Set(context.req.valid('json').ids)) items.push(toItem(id, await redrive(id)));
      return context.json({ items }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'post',
      path: '/quarantine/dismiss',
      summary:
        'Dismisses quarantined events, so that bulk publishes no longer wait for them. Only for operators',
      request: { body: bodyOf(TO_DISMISS, true) },
      responses: {
        200: json('How many of the events were waiting and were dismissed', z.object({ dismissed: z.int() })),
        ...failures([415]),
      },
    }),
    async (context) => {
      return context.json({ dismissed: await dismiss(context.req.valid('json').ids) }, 200);
    },
  );
}

function json<Schema extends z.ZodType>(description: string, schema: Schema) {
  return { description, content: { 'application/json': { schema } } };
}

function toItem(quarantineId: string, result: RedrivenEvent): z.output<typeof schemas.REDRIVEN_EVENT> {
  return {
    quarantineId,
    outcome: result.outcome,
    reason: result.outcome === 'refused' ? result.reason : null,
    records: result.outcome === 'projected' ? result.records : null,
    recordsChanged: result.outcome === 'projected' ? result.recordsChanged : null,
  };
}

function bodyOf<Schema extends z.ZodType>(schema: Schema, required: boolean) {
  return { required, content: { 'application/json': { schema } } };
}
