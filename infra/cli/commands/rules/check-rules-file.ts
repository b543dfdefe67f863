import { SetupError } from '../../../../lib/common/errors.ts';
import { toSafeLine } from '../../../../lib/common/text.ts';
import { RulesError } from '../../../../lib/rules/define-rules.ts';
import { loadRules } from '../../../../lib/rules/file/load-rules.ts';
import { type Inspection, inspectRules } from '../../../../lib/rules/inspect/inspect-rules.ts';
import type { ProcessDeps } from '../../command.ts';
import { printJson } from '../../terminal/print-json.ts';
import { shortPath } from '../../terminal/short-path.ts';
import { checkTypes, type Remark } from './check-types.ts';
import { reportThrown } from './report-thrown.ts';
import { requireRulesFile } from './require-rules-file.ts';

interface RulesReport {
  remarks: readonly Remark[];
  /** How many datasets, key rules and examples were checked; null if the rules cannot be used. */
  counts: Inspection['counts'] | null;
}

/**
 * Prints the errors and notes about the sync rules, one per line. The last line names the file and says how many
 * rules were checked.
 * @throws {SetupError} there are errors
 * @throws {UsageError} there is no rules file
 */
export async function checkRulesFile(
  { env, print }: ProcessDeps,
  { asJson }: { asJson: boolean },
): Promise<void> {
  const path = requireRulesFile(env);
  const { remarks: ofRules, counts } = await readRules(path);
  const remarks = [...(await checkTypes(path)), ...ofRules];
  const errors = remarks.filter(({ severity }) => severity === 'error').length;
  const notes = remarks.length - errors;
  if (asJson) printJson(print, { path, remarks, counts });
  else {
    for (const { severity, text } of remarks) print(toSafeLine(`${severity.padEnd(5)} ${text}`));
    const rules = toSafeLine(`${shortPath(path)}: ${describeCounts(counts)}`);
    print(`${rules}: ${count(errors, 'error')}, ${count(notes, 'note')}`);
  }
  if (errors > 0) throw new SetupError(`${path} has ${count(errors, 'error')}`);
}

async function readRules(path: string): Promise<RulesReport> {
  const thrown = new Set<string>();
  try {
    const rules = await loadRules(path);
    const { findings, counts } = inspectRules(reportThrown(rules, (what) => thrown.add(what)));
    const remarks = [
      ...findings.map(({ severity, place, text }) => ({ severity, text: `${place}: ${text}` })),
      ...Array.from(thrown, (text) => ({ severity: 'note' as const, text })),
    ];
    return { remarks, counts };
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    const problems = error instanceof RulesError ? error.problems : [error.message];
    return { remarks: problems.map((text) => ({ severity: 'error', text })), counts: null };
  }
}

function describeCounts(counts: Inspection['counts'] | null): string {
  if (!counts) return 'the rules cannot be used';
  const { datasets, keyRules, examples } = counts;
  return [count(datasets, 'dataset'), count(keyRules, 'key rule'), count(examples, 'example')].join(', ');
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
