import { existsSync } from 'node:fs';
import { isAbsolute, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CompilerHost, CompilerOptions, Diagnostic, SourceFile } from 'typescript';
import { RULES_MODULE, RULES_MODULE_URL } from '../../../../lib/rules/file/rules-module.ts';

/** A line that is said of the rules file; an error is none that can be left as it is. */
export interface Remark {
  severity: 'error' | 'note';
  text: string;
}

type TypeScript = typeof import('typescript');

const CHECKOUT = fileURLToPath(new URL('../../../../', import.meta.url));
const LIB = fileURLToPath(new URL('../../../../lib/', import.meta.url));

/**
 * Checks the types of a rules file, and of what it imports but for packages, as strictly as the checkout's own.
 * @param path absolute; where there is no file, nothing is said of it
 * @param importTypeScript null where it is not installed, which is said
 */
export async function checkTypes(
  path: string,
  importTypeScript: () => Promise<TypeScript | null> = importInstalled,
): Promise<Remark[]> {
  if (!existsSync(path)) return [];
  const ts = await importTypeScript();
  if (!ts) {
    const text = 'the types were not checked: the package typescript is not installed (npm ci brings it)';
    return [{ severity: 'note', text }];
  }
  const options = optionsOf(ts);
  const program = ts.createProgram({ rootNames: [path], options, host: createHost(ts, options) });
  const files = program.getSourceFiles().filter((file) => isUsersOwn(file));
  return [
    ...program.getOptionsDiagnostics(),
    ...program.getGlobalDiagnostics(),
    ...files.flatMap((file) => [
      ...program.getSyntacticDiagnostics(file),
      ...program.getSemanticDiagnostics(file),
    ]),
  ].map((diagnostic) => ({ severity: 'error', text: describe(ts, diagnostic) }));
}

/** Where development's dependencies were left out, it is not there. */
async function importInstalled(): Promise<TypeScript | null> {
  try {
    return (await import('typescript')).default;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND') return null;
    throw error;
  }
}

function optionsOf(ts: TypeScript): CompilerOptions {
  const config = `${CHECKOUT}tsconfig.json`;
  const { config: json } = ts.readConfigFile(config, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(json, ts.sys, CHECKOUT, undefined, config);
  return {
    ...options,
    // A rules file is found from any folder, and then so is this.
    paths: { [RULES_MODULE]: [fileURLToPath(RULES_MODULE_URL)] },
    // Not wrong, only superfluous.
    noUnusedLocals: false,
    noUnusedParameters: false,
    allowJs: true,
    checkJs: false,
  };
}

/** Takes the user's files for ES modules, as the loader does, whatever the `package.json` above them says. */
function createHost(ts: TypeScript, options: CompilerOptions): CompilerHost {
  const host = ts.createCompilerHost(options);
  return {
    ...host,
    getSourceFile: (name, format, ...others) =>
      host.getSourceFile(
        name,
        typeof format === 'object' && !name.includes('/node_modules/')
          ? { ...format, impliedNodeFormat: ts.ModuleKind.ESNext }
          : format,
        ...others,
      ),
  };
}

function isUsersOwn({ fileName }: SourceFile): boolean {
  return !fileName.includes('/node_modules/') && !fileName.startsWith(LIB);
}

/** In one line, with what TypeScript says in several. */
function describe(ts: TypeScript, { file, start, messageText }: Diagnostic): string {
  const message = ts.flattenDiagnosticMessageText(messageText, '\n').replaceAll(/\s*\n\s*/g, ' ');
  if (!file || start === undefined) return message;
  const { line, character } = file.getLineAndCharacterOfPosition(start);
  return `${fromHere(file.fileName)}:${line + 1}:${character + 1}: ${message}`;
}

function fromHere(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') || isAbsolute(short) ? path : short;
}
