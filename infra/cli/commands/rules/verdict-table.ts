import { toSafeLine } from '../../../../lib/common/text.ts';
import { type Entry, readEntry } from '../../../../lib/rules/read-entry.ts';
import type { SyncRules } from '../../../../lib/rules/rules-model.ts';
import type { SyncTriggerEvent } from '../../../../lib/rules/sync-trigger-event.ts';
import type { RuleDecision, Verdict } from '../../../../lib/rules/verdict.ts';
import { formatTable } from '../../terminal/table.ts';
import { cutTo } from '../../terminal/terminal-text.ts';

const HEAD = ['key', 'requested', 'stored', 'rule', 'action', 'reason'];
const MAX_SHOWN = 40;

/**
 * Formats a table that shows, for each record of an event, what the rules did and why. Records that do not change are
 * only counted.
 * @param verdict the result of applying these rules to the event in mode `enforce`
 * @param columns width of the terminal; undefined if the output is not a terminal
 */
export function verdictTable(
  rules: SyncRules,
  { event, verdict, columns }: { event: SyncTriggerEvent; verdict: Verdict; columns: number | undefined },
): string[] {
  const findKeyRule = rules.findDatasetRule(event.datasetName)?.findKeyRule;
  const before = entriesOf(event);
  const after = verdict.kind === 'answer' ? entriesOf(verdict.event) : null;
  const perKey = Array.from(new Set([...before.keys(), ...(after?.keys() ?? [])]), (key) => {
    const entry = before.get(key);
    return rowsOfKey({
      key,
      entry,
      stored: after ? (after.get(key)?.newValue ?? null) : (entry?.oldValue ?? null),
      rule: findKeyRule?.(key)?.path ?? 'none',
      decisions: verdict.decisions.filter((decision) => decision.key === key),
      isRejected: after === null,
    });
  });
  const unchanged = perKey.filter((rows) => rows.length === 0).length;
  const rows = [
    ...perKey.flat(),
    ...verdict.decisions.filter(({ key }) => key === null || !isInTable(key)).map(rowOfDecision),
  ];
  function isInTable(key: string): boolean {
    return before.has(key) || after?.has(key) === true;
  }
  return [
    ...(rows.length > 0 ? formatTable([HEAD, ...rows], columns) : []),
    ...(unchanged > 0 ? [`Unchanged records, not shown: ${unchanged}.`] : []),
  ];
}

interface ResultOfKey {
  key: string;
  /** The record in the event; undefined if the record is not in the event because the rules create it. */
  entry: Entry | undefined;
  /** The record's value after the rules were applied; null if the record then does not exist. */
  stored: string | null;
  /** Path of the key's rule in the rules file. */
  rule: string;
  decisions: readonly RuleDecision[];
  isRejected: boolean;
}

/**
 * Returns no row if nothing changes, otherwise one row per decision about the key. Only the first row shows the values.
 */
function rowsOfKey({ key, entry, stored, rule, decisions, isRejected }: ResultOfKey): string[][] {
  const { oldValue = null, newValue = null } = entry ?? {};
  const asksNothing = oldValue === newValue;
  if (asksNothing && stored === oldValue && decisions.length === 0) return [];
  const asked = asksNothing ? '' : `${toCell(oldValue)} -> ${toCell(newValue)}`;
  const [first, ...others] = decisions;
  const why = first
    ? [first.rule, first.action, first.reason]
    : [rule, ...(isRejected ? ['rejected', 'with the whole call'] : ['accepted', ''])];
  return [
    [toCell(key), asked, toCell(stored), ...why.map(toSafeLine)],
    ...others.map((decision) => ['', '', ...rowOfDecision({ ...decision, key: null }).slice(2)]),
  ];
}

/** Formats a decision about a key whose record is not in the table, or about the dataset as a whole. */
function rowOfDecision({ key, rule, action, reason }: RuleDecision): string[] {
  return [key === null ? '' : toCell(key), '', '', ...[rule, action, reason].map(toSafeLine)];
}

/** Returns the records of an event that the rules can evaluate. */
function entriesOf({ datasetRecords }: SyncTriggerEvent): Map<string, Entry> {
  return new Map(
    Object.entries(datasetRecords).flatMap(([key, record]): [string, Entry][] => {
      const entry = readEntry(record);
      return entry ? [[key, entry]] : [];
    }),
  );
}

/** Formats a value as one cell. */
function toCell(value: string | null): string {
  if (value === null) return '(none)';
  return value === '' ? '""' : cutTo(MAX_SHOWN, toSafeLine(value));
}
