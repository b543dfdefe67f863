import { toSafeLine } from '../../../../lib/common/text.ts';
import { toText } from '../../../../lib/projection/quarantined-event.ts';
import { createQuarantineStore } from '../../../../lib/projection/store/quarantine-store.ts';
import type { Position, QuarantinedEvent } from '../../../../lib/query/model.ts';
import { createQueryReader } from '../../../../lib/query/store/query-reader.ts';
import type { CommandDeps } from '../../command.ts';
import { timeText } from '../../terminal/format.ts';
import { printJson } from '../../terminal/print-json.ts';
import { formatTable } from '../../terminal/table.ts';

import { describeState } from './describe-state.ts';
import type { QuarantineArguments } from './quarantine-arguments.ts';

const PAGE_SIZE = 500;

/** Lists the events in quarantine, newest first, without their payloads. */
export async function listEvents(
  { database, print }: CommandDeps,
  { isAll, limit, asJson }: Pick<QuarantineArguments, 'isAll' | 'limit' | 'asJson'>,
): Promise<void> {
  const events: QuarantinedEvent[] = [];
  let isCut = false;
  for await (const event of readEvents(database, isAll)) {
    isCut = events.length === limit;
    if (isCut) break;
    events.push(event);
  }
  if (asJson) return printJson(print, { events, isCut });
  if (events.length === 0)
    return print(isAll ? 'No event is in quarantine.' : 'No event waits in quarantine.');
  const rows = events.map((event) => {
    const { quarantineId, reason, identityPoolId, arrivedAt } = event;
    return [
      quarantineId,
      timeText(arrivedAt.getTime()),
      identityPoolId ?? '-',
      ...(isAll ? [describeState(event)] : []),
      reason,
    ].map(toSafeLine);
  });
  const head = ['id', 'arrived', 'pool', ...(isAll ? ['state'] : []), 'reason'];
  for (const line of formatTable([head, ...rows], undefined)) print(line);
  if (isCut) print(`There are more events; list them with \`--limit\` above ${limit}.`);
}

/** Writes the events in quarantine with their payloads as JSON Lines, newest first. */
export async function exportEvents(
  { database, write }: CommandDeps,
  { isAll }: Pick<QuarantineArguments, 'isAll'>,
): Promise<void> {
  const store = createQuarantineStore(database);
  for await (const { quarantineId } of readEvents(database, isAll)) {
    const event = await store.find(quarantineId);
    // The sweep may have deleted the event since it was listed.
    if (event !== null) await write(`${JSON.stringify(toText(event))}\n`);
  }
}

/**
 * Reads the events in quarantine, newest first. @param isAll whether events that were projected or dismissed are
 * included
 */
async function* readEvents(
  database: CommandDeps['database'],
  isAll: boolean,
): AsyncGenerator<QuarantinedEvent> {
  const reader = createQueryReader(database);
  let after: Position | null = null;
  do {
    const { items, next } = await reader.quarantine({ limit: PAGE_SIZE, after });
    for (const event of items) if (isAll || event.redrivenAt === null) yield event;
    after = next;
  } while (after !== null);
}
