import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { buildFunction } from '../fixtures/stack/build-function.ts';
import { median, type Table } from './measure.ts';

interface BundleBench {
  title: string;
  functionName: string;
  limits: { bytes: number; importMs: number };
}

const STARTS = 9;
const run = promisify(execFile);

/** Measures a function bundled as by `npm run package`: its size, and its import time in a fresh process. */
export async function benchBundle({ title, functionName, limits }: BundleBench): Promise<Table> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-bundle-'));
  const bundle = join(directory, `${functionName}.mjs`);
  await buildFunction(functionName, bundle);
  const emptyModule = join(directory, 'nothing.mjs');
  await writeFile(emptyModule, 'export {};\n');
  const { size } = await stat(bundle);
  const bundleMs: number[] = [];
  const emptyModuleMs: number[] = [];
  // The first import of each module reads the files from disk and does not count.
  for (let start = -1; start < STARTS; start += 1) {
    const times = { bundle: await importTime(bundle), emptyModule: await importTime(emptyModule) };
    if (start < 0) continue;
    bundleMs.push(times.bundle);
    emptyModuleMs.push(times.emptyModule);
  }
  await rm(directory, { recursive: true });
  const importMs = median(bundleMs);
  return {
    title,
    rows: {
      'bundle, minified': { measured: kilobytes(size), limit: kilobytes(limits.bytes) },
      'import in a fresh process': {
        measured: `${importMs.toFixed(0)} ms`,
        limit: `${limits.importMs} ms`,
        'an empty module': `${median(emptyModuleMs).toFixed(0)} ms`,
      },
    },
    overLimit: [
      ...(size > limits.bytes ? [`${functionName}: bundle of ${kilobytes(size)}`] : []),
      ...(importMs > limits.importMs ? [`${functionName}: import in ${importMs.toFixed(0)} ms`] : []),
    ],
  };
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(0)} kB`;
}

/** Returns the milliseconds of the import only, in a process that has done nothing else. */
async function importTime(path: string): Promise<number> {
  const url = JSON.stringify(pathToFileURL(path).href);
  const script = `const start = performance.now(); await import(${url}); console.log(performance.now() - start);`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script]);
  return Number(stdout);
}
