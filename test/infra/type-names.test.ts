import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findDuplicateTypeNames } from '../checks/type-names.ts';

describe('the check of exported type names', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'type-names-'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  async function write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [file, code] of Object.entries(files)) {
      await mkdir(join(root, file, '..'), { recursive: true });
      await writeFile(join(root, file), code);
    }
  }

  it.each(['interface Session {}', 'type Session = string;', 'class Session {}'])(
    'names both places of a second `export %s`, and what to do',
    async (declaration) => {
      await write({
        'lib/sync/ports/a.ts': 'export interface Session { id: string }\n',
        'infra/local/b.ts': `// a comment\nexport ${declaration}\n`,
      });
      expect(findDuplicateTypeNames(root)).toEqual([
        'infra/local/b.ts:2, lib/sync/ports/a.ts:1: exported type name Session is used more than once; rename all but one after what each means',
      ]);
    },
  );

  it('accepts private types and re-exports of one type', async () => {
    await write({
      'lib/a.ts': 'export interface Session { id: string }\n',
      'lib/b.ts': 'interface Session { name: string }\nexport const x: Session = { name: "" };\n',
      'lib/c.ts': "export type { Session } from './a.ts';\n",
    });
    expect(findDuplicateTypeNames(root)).toEqual([]);
  });

  it('finds no duplicates in this checkout', () => {
    expect(findDuplicateTypeNames(join(import.meta.dirname, '../..'))).toEqual([]);
  });
});
