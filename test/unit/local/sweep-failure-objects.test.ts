import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { sweepFailureObjects } from '../../../infra/local/schedules/sweep-failure-objects.ts';
import { NEW_YEAR } from '../../fixtures/sync/stream-events.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'failures-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function put(path: string, days: number): Promise<void> {
  const file = join(directory, path);
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, '{}');
  const time = new Date(NEW_YEAR - days * DAY_MS);
  await utimes(file, time, time);
}

it('sweepFailureObjects removes failure objects after 90 days', async () => {
  await put('failures/aws/lambda/1/shard/2025/09/01/old', 91);
  await put('failures/aws/lambda/1/shard/2025/10/10/young', 89);
  expect(await sweepFailureObjects(join(directory, 'failures'), NEW_YEAR)).toBe(1);
  const left = await readdir(directory, { recursive: true, withFileTypes: true });
  expect(left.filter((entry) => entry.isFile()).map(({ name }) => name)).toEqual(['young']);
});

it('sweepFailureObjects does not follow symbolic links', async () => {
  await put('elsewhere/old', 91);
  await mkdir(join(directory, 'failures'));
  await symlink(join(directory, 'elsewhere'), join(directory, 'failures', 'link'));
  await symlink(join(directory, 'elsewhere', 'old'), join(directory, 'failures', 'file'));
  expect(await sweepFailureObjects(join(directory, 'failures'), NEW_YEAR)).toBe(0);
  expect(await readdir(join(directory, 'elsewhere'))).toEqual(['old']);
});

it('sweepFailureObjects removes nothing if the directory does not exist', async () => {
  expect(await sweepFailureObjects(join(directory, 'failures'), NEW_YEAR)).toBe(0);
});
