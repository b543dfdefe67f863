import { globSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

// `npm start` runs the sources in Node, whose parser rejects some code that the compilers of the tests and of the functions
// accept, for example a variable named `of` in a loop over an array.
it('Node can strip the types of every file that runs without a compiler', () => {
  const files = globSync(['functions/*.ts', 'lib/**/*.ts', 'infra/**/*.ts', '*.ts'], { cwd: ROOT });
  expect(files.length).toBeGreaterThan(400);
  for (const file of files) {
    expect(() => stripTypeScriptTypes(readFileSync(ROOT + file, 'utf8')), file).not.toThrow();
  }
});
