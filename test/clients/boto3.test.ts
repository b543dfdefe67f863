import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openLocalCloud } from '../fixtures/local/local-cloud.ts';
import { emptyShell, isMissingModule, run } from './optional-program.ts';
import { createPlayerPool } from './player-pool.ts';

const missing = isMissingModule('boto3 against the local cloud', 'boto3');
const SCRIPT = fileURLToPath(new URL('boto3_sync.py', import.meta.url));

const { cloud } = await openLocalCloud();

describe.skipIf(missing)('boto3', () => {
  it('works for a player, a user of a backend and a developer', async () => {
    const env = emptyShell({
      AWS_ENDPOINT_URL: cloud.url,
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
    });
    const output = await run('python3', [SCRIPT, await createPlayerPool(cloud.url)], env);
    expect(JSON.parse(output)).toEqual({
      player: {
        stored: '7 ü 😀',
        deviceDateIsKept: true,
        isSamePerson: true,
        listed: [['level', 1]],
        conflict: [409, 'Current SyncCount for: level is: 1 not: 0'],
        existsAfterDeletion: false,
      },
      userOfBackend: { datasets: 0 },
      developer: { storedBytes: 0, isGone: true },
    });
  });
});
