import { execFile, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '../../fixtures/local/free-port.ts';
import { APPLICATION_ID, MASTER_KEY } from './parse-device.ts';

const MANIFEST = {
  private: true,
  dependencies: { 'parse-server': '9.10.0', 'pouchdb-server': '4.2.0' },
  // Parse Server loads an internal file of the package `router`. Version 2.3 of `router` changed this file, so batch
  // requests to Parse Server fail with that version.
  overrides: { router: '2.2.0' },
};
const START_MS = 60_000;

/** A server in a process of its own. */
export interface Peer {
  port: number;
  stop(): Promise<void>;
}

/** Installs the servers from npm into a folder. This takes about a minute and needs 230 MB. */
export async function installPeers(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), JSON.stringify(MANIFEST));
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  await promisify(execFile)('npm', ['install', ...options], { cwd: folder });
}

/**
 * Starts Parse Server on PostgreSQL, with its default settings.
 *
 * @param folder the folder of `installPeers`
 * @param databaseUrl of an empty database
 */
export function startParseServer(folder: string, databaseUrl: string): Promise<Peer> {
  return start(folder, 'parse-server', folder, (port) => [
    ...['--appId', APPLICATION_ID, '--masterKey', MASTER_KEY, '--databaseURI', databaseUrl],
    ...['--port', String(port), '--host', '127.0.0.1', '--serverURL', `http://127.0.0.1:${port}/parse`],
    '--silent',
  ]);
}

/**
 * Starts PouchDB Server with its default settings. Its databases are LevelDB files.
 *
 * @param folder the folder of `installPeers`
 * @param data a folder for the files
 */
export async function startPouchDbServer(folder: string, data: string): Promise<Peer> {
  await mkdir(data, { recursive: true });
  return start(folder, 'pouchdb-server', data, (port) => ['--port', String(port), '--no-stdout-logs']);
}

async function start(
  folder: string,
  program: string,
  cwd: string,
  argumentsFor: (port: number) => string[],
): Promise<Peer> {
  const port = await freePort();
  const script = join(folder, 'node_modules/.bin', program);
  const child = spawn(process.execPath, [script, ...argumentsFor(port)], { cwd, stdio: 'ignore' });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = () => {
    child.kill();
    return exited;
  };
  const deadline = performance.now() + START_MS;
  while (!(await answers(port))) {
    if (performance.now() < deadline && child.exitCode === null) await sleep(100);
    else {
      await stop();
      throw new Error(`${program} did not start; run it in ${folder} to see its messages`);
    }
  }
  return { port, stop };
}

function answers(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/`).then(
    () => true,
    () => false,
  );
}
