import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `npm run check:words`: fails if a page, message, comment or name uses a word that the project avoids. */

interface AvoidedWord {
  pattern: RegExp;
  /** What to write instead. */
  prefer: string;
}

const word = (pattern: string, prefer: string): AvoidedWord => ({
  pattern: new RegExp(`\\b(?:${pattern})\\b`, 'gi'),
  prefer,
});

/** Words that are unusual or ambiguous in technical English. CONTRIBUTING.md, "Language", has the rules. */
const AVOIDED: readonly AvoidedWord[] = [
  word('nobody|no-one', 'no one, no caller, no other process'),
  word('somebody|someone else', 'another caller, the operator, the name of the role'),
  word('whoever|whosoever', 'the caller, anyone who, the name of the role'),
  word('anew', 'again'),
  word('mend(?:s|ed|ing)?', 'repair, fix'),
  word('lest', 'in case, so that … not'),
  word('for ever', 'indefinitely, forever'),
  word('for good', 'permanently'),
  word('but for', 'except, except for'),
  word('meanwhile', 'in the meantime, since then'),
  word('(?<!there )(?:is|are|was|were) none', 'is not one, does not exist, is invalid'),
  word('side by side', 'concurrently'),
  word('whatever', 'any, regardless of'),
  word('(?:is|are|was) told', 'receives, is notified, is given'),
  word('(?:is|are|was|were) looked at', 'is read, is checked'),
  word('(?:is|are|was|were) over', 'has ended'),
  word('at all events', 'in any case'),
  word('of late', 'recently'),
  word('thrice|hence|thereof|therein|whereof|wherein|thereby|whereby|hereby', 'a plain word'),
];

const FILES = [
  '*.{md,ts,mjs,yml}',
  '{functions,lib,infra,docs,test}/**/*.{ts,tsx,mjs,js,py,md,sql,yml,html}',
];

/** Files that must quote avoided words. */
const EXEMPT = new Set(['CONTRIBUTING.md', 'test/checks/words.ts']);

/** Occurrences that are names of other systems, as `file:word`. */
const ALLOWED = new Set([
  // The user without rights in most Unix systems.
  'test/fixtures/database/pgbouncer.ts:nobody',
]);

/**
 * Finds avoided words in the texts of the project.
 *
 * @param root the root of the checkout
 * @returns one line per occurrence: file, line, the word and what to write instead
 */
export function findAvoidedWords(root: string): string[] {
  return globSync([...FILES], { cwd: root })
    .filter((file) => !EXEMPT.has(file))
    .sort()
    .flatMap((file) => inFile(file, readFileSync(join(root, file), 'utf8')));
}

function inFile(file: string, text: string): string[] {
  return text
    .split('\n')
    .flatMap((line, index) =>
      AVOIDED.flatMap(({ pattern, prefer }) =>
        [...line.matchAll(pattern)]
          .filter(([found]) => !ALLOWED.has(`${file}:${found}`))
          .map(([found]) => `${file}:${index + 1}: avoid "${found}"; write instead: ${prefer}`),
      ),
    );
}

if (import.meta.main) {
  const problems = findAvoidedWords(fileURLToPath(new URL('../../', import.meta.url)));
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
