import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
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
      [bin, '--config', '.dependency-cruiser.mjs', 'functions', 'lib', 'infra'],
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
    ['domain-knows-no-adapter', 'lib/projection/planted.ts', "import '../store/migrate.ts';"],
    [
      'domain-knows-no-adapter',
      'lib/stream/planted.ts',
      "import type { KinesisReader } from '../aws/kinesis-reader.ts'; export type X = KinesisReader;",
    ],
    ['domain-knows-no-driver-client-or-http', 'lib/projection/planted.ts', "import 'pg';"],
    ['domain-knows-no-driver-client-or-http', 'lib/stream/planted.ts', "import 'node:http';"],
    ['only-the-store-knows-drivers', 'functions/planted.ts', "import 'pg';"],
    ['only-the-store-knows-drivers', 'infra/local/planted.ts', "import '@electric-sql/pglite';"],
    ['only-lib-aws-knows-aws-clients', 'infra/local/planted.ts', "import '@aws-sdk/client-kinesis';"],
    ['functions-use-lib-alone', 'functions/planted.ts', "import '../infra/local/names.ts';"],
    ['command-line-uses-lib-alone', 'infra/cli/planted.ts', "import '../local/names.ts';"],
    ['lib-stands-alone', 'lib/aws/planted.ts', "import '../../functions/project-stream.ts';"],
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
    expect(failed).toBe(true);
  });
});
