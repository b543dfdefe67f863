import { signal } from '@preact/signals';
import { loadSettings } from '../settings.ts';
import { poolNames } from '../sync-api.ts';
import { Text } from './text.tsx';
import { Id } from './value.tsx';

const names = signal<ReadonlyMap<string, string>>(new Map());

/**
 * Loads the names of the pools if the service accepts the default developer key. With another key, the user would have
 * to enter the key only for the names.
 */
export async function loadPoolNames(): Promise<void> {
  const { usesDefaultKey } = await loadSettings();
  if (usesDefaultKey) names.value = await poolNames();
}

export function nameOfPool(id: string): string | undefined {
  return names.value.get(id);
}

export function PoolName({ id }: { id: string }) {
  const name = nameOfPool(id);
  return name === undefined ? (
    <Id id={id} />
  ) : (
    <>
      <Text text={name} /> <Id id={id} />
    </>
  );
}
