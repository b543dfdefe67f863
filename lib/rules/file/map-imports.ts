import { type ResolveHookSync, registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';
import { RULES_MODULE, RULES_MODULE_URL } from './rules-module.ts';
import { DEFAULT_RULES_FILE } from './rules-path.ts';

/**
 * Has this thread read `rulesFile` wherever a module imports `sync-rules.ts`, and find `cognito-sync-backend/rules` from
 * any folder. Modules that are loaded already stay what they are.
 *
 * @param noteFile told once of the rules file and of each file that it imports, or these, but packages: before it is
 *   read, and also where it is not there
 */
export function mapImports(rulesFile: URL, noteFile: (file: URL) => void = () => undefined): void {
  const byDefault = pathToFileURL(DEFAULT_RULES_FILE).href;
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
    // Another one than above where that is a symbolic link, or no path.
    note(file);
    return file && !resolved.format && isTypeScript(file) ? { ...resolved, ...asModule(file) } : resolved;
  };

  registerHooks({
    resolve(specifier, context, next) {
      if (specifier === RULES_MODULE) return { ...asModule(RULES_MODULE_URL), shortCircuit: true };
      const href = toFile(specifier, context.parentURL)?.href;
      if (href === byDefault || href === rulesFile.href) {
        note(rulesFile);
        return { ...asModule(rulesFile), shortCircuit: true };
      }
      return noted.has(context.parentURL ?? '')
        ? resolveForRules(specifier, context, next)
        : next(specifier, context);
    },
  });
}

/** @returns undefined for what is no path */
function toFile(specifier: string, parentUrl?: string): URL | undefined {
  if (!/^(\.{0,2}\/|file:)/.test(specifier)) return undefined;
  return URL.parse(specifier, parentUrl) ?? undefined;
}

/** @returns undefined for what is part of a package, too */
function toOwnFile(specifier: string, parentUrl?: string): URL | undefined {
  const url = toFile(specifier, parentUrl);
  return url?.protocol === 'file:' && !url.pathname.includes('/node_modules/') ? url : undefined;
}

/** Said outright, as a folder without a `package.json` would leave Node to guess, with a warning. */
function asModule(file: URL): { url: string; format: string } {
  return { url: file.href, format: isTypeScript(file) ? 'module-typescript' : 'module' };
}

function isTypeScript({ pathname }: URL): boolean {
  return /\.[cm]?ts$/.test(pathname);
}
