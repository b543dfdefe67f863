import { z } from '@hono/zod-openapi';

const date = z.iso.datetime().openapi({ example: '2026-07-30T12:00:00.000Z' });
const count = z.int();

/** The migration of a pool. It has the members that `move status --json` prints. */
export const MIGRATION = z
  .object({
    identityPoolId: z.string().openapi({ example: 'us-east-1:00000000-0000-4000-8000-000000000001' }),
    origin: z.string().describe('The address of the origin.'),
    phase: z
      .enum(['usable', 'all', 'data', 'done'])
      .describe(
        'The phase of the last copy, in this order: `usable` and `all` list identities, `data` copies datasets, `done` is complete.',
      ),
    copyStartedAt: date,
    copiedAt: date.nullable().describe('The end of the last complete copy.'),
    identities: count.describe('Identities that came from the origin.'),
    identitiesCopied: count.describe('Identities that the last copy has compared with the origin.'),
    copied: z
      .object({
        listed: count,
        created: count,
        copied: count,
        datasets: count,
        records: count,
        removed: count,
        kept: count,
        missing: count,
        skipped: count,
        unread: count,
      })
      .describe('What the last copy did, as numbers of identities, datasets and records.'),
    followedUpTo: date.nullable().describe('The arrival of the last event of the origin that was applied.'),
    caughtUpTo: date.nullable().describe('The time up to which all events of the origin are applied.'),
    lastOldWrite: date
      .nullable()
      .describe('The last known write at the origin by an old version of the app.'),
    eventsMissingSince: date
      .nullable()
      .describe('Since when events of the origin may be missing here; null if none are.'),
    takenOver: count.describe('Identities that this service owns.'),
    bridge: z.object({
      datasets: count.describe('Datasets that were compared with the origin since their takeover.'),
      bridged: count.describe(
        'Compared datasets that do not wait for the bridge, which keeps both services equal.',
      ),
      waiting: count.describe('Datasets that wait for the bridge.'),
      failing: count.describe('Waiting datasets whose last attempt failed.'),
      problems: z.record(z.string(), count).describe('The failing datasets, by the reason.'),
      owedKeys: count.describe('Keys that must still be written at the origin.'),
      conflicts: count.describe('Conflicts between changes here and at the origin that were decided.'),
    }),
    countsAreMinimums: z
      .boolean()
      .describe(
        'Whether `identities`, `identitiesCopied`, `takenOver` and `bridge` are minimums, because only the first 5,000 identities, waiting datasets and conflicts of a pool are counted. `move status` counts all.',
      ),
    verifiedAt: date.nullable().describe('The end of the last `move verify`.'),
    differences: count.nullable().describe('The differences that the last `move verify` found.'),
    finishedAt: date.nullable().describe('When the migration was finished.'),
    running: z
      .object({ holder: z.string(), until: date })
      .nullable()
      .describe('The process that works on the pool; null if none does.'),
  })
  .openapi('Migration');
