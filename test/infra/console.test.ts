import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { buildConsole } from '../../infra/console/build-console.ts';
import { loadConsole } from '../../infra/console/load-console.ts';

const MAX_BYTES = 250_000;

describe('the bundled console', () => {
  it('has less than 250 kB without the SQL editor, which is loaded on use', async () => {
    const files = await buildConsole();
    const editor = [...files.keys()].filter((name) => /^sql-editor-.*\.js$/.test(name));
    expect(editor).toHaveLength(1);
    const app = files.get('app.js')?.text ?? '';
    // A static import would load the editor with the page.
    expect(app).toContain(`import("./${editor[0]}")`);
    const others = [...files].filter(([name]) => !editor.includes(name));
    const bytes = others.reduce((sum, [, { text }]) => sum + Buffer.byteLength(text), 0);
    expect(bytes).toBeLessThan(MAX_BYTES);
  });

  it('contains no inline script or style, and no address of another host', async () => {
    const page = (await buildConsole()).get('index.html')?.text ?? '';
    expect(page).not.toMatch(/<script(?![^>]*\bsrc="\/console\/)|<style|style="|\son\w+=|https?:/);
    expect(page).toContain('<script type="module" src="/console/app.js">');
  });

  it('is read from the directory of a packaged release', async () => {
    const built = await mkdtemp(join(tmpdir(), 'console-'));
    try {
      await writeFile(join(built, 'index.html'), '<p>packaged</p>');
      await writeFile(join(built, 'app.js'), '');
      const files = await loadConsole(pathToFileURL(`${built}/`));
      expect(files.get('index.html')).toEqual({ type: 'text/html; charset=utf-8', text: '<p>packaged</p>' });
      expect(files.get('app.js')?.type).toBe('text/javascript; charset=utf-8');
    } finally {
      await rm(built, { recursive: true });
    }
  });
});
