import { setTimeout as sleep } from 'node:timers/promises';
import type { Product } from '../product.ts';
import type { Side } from './ledger.ts';
import type { OriginLink } from './origin-link.ts';
import type { Fault, PopulationPlan } from './plan.ts';

/** Waits until a condition is true. */
export async function until(isReached: () => boolean): Promise<void> {
  while (!isReached()) await sleep(100);
}

/** How long a command of the operator may use the data directory of a killed process, which then cannot start. */
const IN_USE_MS = 120_000;

async function restart(product: Product): Promise<void> {
  await product.kill();
  const until = performance.now() + IN_USE_MS;
  for (;;) {
    try {
      return await product.start();
    } catch (error) {
      if (!/is in use by/.test(String(error)) || performance.now() > until) throw error;
      await sleep(1_000);
    }
  }
}

/** Kills and restarts each process once, at a random moment. */
export async function killDuringCopy(
  { origin, target }: Record<Side, Product>,
  random: () => number,
): Promise<void> {
  await sleep(500 + random() * 2_000);
  await restart(target);
  await sleep(random() * 2_000);
  await restart(origin);
}

/** Causes the planned faults, one after the other. */
export async function causeFaults(
  faults: PopulationPlan['faults'],
  {
    progress,
    products,
    link,
    note,
  }: {
    progress: () => number;
    products: Record<Side, Product>;
    link: OriginLink;
    note: (text: string) => void;
  },
): Promise<void> {
  const cause = async ({ kind, seconds }: Fault) => {
    if (kind === 'kill the origin') return restart(products.origin);
    if (kind === 'kill the target') return restart(products.target);
    link.disturbBy(kind);
    await sleep(seconds * 1_000);
    link.disturbBy(null);
  };
  for (const fault of faults) {
    await until(() => progress() >= fault.at);
    note(`${fault.kind} at ${(progress() * 100).toFixed(0)} %`);
    await cause(fault);
  }
}
