import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { fileStamp } from '../../../infra/local/functions/file-stamp.ts';
import { type FileReader, watchFiles } from '../../../infra/local/functions/watch-files.ts';
import { makeRulesFolder, type RulesFolder } from '../../fixtures/rules/rules-folder.ts';

let folder: RulesFolder;
beforeEach(async () => {
  folder = await makeRulesFolder();
  await folder.write('a', 'first');
  await folder.write('b', 'first');
});
afterEach(() => folder.remove());

const at = (name: string) => join(folder.path, name);
const readerOf = (...names: string[]): FileReader => ({
  files: new Map(names.map((name) => [at(name), fileStamp(at(name))])),
});

/** What is said at the next look that finds something. */
function nextStale(readers: readonly FileReader[]): Promise<readonly FileReader[]> {
  const { promise, resolve } = Promise.withResolvers<readonly FileReader[]>();
  const watch = watchFiles({ readers: () => readers, onStale: resolve, intervalMs: 5 });
  onTestFinished(() => watch.close());
  return promise;
}

describe('a watch of files', () => {
  it.each([
    ['written', () => writeFile(at('a'), 'second')],
    ['written with as many bytes', () => writeFile(at('a'), 'again')],
    ['replaced', () => folder.write('a', 'again')],
    ['emptied', () => writeFile(at('a'), '')],
    ['removed', () => rm(at('a'))],
  ])('names the one who has read a file that is %s since, and only that one', async (_, change) => {
    const [reader, other] = [readerOf('b', 'a'), readerOf('b')];
    const stale = nextStale([other, reader]);
    await change();
    expect(await stale).toEqual([reader]);
  });

  it('sees what was changed before it began', async () => {
    const reader = readerOf('a');
    await folder.write('a', 'second');
    expect(await nextStale([reader])).toEqual([reader]);
  });

  it('sees that a file is there which was not', async () => {
    const reader = readerOf('absent');
    const stale = nextStale([reader]);
    await folder.write('absent', 'now it is');
    expect(await stale).toEqual([reader]);
  });

  it('tells at each look, until nobody has read what is not there any more', async () => {
    let readers = [readerOf('a')];
    let told = 0;
    const { promise: toldTwice, resolve } = Promise.withResolvers<void>();
    const watch = watchFiles({
      readers: () => readers,
      onStale: () => {
        told += 1;
        if (told < 2) return;
        readers = [readerOf('a')];
        resolve();
      },
      intervalMs: 5,
    });
    onTestFinished(() => watch.close());
    await folder.write('a', 'second');
    await toldTwice;
    const other = nextStale([readerOf('b')]);
    await folder.write('b', 'second');
    await other;
    expect(told).toBe(2);
  });

  it('says nothing once it is closed', async () => {
    const reader = readerOf('a');
    const told: unknown[] = [];
    const closed = watchFiles({
      readers: () => [reader],
      onStale: (stale) => told.push(stale),
      intervalMs: 1,
    });
    closed.close();
    const open = nextStale([reader]);
    await folder.write('a', 'second');
    await open;
    expect(told).toEqual([]);
  });
});
