import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Part of each rule's comment. */
const WHAT_TO_DO = /\b(move|take|describe|use|write|may import only)\b/;
let copy: string;

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), 'rooms-'));
  for (const part of [
    'functions',
    'lib',
    'infra',
    'sync-rules.ts',
    'tsconfig.json',
    'package.json',
    '.dependency-cruiser.mjs',
  ]) {
    await cp(join(ROOT, part), join(copy, part), { recursive: true });
  }
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
});
afterAll(() => rm(copy, { recursive: true, force: true }));

/** What the check says of the copy: its text, and whether it failed. */
async function cruise(): Promise<{ failed: boolean; output: string }> {
  const bin = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [bin, '--output-type', 'err-long', '--config', '.dependency-cruiser.mjs', 'functions', 'lib', 'infra'],
      { cwd: copy },
    );
    return { failed: false, output: stdout };
  } catch (error) {
    return {
      failed: true,
      output: error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error),
    };
  }
}

describe('the dependency rule', () => {
  it('holds, and has looked at the whole of it', async () => {
    const { failed, output } = await cruise();
    expect(output).toMatch(/no dependency violations found \((\d{2,}) modules/);
    expect(failed).toBe(false);
  });

  it.each([
    ['domain-knows-no-store', 'lib/projection/planted.ts', "import '../database/database.ts';"],
    ['domain-knows-no-store', 'lib/sync/planted.ts', "import './store/sync-store.ts';"],
    ['domain-knows-no-infrastructure', 'lib/projection/planted.ts', "import 'pg';"],
    ['domain-knows-no-infrastructure', 'lib/stream/planted.ts', "import 'node:http';"],
    ['only-the-database-room-knows-drivers', 'functions/planted.ts', "import 'pg';"],
    ['only-the-database-room-knows-drivers', 'infra/local/planted.ts', "import '@electric-sql/pglite';"],
    ['only-lib-aws-knows-aws-clients', 'infra/local/planted.ts', "import '@aws-sdk/client-kinesis';"],
    ['room-order-functions', 'functions/planted.ts', "import '../infra/local/names.ts';"],
    ['room-order-infra-cli', 'infra/cli/planted.ts', "import '../local/names.ts';"],
    ['room-order-infra-stack', 'infra/stack/planted.ts', "import '../../lib/stream/payload.ts';"],
    ['room-order-lib-aws', 'lib/aws/planted.ts', "import '../../functions/project-stream.ts';"],
    ['room-order-lib-sync', 'lib/sync/planted.ts', "import '../backfill/sync-client.ts';"],
    ['room-order-lib-backfill', 'lib/backfill/planted.ts', "import '../sync/limits.ts';"],
    ['room-order-lib-rules', 'lib/rules/planted.ts', "import '../sync/limits.ts';"],
    [
      'room-order-lib-stream',
      'lib/stream/planted.ts',
      "import type { KinesisReader } from '../aws/kinesis-reader.ts'; export type X = KinesisReader;",
    ],
    ['room-order-lib-common', 'lib/common/planted.ts', "import '../stream/stream-event.ts';"],
    ['no-cycles', 'lib/wire/planted.ts', "import './planted-too.ts';"],
  ])('%s: a violation in %s is found', async (rule, file, source) => {
    const planted = join(copy, file);
    const companion = join(copy, 'lib/wire/planted-too.ts');
    await writeFile(planted, source);
    if (rule === 'no-cycles') await writeFile(companion, "import './planted.ts';");
    const { failed, output } = await cruise();
    await rm(planted);
    await rm(companion, { force: true });
    expect(output).toContain(`error ${rule}: `);
    expect(output).toContain(file);
    expect(output).toMatch(WHAT_TO_DO);
    expect(failed).toBe(true);
  });
});
