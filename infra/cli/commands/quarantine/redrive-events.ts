import { SetupError } from '../../../../lib/common/errors.ts';
import { NO_ROWS_CHANGED } from '../../../../lib/common/no-rows-changed.ts';
import { type RedrivenEvent, redriveEvent } from '../../../../lib/projection/redrive.ts';
import type { CommandDeps } from '../../command.ts';
import { printJson } from '../../terminal/print-json.ts';
import { toRedriveDeps } from '../redrive/from-quarantine.ts';
import { unknownEvent } from './show-event.ts';

/**
 * Projects (writes to the query store) an edited payload instead of the payload of an event in quarantine. The edited
 * payload is checked like that of any event.
 * @throws {SetupError} no event has the id, or the new payload cannot be projected
 */
export async function editEvent(
  deps: CommandDeps,
  [quarantineId = '']: readonly string[],
  { payload, asJson }: { payload: Uint8Array; asJson: boolean },
): Promise<void> {
  const result = await redriveEvent(toRedriveDeps(deps), quarantineId, { edited: payload, isAgain: true });
  if (asJson) printJson(deps.print, { quarantineId, ...result });
  else deps.print(`${quarantineId}: ${describe(result)}`);
  if (result.outcome === 'not-found') throw unknownEvent(quarantineId);
  if (result.outcome !== 'projected') {
    throw new SetupError('the edited event was not projected; the event in quarantine is unchanged');
  }
}

/**
 * Projects events in quarantine again.
 * @throws {SetupError} an event was not projected
 */
export async function redriveEvents(
  deps: CommandDeps,
  quarantineIds: readonly string[],
  { asJson }: { asJson: boolean },
): Promise<void> {
  const redrive = toRedriveDeps(deps);
  const events: (RedrivenEvent & { quarantineId: string })[] = [];
  for (const quarantineId of new Set(quarantineIds)) {
    const result = await redriveEvent(redrive, quarantineId, { isAgain: true });
    events.push({ quarantineId, ...result });
    if (!asJson) deps.print(`${quarantineId}: ${describe(result)}`);
  }
  if (asJson) printJson(deps.print, { events });
  const left = events.filter(({ outcome }) => outcome !== 'projected').length;
  if (left > 0) throw new SetupError(`${left} of ${events.length} events were not projected`);
}

function describe(result: RedrivenEvent): string {
  switch (result.outcome) {
    case 'projected':
      return result.records === 0 || result.recordsChanged > 0
        ? 'projected'
        : `projected, but 0 rows changed: ${NO_ROWS_CHANGED}`;
    case 'refused':
      return `cannot be projected: ${result.reason}`;
    case 'unavailable':
      return 'the payload is temporarily unavailable; try again later';
    case 'not-found':
      return 'not in quarantine';
    case 'settled':
      return 'projected or dismissed before';
  }
}
