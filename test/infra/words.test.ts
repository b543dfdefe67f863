import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findAvoidedWords } from '../checks/words.ts';

// Joined here so that this file does not contain the words itself.
const NO_ONE = ['no', 'body'].join('');
const AGAIN = ['an', 'ew'].join('');

describe('the check of avoided words', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'words-'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  async function write(file: string, text: string): Promise<void> {
    await mkdir(join(root, file, '..'), { recursive: true });
    await writeFile(join(root, file), text);
  }

  it.each([
    ['code', 'lib/sync/a.ts', `const a = 1;\n// ${NO_ONE} reads it\n`],
    ['a page', 'docs/a.md', `# A\n${NO_ONE} reads it\n`],
    ['SQL', 'lib/database/schema/a.sql', `SELECT 1;\n-- ${NO_ONE} reads it\n`],
    ['YAML', 'infra/stack/a.yml', `a: 1\n# ${NO_ONE} reads it\n`],
  ])('names file, line, word and replacement in %s', async (_, file, text) => {
    await write(file, text);
    expect(findAvoidedWords(root)).toEqual([
      `${file}:2: avoid "${NO_ONE}"; write instead: no one, no caller, no other process`,
    ]);
  });

  it('finds several words on one line, also in capitals', async () => {
    await write('README.md', `${NO_ONE.toUpperCase()} starts it ${AGAIN}\n`);
    expect(findAvoidedWords(root)).toHaveLength(2);
  });

  it('accepts longer words and identifiers that contain an avoided word', async () => {
    await write('lib/a.ts', `const ${NO_ONE}Else = 'recommended';\nconst x_${AGAIN}_y = "there is none";\n`);
    expect(findAvoidedWords(root)).toEqual([]);
  });
});
