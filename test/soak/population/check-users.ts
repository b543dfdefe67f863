import type { Contents } from './check-population.ts';
import type { Refusal } from './front.ts';
import type { Side } from './ledger.ts';
import type { UserPlan } from './plan.ts';
import type { Services } from './services.ts';
import type { SimulatedUser } from './user.ts';

/** Checks that every login still leads to the same identity, on both sides. */
export async function checkIdentities(
  population: readonly SimulatedUser[],
  services: Services,
  identityPoolId: string,
): Promise<string[]> {
  const problems: string[] = [];
  const isOnBothSides = ({ kind, joinsAt, merge }: UserPlan) =>
    kind !== 'guest' && joinsAt === 0 && merge?.at !== 'target';
  for (const user of population.filter(({ plan }) => isOnBothSides(plan))) {
    const expected = user.identityId();
    for (const side of ['origin', 'target'] as const) {
      const found = await services.identityOf(side, identityPoolId, user.plan);
      if (expected !== null && found !== expected)
        problems.push(`${user.plan.name}: the ${side} returned ${found}, expected ${expected}`);
    }
  }
  return problems;
}

/** Checks that each device has all records of its side after one more sync. */
export async function checkDevices(
  population: readonly SimulatedUser[],
  contents: Readonly<Record<Side, Contents>>,
): Promise<string[]> {
  const problems: string[] = [];
  for (const user of population) {
    for (const { device, side, identityId, datasetName, values } of await user.finish()) {
      const stored = contents[side].get(`${identityId} ${datasetName}`) ?? [];
      for (const [key, value] of stored)
        if (values[key] !== value)
          problems.push(
            `${device}: ${datasetName} ${key} is ${values[key]} on the device, ${value} at the ${side}`,
          );
    }
  }
  return problems;
}

/** Errors after which clients discard their identity, or ask the user to log in again. */
export function isLoggedOut({ code, operation }: Refusal): boolean {
  const isForgotten = code === 'NotAuthorizedException' || code === 'ResourceNotFoundException';
  return isForgotten && !operation.startsWith('DELETE');
}
