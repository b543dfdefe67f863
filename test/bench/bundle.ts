import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { median, type Table } from './measure.ts';

interface BundleBench {
  title: string;
  functionName: string;
  limits: { bytes: number; importMs: number };
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const STARTS = 9;
const run = promisify(execFile);

/** A function as `npm run package` makes it for AWS: how large it is, and how long a fresh process takes to import it. */
export async function benchBundle({ title, functionName, limits }: BundleBench): Promise<Table> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-bundle-'));
  const bundle = await packageFunction(directory, functionName);
  const nothing = join(directory, 'nothing.mjs');
  await writeFile(nothing, 'export {};\n');
  const { size } = await stat(bundle);
  const bundleMs: number[] = [];
  const nothingMs: number[] = [];
  // The first of each fetches the files from the disk.
  for (let start = -1; start < STARTS; start += 1) {
    const times = { bundle: await importTime(bundle), nothing: await importTime(nothing) };
    if (start < 0) continue;
    bundleMs.push(times.bundle);
    nothingMs.push(times.nothing);
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
        'an empty module': `${median(nothingMs).toFixed(0)} ms`,
      },
    },
    overLimit: [
      ...(size > limits.bytes ? [`${functionName}: its bundle has ${kilobytes(size)}`] : []),
      ...(importMs > limits.importMs ? [`${functionName}: its import takes ${importMs.toFixed(0)} ms`] : []),
    ],
  };
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(0)} kB`;
}

async function packageFunction(directory: string, functionName: string): Promise<string> {
  const serverless = join(ROOT, 'node_modules/.bin/serverless');
  await run(process.execPath, [serverless, 'package', '--package', directory], { cwd: ROOT });
  await run('unzip', ['-q', join(directory, 'cognito-sync-backend.zip'), '-d', directory]);
  return join(directory, 'functions', `${functionName}.mjs`);
}

/** Milliseconds of the import alone, in a process that has done nothing else. */
async function importTime(path: string): Promise<number> {
  const url = JSON.stringify(pathToFileURL(path).href);
  const script = `const start = performance.now(); await import(${url}); console.log(performance.now() - start);`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script]);
  return Number(stdout);
}
