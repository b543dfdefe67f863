import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { runInEditor } from '../../../infra/cli/run-in-editor.ts';
import { inFolder } from '../../fixtures/export/run-export.ts';

const SESSION = { read: ['read'], save: (path: string) => ['save', path], unchanged: 'nothing changed' };

/** Edits the text `before`. @returns the outcome, the saved texts, and the remaining files; null if none remain */
const edit = (editor: string) =>
  inFolder(async (folder) => {
    vi.stubEnv('TMPDIR', folder);
    const saved: string[] = [];
    const outcome = await runInEditor(SESSION, { EDITOR: editor }, async ([name, path = ''], { write }) => {
      if (name === 'save') saved.push(await readFile(path, 'utf8'));
      else await write?.('before');
      return { exitCode: 0 };
    });
    vi.unstubAllEnvs();
    const [directory] = await readdir(folder);
    const left = directory === undefined ? null : await readdir(join(folder, directory));
    return { ...outcome, saved, left };
  });

describe('the operator’s editor', () => {
  it('edits a text, which is saved', async () => {
    expect(await edit('printf after >')).toEqual({ exitCode: 0, saved: ['after'], left: null });
  });

  it('saves nothing if it fails, but a changed file remains', async () => {
    expect(await edit('f() { printf after > "$1"; return 1; }; f')).toEqual({
      exitCode: 1,
      error: expect.stringMatching(
        /^the editor ".*" failed; set EDITOR .*; the edited text is in \/.*payload\.json$/,
      ),
      saved: [],
      left: ['payload.json'],
    });
    for (const editor of ['false', 'kill -9 $$ #', 'f() { rm "$1"; return 1; }; f']) {
      expect(await edit(editor)).toEqual({
        exitCode: 1,
        error: expect.stringMatching(/^the editor ".*" failed; set EDITOR to another one, or use --file$/),
        saved: [],
        left: null,
      });
    }
  });

  it('must leave a file that can be read', async () => {
    const unreadable = (code: string) => ({
      exitCode: 1,
      error: expect.stringMatching(
        new RegExp(`^the edited text cannot be read from /.*payload\\.json: ${code}; `),
      ),
      saved: [],
    });
    expect(await edit('rm')).toEqual({ ...unreadable('ENOENT'), left: null });
    const byDirectory = 'f() { rm "$1" && mkdir "$1"; }; f';
    expect(await edit(byDirectory)).toEqual({ ...unreadable('EISDIR'), left: ['payload.json'] });
  });
});
