import { globSync, readFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** `npm run check:names`: fails if two modules export different types under the same name. */

interface ExportedType {
  name: string;
  /** `lib/sync/model.ts:12` */
  place: string;
}

/**
 * Finds names that more than one module declares and exports as an interface, type alias or class.
 *
 * @param root the directory that holds functions, lib and infra
 * @returns one line per name: the places of the types, and what to do
 */
export function findDuplicateTypeNames(root: string): string[] {
  const files = globSync('{functions,lib,infra}/**/*.ts', { cwd: root }).sort();
  const types = files.flatMap((file) => exportedTypes(resolve(root, file), root));
  return [...Map.groupBy(types, ({ name }) => name)]
    .filter(([, declarations]) => declarations.length > 1)
    .map(([name, declarations]) => {
      const places = declarations.map(({ place }) => place).join(', ');
      return `${places}: exported type name ${name} is used more than once; rename all but one after what each means`;
    });
}

function exportedTypes(path: string, root: string): ExportedType[] {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest);
  return source.statements.flatMap((statement) => {
    const isType =
      ts.isInterfaceDeclaration(statement) ||
      ts.isTypeAliasDeclaration(statement) ||
      ts.isClassDeclaration(statement);
    const isExported =
      ts.canHaveModifiers(statement) &&
      ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    if (!isType || !isExported || !statement.name) return [];
    const { line } = source.getLineAndCharacterOfPosition(statement.getStart(source));
    return [{ name: statement.name.text, place: `${relative(root, path)}:${line + 1}` }];
  });
}

if (import.meta.main) {
  const problems = findDuplicateTypeNames(fileURLToPath(new URL('../../', import.meta.url)));
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
