import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { packDirectory, unpackDirectory } from '../../../lib/database/directory-archive.ts';

const directory = mkdtempSync(join(tmpdir(), 'archive-'));
afterAll(() => rmSync(directory, { recursive: true }));

const FILES = {
  'with zeros': Buffer.from([0, 1, 0, 2, 0, 0, 0]),
  'only zeros': Buffer.alloc(5000),
  empty: Buffer.alloc(0),
  'base/1/line\nbreak': Buffer.from('{"not":"the header"}\n'),
};

it('unpackDirectory creates the files and directories of the packed directory, readable only by their owner', () => {
  const [from, to] = [join(directory, 'from'), join(directory, 'to')];
  for (const path of ['base/1', 'without files/inner'])
    mkdirSync(join(from, path), { recursive: true, mode: 0o755 });
  for (const [path, content] of Object.entries(FILES)) writeFileSync(join(from, path), content);

  const archive = packDirectory(from);
  unpackDirectory(archive, to);

  const list = (path: string) => readdirSync(path, { recursive: true }).toSorted();
  expect(list(to)).toEqual(list(from));
  for (const [path, content] of Object.entries(FILES)) expect(readFileSync(join(to, path))).toEqual(content);
  const modes = readdirSync(to, { recursive: true }).map((path) => statSync(join(to, String(path))).mode);
  expect(modes.filter((mode) => (mode & 0o077) !== 0)).toEqual([]);
  expect(archive.length).toBeLessThan(1000);
});
