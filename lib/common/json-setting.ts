import { readFileSync } from 'node:fs';
import { SetupError } from './errors.ts';
import { tryParseJson } from './json.ts';

/**
 * Parses a variable whose value is JSON, or the path of a file with JSON. A value that starts with `{` is JSON.
 *
 * @throws {SetupError} the value is neither a JSON object nor the path of a file with JSON; the message quotes neither
 *   the value nor the file, because both may contain secrets
 */
export function parseJsonSetting(name: string, value: string): unknown {
  const isObject = value.trimStart().startsWith('{');
  try {
    return JSON.parse(isObject ? value : readFile(name, value));
  } catch (error) {
    if (error instanceof SetupError) throw error;
    const what = isObject ? 'the value starts with { but is not JSON' : 'the file does not contain JSON';
    throw new SetupError(`invalid ${name}: ${what}`);
  }
}

function readFile(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    // A file can have any name, so the value is first used as a path.
    if (tryParseJson(path) !== undefined) {
      throw new SetupError(
        `invalid ${name}: the value is JSON, but not an object; use a JSON object or the path of a file with one`,
      );
    }
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new SetupError(
      `invalid ${name}: the value is not JSON, and a file with this path cannot be read (${code}); use JSON or the path of a file with JSON`,
    );
  }
}
