import { createRandom } from '../random.ts';
import type { Side } from './ledger.ts';

export type Client = 'sdk' | 'android' | 'ios' | 'sync-manager';

export interface DevicePlan {
  client: Client;
  firstSide: Side;
  /** When the device gets a version of the app that uses the other service: shares of the test's time after the copy. */
  switchesAt: readonly number[];
  /** When the user gets the device: a share of the test's time after the copy; 0 if the user always has the device. */
  joinsAt: number;
  clockSkewMs: number;
  seed: number;
}

export interface UserPlan {
  name: string;
  /** A guest, a user of the app's own backend, or a user of a login provider. */
  kind: 'guest' | 'developer' | 'login';
  datasets: readonly string[];
  devices: readonly DevicePlan[];
  /** When the user starts to use the app: a share of the test's time after the copy; 0 if this is before the copy. */
  joinsAt: number;
  /** The user into whom this user is merged, and the side and time of the merge; null if the user is not merged. */
  merge: { into: string; at: Side; after: number } | null;
}

/** A disturbance. `at` is a share of the test's time after the copy. */
export interface Fault {
  at: number;
  kind: 'kill the origin' | 'kill the target' | 'throttle' | 'delay the stream' | 'cut connections';
  seconds: number;
}

export interface PopulationPlan {
  users: readonly UserPlan[];
  faults: readonly Fault[];
}

const CLIENTS: readonly Client[] = ['sdk', 'sdk', 'android', 'ios'];
const FAULTS: readonly Fault['kind'][] = [
  'throttle',
  'delay the stream',
  'kill the target',
  'cut connections',
  'kill the origin',
];

/**
 * Plans a migration. Equal seeds and sizes give equal plans.
 *
 * @param syncManagers number of devices with the real amazon-cognito-js; each loads its own copy of the AWS SDK
 */
export function planPopulation({
  seed,
  users: count,
  syncManagers,
  faults: faultCount,
}: {
  seed: number;
  users: number;
  syncManagers: number;
  faults: number;
}): PopulationPlan {
  const random = createRandom(seed);
  const index = (length: number) => Math.floor(random() * length);
  const pick = <T>(from: readonly [T, ...T[]] | readonly T[]): T => from[index(from.length)] as T;

  function planDevice(client: Client, firstSide: Side = 'origin'): DevicePlan {
    const kind = random();
    // A third of the devices never get the new version of the app, half get it once, and some go back or alternate.
    const switchesAt = kind < 0.35 ? [] : [0.05 + random() * 0.75];
    if (kind > 0.9 && client === 'sdk') switchesAt.push(0.5 + random() * 0.4);
    const clockSkewMs = random() < 0.1 ? pick([-3_600_000, 3_600_000]) : 0;
    const switches = firstSide === 'target' ? [] : switchesAt.toSorted((a, b) => a - b);
    return { client, firstSide, switchesAt: switches, joinsAt: 0, clockSkewMs, seed: index(2 ** 31) };
  }

  const users: UserPlan[] = Array.from({ length: count }, (_, user) => {
    const isLate = random() < 0.08;
    const firstSide = isLate && random() < 0.5 ? 'target' : 'origin';
    const kind = pick(['guest', 'developer', 'login'] as const);
    return {
      name: `user-${user}`,
      kind,
      datasets: random() < 0.3 ? ['game', 'settings'] : ['game'],
      devices: Array.from({ length: 1 + index(3) }, (_device, device) => {
        // Some users get a second or third device with the new version, which must find the user's identity.
        const isNew = !isLate && device > 0 && kind !== 'guest' && random() < 0.3;
        const planned = planDevice(pick(CLIENTS), isNew ? 'target' : firstSide);
        return isNew ? { ...planned, joinsAt: 0.1 + random() * 0.6 } : planned;
      }),
      joinsAt: isLate ? 0.1 + random() * 0.3 : 0,
      merge: null,
    };
  });
  const early = users.filter(({ joinsAt, devices }) => joinsAt === 0 && devices.length > 1);
  for (const user of early.slice(0, syncManagers)) {
    const [first, ...others] = user.devices;
    if (first)
      users[users.indexOf(user)] = { ...user, devices: [{ ...first, client: 'sync-manager' }, ...others] };
  }
  return {
    users: [...users, ...planMerges(Math.max(2, Math.round(count / 20)), planDevice)],
    faults: planFaults(),
  };

  /** Plans pairs of users who are one person. Half are merged at the origin before the copy, half at the target. */
  function planMerges(pairs: number, device: typeof planDevice): UserPlan[] {
    return Array.from({ length: pairs }, (_, pair): UserPlan[] => {
      const at = pair % 2 === 0 ? 'target' : 'origin';
      const user = { kind: 'developer', datasets: ['game'], joinsAt: 0, merge: null } as const;
      const into = { ...user, name: `merging-${pair}-into`, devices: [device('sdk')] };
      const old = { ...device('sdk'), switchesAt: [] };
      // The merged user's first device uses the target before the merge there; the second one never does.
      const devices = [{ ...device('sdk'), switchesAt: at === 'target' ? [0.1] : [] }, old];
      const merge = { into: into.name, at, after: at === 'target' ? 0.4 + random() * 0.2 : 0 } as const;
      return [into, { ...user, name: `merging-${pair}`, devices, merge }];
    }).flat();
  }

  function planFaults(): Fault[] {
    return Array.from({ length: faultCount }, (_, fault) => ({
      at: ((fault + 0.2 + random() * 0.6) / faultCount) * 0.95,
      kind: FAULTS[fault % FAULTS.length] ?? 'throttle',
      seconds: 2 + random() * 4,
    }));
  }
}
