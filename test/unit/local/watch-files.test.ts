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

/** Resolves to the stale readers of the first check that finds any. */
function nextStale(readers: readonly FileReader[]): Promise<readonly FileReader[]> {
  const { promise, resolve } = Promise.withResolvers<readonly FileReader[]>();
  const watch = watchFiles({ readers: () => readers, onStale: resolve, intervalMs: 5 });
  onTestFinished(() => watch.close());
  return promise;
}

describe('watchFiles', () => {
  it.each([
    ['overwritten', () => writeFile(at('a'), 'second')],
    ['overwritten with as many bytes', () => writeFile(at('a'), 'again')],
    ['replaced', () => folder.write('a', 'again')],
    ['emptied', () => writeFile(at('a'), '')],
    ['removed', () => rm(at('a'))],
  ])('reports only the reader of a file that was %s', async (_, change) => {
    const [reader, other] = [readerOf('b', 'a'), readerOf('b')];
    const stale = nextStale([other, reader]);
    await change();
    expect(await stale).toEqual([reader]);
  });

  it('detects a file that changed after the reader read it and before the watch started', async () => {
    const reader = readerOf('a');
    await folder.write('a', 'second');
    expect(await nextStale([reader])).toEqual([reader]);
  });

  it('detects the creation of a file that did not exist when its reader was loaded', async () => {
    const reader = readerOf('absent');
    const stale = nextStale([reader]);
    await folder.write('absent', 'now it is');
    expect(await stale).toEqual([reader]);
  });

  it('reports a stale reader at each check until it is replaced', async () => {
    let readers = [readerOf('a')];
    let reports = 0;
    const { promise: reportedTwice, resolve } = Promise.withResolvers<void>();
    const watch = watchFiles({
      readers: () => readers,
      onStale: () => {
        reports += 1;
        if (reports < 2) return;
        readers = [readerOf('a')];
        resolve();
      },
      intervalMs: 5,
    });
    onTestFinished(() => watch.close());
    await folder.write('a', 'second');
    await reportedTwice;
    const other = nextStale([readerOf('b')]);
    await folder.write('b', 'second');
    await other;
    expect(reports).toBe(2);
  });

  it('reports nothing after it is closed', async () => {
    const reader = readerOf('a');
    const reports: unknown[] = [];
    const closed = watchFiles({
      readers: () => [reader],
      onStale: (stale) => reports.push(stale),
      intervalMs: 1,
    });
    closed.close();
    const open = nextStale([reader]);
    await folder.write('a', 'second');
    await open;
    expect(reports).toEqual([]);
  });
});
