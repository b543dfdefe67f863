import fc from 'fast-check';
import { type Command, command } from './command.ts';
import { createDevice } from './device.ts';
import { processes, weighted } from './places.ts';
import { KEYS, VALUES } from './record-commands.ts';
import { IDENTITIES, QUIET_POOL, STREAMING_POOL } from './setup.ts';

const [FIRST = '', SECOND = '', THIRD = ''] = IDENTITIES;

/**
 * Creates devices. Two devices of an identity share a dataset. The third has another dataset of this identity, and the
 * fourth is in another pool. The last two use the copy of the shared dataset that exists after the identity is merged.
 * Callers without a device also write to these datasets.
 */
export function createDevices() {
  return [
    [STREAMING_POOL, FIRST, 'a'] as const,
    [STREAMING_POOL, FIRST, 'a'] as const,
    [STREAMING_POOL, FIRST, 'b'] as const,
    [QUIET_POOL, FIRST, 'a'] as const,
    [STREAMING_POOL, SECOND, `a.${FIRST}`] as const,
    [STREAMING_POOL, THIRD, `a.${FIRST}`] as const,
  ].map(([IdentityPoolId, IdentityId, DatasetName]) =>
    createDevice({ IdentityPoolId, IdentityId, DatasetName }),
  );
}

const writes = fc.dictionary(fc.constantFrom(...KEYS), fc.option(fc.constantFrom(...VALUES)), {
  maxKeys: 3,
  noNullPrototype: true,
});

export const deviceCommands = fc
  .record({
    number: weighted([0, 3], [1, 3], [2, 1], [3, 1], [4, 2], [5, 1]),
    writes,
    syncs: weighted([true, 3], [false, 1]),
    process: processes,
    pageSize: fc.constantFrom(undefined, 1, 2),
    conflicts: fc.constantFrom('mine' as const, 'theirs' as const),
  })
  .map(({ number, writes, syncs, ...options }): Command => {
    const sync = syncs ? `, then syncs with ${options.process}, keeps ${options.conflicts}` : '';
    const pages = syncs ? `, pages of ${options.pageSize}` : '';
    return command(
      `device ${number} writes ${JSON.stringify(writes)}${sync}${pages}`,
      async (run, devices) => {
        const device = devices[number];
        for (const [key, value] of Object.entries(writes)) device?.write(key, value);
        if (syncs) await device?.sync(run, options);
      },
    );
  });
