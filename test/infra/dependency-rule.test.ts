import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** The comment of each rule tells the reader what to do, with one of these verbs. */
const WHAT_TO_DO = /\b(move|take|describe|use|write|may import only)\b/;

/** Rule, file that the test adds, and its forbidden source. A run takes seconds, so one run checks all files. */
const VIOLATIONS = [
  ['domain-knows-no-store', 'lib/projection/planted-database.ts', "import '../database/database.ts';"],
  ['domain-knows-no-store', 'lib/sync/planted-store.ts', "import './store/sync-store.ts';"],
  ['domain-knows-no-infrastructure', 'lib/projection/planted-driver.ts', "import 'pg';"],
  ['domain-knows-no-infrastructure', 'lib/stream/planted-http.ts', "import 'node:http';"],
  ['only-the-database-room-knows-drivers', 'functions/planted-pg.ts', "import 'pg';"],
  ['only-the-database-room-knows-drivers', 'infra/local/planted-pglite.ts', "import '@electric-sql/pglite';"],
  ['only-the-export-knows-parquet', 'functions/planted-parquet.ts', "import 'hyparquet-writer';"],
  ['only-lib-aws-knows-aws-clients', 'infra/local/planted-client.ts', "import '@aws-sdk/client-kinesis';"],
  ['room-order-functions', 'functions/planted-room.ts', "import '../infra/local/names.ts';"],
  ['room-order-infra-cli', 'infra/cli/planted-room.ts', "import '../local/names.ts';"],
  ['room-order-infra-console', 'infra/console/planted-room.ts', "import '../../lib/sync/limits.ts';"],
  ['room-order-infra-stack', 'infra/stack/planted-room.ts', "import '../../lib/stream/payload-url.ts';"],
  ['room-order-lib-aws', 'lib/aws/planted-room.ts', "import '../../functions/project-stream.ts';"],
  ['room-order-lib-move', 'lib/move/planted-room.ts', "import '../aws/kinesis-client.ts';"],
  ['room-order-lib-export', 'lib/export/planted-room.ts', "import '../aws/kinesis-client.ts';"],
  ['room-order-lib-identity', 'lib/identity/planted-room.ts', "import '../move/copy.ts';"],
  ['room-order-lib-sync', 'lib/sync/planted-room.ts', "import '../backfill/run-state.ts';"],
  ['room-order-lib-backfill', 'lib/backfill/planted-room.ts', "import '../sync/limits.ts';"],
  ['room-order-lib-rules', 'lib/rules/planted-room.ts', "import '../sync/limits.ts';"],
  [
    'room-order-lib-stream',
    'lib/stream/planted-room.ts',
    "import type { KinesisReader } from '../aws/kinesis-reader.ts'; export type X = KinesisReader;",
  ],
  ['room-order-lib-common', 'lib/common/planted-room.ts', "import '../stream/stream-event.ts';"],
  ['no-cycles', 'lib/wire/planted-cycle.ts', "import './planted-cycle-too.ts';"],
] as const;

let clean: Cruise;
let planted: Cruise;
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
  clean = await cruise();
  for (const [, file, source] of VIOLATIONS) await writeFile(join(copy, file), source);
  await writeFile(join(copy, 'lib/wire/planted-cycle-too.ts'), "import './planted-cycle.ts';");
  planted = await cruise();
}, 120_000);
afterAll(() => rm(copy, { recursive: true, force: true }));

/** The output of the check, and whether it failed. */
interface Cruise {
  failed: boolean;
  output: string;
}

async function cruise(): Promise<Cruise> {
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
  it('holds for all modules', () => {
    expect(clean.output).toMatch(/no dependency violations found \((\d{2,}) modules/);
    expect(clean.failed).toBe(false);
  });

  it.each(VIOLATIONS)('%s: reports the violation in %s and says what to do', (rule, file) => {
    const report = reportsIn(planted.output).find(
      (text) => text.startsWith(`error ${rule}: `) && text.includes(`${file} →`),
    );
    expect(report).toMatch(WHAT_TO_DO);
    expect(planted.failed).toBe(true);
  });

  it('reports no file without a violation', () => {
    const files = reportsIn(planted.output).map((report) => /^error \S+: (\S+) /.exec(report)?.[1]);
    expect(files.filter((file) => !/planted/.test(file ?? ''))).toEqual([]);
  });
});

/** Splits the output of `err-long` into violations: rule, files, and the rule's comment. */
function reportsIn(output: string): string[] {
  return output
    .split(/\n\s*\n/)
    .map((report) => report.trim())
    .filter((report) => report.startsWith('error '));
}
