import { type ResolveHookSync, registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';
import { DEFAULT_RULES_FILE, RULES_MODULE, RULES_MODULE_URL } from './rules-path.ts';

/**
 * Makes this thread load `rulesFile` wherever a module imports `sync-rules.ts`, and resolve
 * `cognito-sync-backend/rules` from any folder. Modules that are already loaded do not change.
 *
 * @param noteFile called once for the rules file and for each file that the rules file imports directly or indirectly,
 *   except packages. `noteFile` is called before the file is read, even if the file does not exist
 */
export function mapImports(rulesFile: URL, noteFile: (file: URL) => void = () => undefined): void {
  const defaultHref = pathToFileURL(DEFAULT_RULES_FILE).href;
  const noted = new Set<string>();

  function note(file: URL | undefined): void {
    if (!file || noted.has(file.href)) return;
    noted.add(file.href);
    noteFile(file);
  }

  const resolveForRules: ResolveHookSync = (specifier, context, next) => {
    note(toOwnFile(specifier, context.parentURL));
    const resolved = next(specifier, context);
    const file = toOwnFile(resolved.url);
    // `file` differs from the file noted above in two cases: the file noted above is a symbolic link, or the specifier
    // is not a path.
    note(file);
    return file && isModule(file, resolved.format) ? { ...resolved, ...asModule(file) } : resolved;
  };

  registerHooks({
    resolve(specifier, context, next) {
      if (specifier === RULES_MODULE) return { ...asModule(RULES_MODULE_URL), shortCircuit: true };
      const href = toFile(specifier, context.parentURL)?.href;
      if (href === defaultHref || href === rulesFile.href) {
        note(rulesFile);
        return { ...asModule(rulesFile), shortCircuit: true };
      }
      return noted.has(context.parentURL ?? '')
        ? resolveForRules(specifier, context, next)
        : next(specifier, context);
    },
  });
}

/** @returns undefined if the specifier is not a path */
function toFile(specifier: string, parentUrl?: string): URL | undefined {
  if (!/^(\.{0,2}\/|file:)/.test(specifier)) return undefined;
  return URL.parse(specifier, parentUrl) ?? undefined;
}

/** @returns undefined if the specifier is not a path, or is the path of a package's file */
function toOwnFile(specifier: string, parentUrl?: string): URL | undefined {
  const url = toFile(specifier, parentUrl);
  return url?.protocol === 'file:' && !url.pathname.includes('/node_modules/') ? url : undefined;
}

/**
 * Sets the format explicitly. In a folder without a `package.json`, Node would otherwise guess the format and print a
 * warning.
 */
function asModule(file: URL): { url: string; format: string } {
  return { url: file.href, format: isTypeScript(file) ? 'module-typescript' : 'module' };
}

/**
 * Whether to load the file as an ES module. A `.ts` file always is one, also in a folder whose `package.json` has the
 * type `commonjs`, as `npm init` writes it. Only `.cts` means CommonJS.
 */
function isModule(file: URL, format: string | null | undefined): boolean {
  return file.pathname.endsWith('.ts') || (!format && isTypeScript(file));
}

function isTypeScript({ pathname }: URL): boolean {
  return /\.[cm]?ts$/.test(pathname);
}
