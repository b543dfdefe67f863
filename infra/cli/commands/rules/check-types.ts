import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CompilerHost, CompilerOptions, Diagnostic, SourceFile } from 'typescript';
import { RULES_MODULE, RULES_MODULE_URL } from '../../../../lib/rules/file/rules-path.ts';
import { shortPath } from '../../terminal/short-path.ts';

/** A line about the rules file. An error must be fixed, a note need not. */
export interface Remark {
  severity: 'error' | 'note';
  text: string;
}

type TypeScript = typeof import('typescript');

/** The checkout, or the npm package. */
const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const LIB = fileURLToPath(new URL('../../../../lib/', import.meta.url));

/**
 * Checks the types of a rules file and of the files that it imports, except packages. The compiler options are as
 * strict as for this project's own files.
 * @param path absolute; a missing file yields no remarks
 * @param importTypeScript returns null if TypeScript is not installed, which yields a note
 */
export async function checkTypes(
  path: string,
  importTypeScript: () => Promise<TypeScript | null> = importInstalled,
): Promise<Remark[]> {
  if (!existsSync(path)) return [];
  const ts = await importTypeScript();
  if (!ts) {
    const text =
      'the types were not checked: the package typescript is not installed; install it as a development dependency';
    return [{ severity: 'note', text }];
  }
  const options = optionsFor(ts, path);
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

/** Imports TypeScript. Returns null if the development dependencies are not installed. */
async function importInstalled(): Promise<TypeScript | null> {
  try {
    return (await import('typescript')).default;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND') return null;
    throw error;
  }
}

/** Returns compiler options that are as strict as those of this project, except that names may be unused. */
function optionsFor(ts: TypeScript, path: string): CompilerOptions {
  const typeRoots = [dirname(path), ROOT].flatMap(
    (directory) => ts.getEffectiveTypeRoots({}, { getCurrentDirectory: () => directory }) ?? [],
  );
  const hasNodeTypes = typeRoots.some((root) => existsSync(join(root, 'node')));
  return {
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.NodeNext,
    // Without the types of Node, the types of browsers contain what Node has too, such as `console` and `URL`.
    lib: hasNodeTypes ? ['lib.esnext.d.ts'] : ['lib.esnext.d.ts', 'lib.dom.d.ts'],
    types: hasNodeTypes ? ['node'] : [],
    typeRoots,
    // A rules file can be in any directory, and imports this module by its name. So the name must resolve from any
    // directory. In the npm package, the module is JavaScript with a declaration file.
    paths: { [RULES_MODULE]: [fileURLToPath(RULES_MODULE_URL).replace(/\.js$/, '.d.ts')] },
    noEmit: true,
    allowImportingTsExtensions: true,
    resolveJsonModule: true,
    allowJs: true,
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    verbatimModuleSyntax: true,
    erasableSyntaxOnly: true,
    noImplicitOverride: true,
    noFallthroughCasesInSwitch: true,
    skipLibCheck: true,
  };
}

/** Treats the user's files as ES modules, as the loader does, regardless of a `package.json` in a parent directory. */
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

/** Formats a diagnostic as one line, even if TypeScript's message has several lines. */
function describe(ts: TypeScript, { file, start, messageText }: Diagnostic): string {
  const message = ts.flattenDiagnosticMessageText(messageText, '\n').replaceAll(/\s*\n\s*/g, ' ');
  if (!file || start === undefined) return message;
  const { line, character } = file.getLineAndCharacterOfPosition(start);
  return `${shortPath(file.fileName)}:${line + 1}:${character + 1}: ${message}`;
}
