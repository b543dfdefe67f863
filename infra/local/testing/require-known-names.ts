import { SetupError } from '../../../lib/common/errors.ts';
import { nearestName } from '../../../lib/common/nearest-name.ts';

/**
 * Rejects a member with an unknown name, because it is misspelled. TypeScript rejects it too; JavaScript does not.
 *
 * @param unknown the start of the message, such as `startLocalCloud has no option`
 * @throws {SetupError} a member is not in `names`
 */
export function requireKnownNames(unknown: string, value: object, names: readonly string[]): void {
  for (const name of Object.keys(value)) {
    if (names.includes(name)) continue;
    const nearest = nearestName(name, names);
    const advice = nearest === undefined ? `use ${names.join(', ')}` : `did you mean ${nearest}?`;
    throw new SetupError(`${unknown} "${name}"; ${advice}`);
  }
}
