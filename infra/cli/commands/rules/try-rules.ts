import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { SetupError } from '../../../../lib/common/errors.ts';
import { toSafeLine } from '../../../../lib/common/text.ts';
import { evaluateRules } from '../../../../lib/rules/evaluate-rules.ts';
import { loadRules } from '../../../../lib/rules/file/load-rules.ts';
import type { SyncRules } from '../../../../lib/rules/rules-model.ts';
import type { SyncTriggerEvent } from '../../../../lib/rules/sync-trigger-event.ts';
import type { Verdict } from '../../../../lib/rules/verdict.ts';
import type { ProcessDeps } from '../../command.ts';
import { printJson } from '../../terminal/print-json.ts';
import { readEvents } from './read-events.ts';
import { reportThrown } from './report-thrown.ts';
import { requireRulesFile } from './require-rules-file.ts';
import { verdictTable } from './verdict-table.ts';

interface TryOptions {
  /** A file, or `-` for standard input. */
  event: string;
  /** Whether to print only JSON Lines: one object per event. */
  asJson: boolean;
}

/**
 * Prints what the sync rules do with each event. Nothing is stored. The command succeeds even if the rules reject an
 * event.
 * @throws {SetupError} the rules or the events cannot be used, or a function in the rules failed
 * @throws {UsageError} there is no rules file
 */
export async function tryRules(
  { event: from, asJson }: TryOptions,
  { env, stdin, print, columns }: ProcessDeps,
): Promise<void> {
  const broken = new Set<string>();
  const thrown = new Set<string>();
  const rules = reportThrown(await loadRules(requireRulesFile(env)), (what) => thrown.add(what));
  const events = readEvents(from === '-' ? await text(stdin) : await readText(from));
  for (const event of events) {
    const verdict = evaluateRules(rules, event);
    for (const { rule, action, reason } of verdict.decisions) {
      if (action === 'rule-error') broken.add(`${rule}: ${reason}`);
    }
    if (asJson) printJson(print, toJson(verdict));
    else for (const line of describe(rules, event, verdict, columns)) print(line);
  }
  if (broken.size === 0) return;
  const details = [...thrown];
  const unexplained = [...broken].filter((text) => !details.some((longer) => longer.startsWith(text)));
  const what = [...unexplained, ...details];
  throw new SetupError(`rules are broken: ${what.join('; ')}`);
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new SetupError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function toJson(verdict: Verdict) {
  const { kind, decisions, ...result } = verdict;
  return { verdict: kind, ...result, decisions };
}

function describe(
  rules: SyncRules,
  event: SyncTriggerEvent,
  verdict: Verdict,
  columns: number | undefined,
): string[] {
  const isObserved = rules.mode === 'observe';
  const enforced = isObserved ? evaluateRules({ ...rules, mode: 'enforce' }, event) : verdict;
  return [
    toSafeLine(`${event.datasetName} of ${event.identityId}`),
    ...(rules.findDatasetRule(event.datasetName) ? [] : ['There are no rules for this dataset.']),
    ...(isObserved ? ['In mode observe, none of this takes effect:'] : []),
    ...verdictTable(rules, { event, verdict: enforced, columns }),
    '',
    ...(enforced.kind === 'rejected'
      ? [`The call is rejected. The device receives: ${toSafeLine(enforced.reason)}`]
      : []),
    ...(verdict.kind === 'answer'
      ? ['The answer:', ...JSON.stringify(verdict.event, null, 2).split('\n').map(toSafeLine)]
      : []),
  ];
}
