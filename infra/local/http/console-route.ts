import { type Credentials, DEFAULT_CREDENTIALS } from '../../../lib/common/environment.ts';
import type { ConsoleFiles } from '../../console/console-file.ts';
import { type Route, sendJson } from './http-server.ts';
import { sendResponse } from './send-response.ts';

const PATH = '/console';
/**
 * The page runs only its own scripts, sends requests only to this port, and cannot be framed. Trusted Types reject text
 * that would be parsed as HTML.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');
const HEADERS: readonly [string, string][] = [
  ['Content-Security-Policy', POLICY],
  ['Cross-Origin-Opener-Policy', 'same-origin'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
  ['Referrer-Policy', 'no-referrer'],
  ['X-Content-Type-Options', 'nosniff'],
  ['Cache-Control', 'no-store'],
];

/**
 * Serves the console at `/console`, only on loopback and only to pages of the port's own origin.
 * `/console/settings` says what the page must know about the service. The answer contains no secret.
 *
 * @param developers the keys that the service accepts. If the default key is not one of them, the page asks for a key
 * @param load reads or bundles the files of the console; called at the first request
 */
export function createConsoleRoute(
  { region, developers }: { region: string; developers: readonly Credentials[] },
  load: () => Promise<ConsoleFiles> = loadFiles,
): Route {
  const settings = { region, usesDefaultKey: developers.some(isDefaultKey) };
  let loading: Promise<ConsoleFiles> | undefined;
  return {
    matches: ({ target }) => /^\/console(?:[/?]|$)/.test(target),
    async answer({ method, target }, response) {
      if (method !== 'GET') {
        return sendJson(response, 405, { message: `use GET ${PATH}` }, { Allow: 'GET' });
      }
      const [path = ''] = target.split('?');
      if (path === `${PATH}/settings`)
        return sendJson(response, 200, settings, { 'Cache-Control': 'no-store' });
      loading ??= load().catch((error: unknown) => {
        loading = undefined;
        throw error;
      });
      const file = (await loading).get(path.slice(PATH.length + 1) || 'index.html');
      if (file === undefined) return sendJson(response, 404, { message: `the console has no file ${path}` });
      sendResponse(response, 200, [['Content-Type', file.type], ...HEADERS], file.text);
    },
  };
}

/** Loaded on use: bundling needs esbuild, whose import would delay every start. */
async function loadFiles(): Promise<ConsoleFiles> {
  const { loadConsole } = await import('../../console/load-console.ts');
  return loadConsole();
}

function isDefaultKey({ accessKeyId, secretAccessKey }: Credentials): boolean {
  return (
    accessKeyId === DEFAULT_CREDENTIALS.accessKeyId && secretAccessKey === DEFAULT_CREDENTIALS.secretAccessKey
  );
}
