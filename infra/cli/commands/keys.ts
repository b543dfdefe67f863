import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { DEFAULT_DATA_DIR, type Environment, readCredentials } from '../../../lib/common/environment.ts';
import { SetupError } from '../../../lib/common/errors.ts';
import {
  createDeveloperKey,
  createTokenKey,
  readServiceKeys,
  readServiceKeysJson,
  type ServiceKeysJson,
} from '../../../lib/common/service-keys.ts';
import { dataPaths } from '../../../lib/database/data-directory.ts';
import { readCommandLine } from '../arguments.ts';
import { type ProcessCommand, type ProcessDeps, UsageError } from '../command.ts';
import { printJson } from '../terminal/print-json.ts';

type Kind = 'developer' | 'token';

/** Starts the rotation of a key: writes SERVICE_KEYS with one more key, which no service uses yet. */
export const keys: ProcessCommand = {
  prepare(args) {
    const { values, positionals } = readCommandLine(args, { out: { type: 'string' } });
    const [action, kind, ...more] = positionals;
    const { out, json: asJson } = values;
    if (action !== 'rotate' || more.length > 0) throw new UsageError('keys takes rotate developer|token');
    if (kind !== 'developer' && kind !== 'token') {
      throw new UsageError('keys rotate takes the kind of the key, developer or token');
    }
    if (!out) throw new UsageError('keys rotate requires --out with the path of a file that does not exist');
    return (deps) => rotate({ kind, file: resolve(out), asJson }, deps);
  },
};

async function rotate(
  { kind, file, asJson }: { kind: Kind; file: string; asJson: boolean },
  { env, print }: ProcessDeps,
): Promise<void> {
  const current = readServiceKeysJson(env);
  const { value, created } =
    kind === 'developer' ? addDeveloper(current, env) : await addTokenKey(current, env);
  const text = JSON.stringify(value, null, 2);
  // If the keys are not valid together, this check fails now, and not later when a service starts with the file.
  readServiceKeys({ SERVICE_KEYS: text });
  await writeNew(file, `${text}\n`);
  const steps = kind === 'developer' ? developerSteps(file, created) : tokenSteps(file);
  if (asJson) {
    printJson(print, { kind, file, created, steps });
    return;
  }
  print(`${file}: written with the current keys and ${created}. No service uses this file yet.`);
  print('Next steps. Complete each step for every service that uses the database:');
  for (const [index, step] of steps.entries()) print(`  ${index + 1}. ${step}`);
}

interface AddedKey {
  value: ServiceKeysJson;
  /** Names the new key for the operator, without secrets. */
  created: string;
}

function addDeveloper(current: ServiceKeysJson, env: Environment): AddedKey {
  const added = createDeveloperKey(randomBytes);
  const developers = [...(current.developers ?? [readCredentials(env)]), added];
  return { value: { ...current, developers }, created: `the new developer key ${added.accessKeyId}` };
}

async function addTokenKey(current: ServiceKeysJson, env: Environment): Promise<AddedKey> {
  const tokenKeys = [...(current.tokenKeys ?? [await readKeyFile(env)]), createTokenKey(randomBytes)];
  return { value: { ...current, tokenKeys }, created: 'a new token key' };
}

/** Reads the token key that the service uses if SERVICE_KEYS has no token keys. @returns the key in base64 */
async function readKeyFile({ DATA_DIR }: Environment): Promise<string> {
  const { path, tokenKey } = dataPaths(DATA_DIR || DEFAULT_DATA_DIR);
  try {
    return (await readFile(tokenKey)).toString('base64');
  } catch (cause) {
    throw new SetupError(
      `there is no readable file token-key in DATA_DIR=${path}; set DATA_DIR and SERVICE_KEYS as for the service`,
      { cause },
    );
  }
}

/** Writes a file that only its owner can read. @throws {SetupError} the file exists or cannot be written */
async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    const problem =
      code === 'EEXIST' ? 'the file exists already and was not changed' : `it cannot be written (${code})`;
    throw new SetupError(`${file}: ${problem}; pass --out with the path of a new file`, { cause });
  }
}

function developerSteps(file: string, created: string): string[] {
  return [
    `Set SERVICE_KEYS=${file}, and restart the services one after another. They now accept both keys.`,
    `Let every program that signs as a developer use ${created}.`,
    'Move the new key to the first place of `developers`, and restart the services one after another. They now call themselves with the new key.',
    'Remove the old key from `developers`, and restart the services one after another. They now reject the old key.',
  ];
}

function tokenSteps(file: string): string[] {
  return [
    `Set SERVICE_KEYS=${file}, and restart the services one after another. They now accept tokens of both keys.`,
    'Move the new key to the first place of `tokenKeys`, and restart the services one after another. They now sign with the new key.',
    'Wait seven days. Links to large payloads that were signed with the old key are valid that long; tokens at most 24 hours.',
    'Remove the old key from `tokenKeys`, and restart the services one after another. They now reject tokens of the old key.',
  ];
}
