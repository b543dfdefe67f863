import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { operate } from '../fixtures/local/operator.ts';
import { type OriginAndTarget, startOriginAndTarget } from '../fixtures/local/origin-and-target.ts';
import { set, write } from '../fixtures/wire/sync-client.ts';

const PAGE = await readFile(new URL('../../docs/move.md', import.meta.url), 'utf8');
const COMMANDS = [...PAGE.matchAll(/^```sh\n(.*?)^```$/gms)]
  .flatMap(([, block = '']) => block.split('\n'))
  .map((line) => line.replace(/#.*/, '').trim())
  .filter((line) => line !== '');
const PROGRAM = 'npx cognito-sync-backend ';

let both: OriginAndTarget;
let pool: string;
let guest: string;
beforeAll(async () => {
  both = await startOriginAndTarget(startCloud, { follows: true });
  pool = await both.newPool();
  guest = await both.newGuest(pool);
  await write(both.origin.sync, { IdentityPoolId: pool, IdentityId: guest }, 'game', [set('score', '1')]);
});
afterAll(() => both.close());

/** Runs a command line of the page. `connect` and `disconnect` change settings of the origin. */
function run(line: string) {
  const args = line
    .slice(PROGRAM.length)
    .replaceAll('<identity id>', guest)
    .replaceAll(/(--identity )<id>/g, `$1${guest}`)
    .replaceAll('<id>', pool)
    .replaceAll('<arn>', 'arn:aws:iam::000000000000:role/stream')
    .split(' ');
  if (args[0] === 'connect') args.push('--yes');
  return operate(args, {
    DATABASE_URL: both.target.cloud.sqlUrl,
    ORIGIN_ENDPOINT_URL: both.origin.cloud.url,
    AWS_ENDPOINT_URL: both.origin.cloud.url,
  });
}

it('docs/move.md has only commands that exist, and that work in sequence', async () => {
  expect(COMMANDS.length).toBeGreaterThan(10);
  // The page repeats commands of its plan where it explains the steps. The test runs each command once.
  for (const line of new Set(COMMANDS)) {
    expect(line.startsWith(PROGRAM), line).toBe(true);
    const { code, stderr } = await run(line);
    // `move finish` may refuse with exit code 1, because an old version of the app wrote at the origin today.
    const expected = line.includes('move finish') ? [0, 1] : [0];
    expect(expected, `${line}: ${stderr}`).toContain(code);
  }
}, 200_000);
