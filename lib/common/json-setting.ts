import { readFileSync } from 'node:fs';
import { SetupError } from './errors.ts';

/**
 * Parses a variable whose value is JSON, or the path of a file with JSON. A value that starts with `{` is JSON.
 *
 * @throws {SetupError} the value is not JSON, or the file cannot be read; the message quotes neither the value nor the
 *   file, because both may contain secrets
 */
export function parseJsonSetting(name: string, value: string): unknown {
  const isJson = value.trimStart().startsWith('{');
  try {
    return JSON.parse(isJson ? value : readFile(name, value));
  } catch (error) {
    if (error instanceof SetupError) throw error;
    const what = isJson ? 'the value starts with { but is not JSON' : 'the file does not contain JSON';
    throw new SetupError(`invalid ${name}: ${what}`);
  }
}

function readFile(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new SetupError(
      `invalid ${name}: the value is not JSON, and a file with this path cannot be read (${code}); use JSON or the path of a file with JSON`,
    );
  }
}
