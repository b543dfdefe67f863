import { SetupError } from '../../../../lib/common/errors.ts';
import { idsStartingWith, isQuarantineId } from '../../../../lib/projection/quarantined-event.ts';
import { createQuarantineStore } from '../../../../lib/projection/store/quarantine-store.ts';
import type { CommandDeps } from '../../command.ts';
import { unknownEvent } from './show-event.ts';

/**
 * Replaces each id of which the operator gave only the start. Whole ids are returned unchanged, even if no event has
 * them.
 * @throws {SetupError} no event, or more than one event, has an id with this start
 */
export async function completeIds(
  { database }: Pick<CommandDeps, 'database'>,
  ids: readonly string[],
): Promise<string[]> {
  const store = createQuarantineStore(database);
  const found: string[] = [];
  for (const id of ids) {
    const range = idsStartingWith(id);
    if (range === null || isQuarantineId(id)) {
      found.push(id);
      continue;
    }
    const [only, another] = await store.findIds(range, 2);
    if (only === undefined) throw unknownEvent(id);
    if (another !== undefined) {
      throw new SetupError(
        `several events in quarantine have an id that starts with ${id}; give more of the id`,
      );
    }
    found.push(only);
  }
  return found;
}
