import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom } from '../random.ts';
import { type App, type AppOptions, createMobileApp, createSyncManagerApp, type Login } from './app.ts';
import type { DeviceAddress, Front } from './front.ts';
import type { Side } from './ledger.ts';
import type { DevicePlan, UserPlan } from './plan.ts';
import { createSdkApp } from './sdk-app.ts';

export interface UserDeps {
  front: Front;
  identityPoolId: string;
  /**
   * Logs a user in. A user of a login provider gets a token from the provider. For a user of the app's own backend, the
   * backend calls the service `side`. Does not retry.
   */
  logIn: (side: Side, user: UserPlan) => Promise<Login>;
  /** Returns how much of the test's time after the copy has passed: 0 until the copy is complete, 0.5 at half time. */
  progress: () => number;
  /** Mean time between two rounds of a device. */
  periodMs: number;
  isStopping: () => boolean;
  onProblem: (problem: string) => void;
}

/** The records of a dataset on a device. */
export interface DeviceContents {
  device: string;
  side: Side;
  identityId: string | null;
  datasetName: string;
  values: Record<string, string>;
}

export interface SimulatedUser {
  plan: UserPlan;
  /** The identity of the user; changes only by a merge. */
  identityId(): string | null;
  /** Runs all devices until the test stops. */
  run(): Promise<void>;
  /** Ends the devices on this side, or all devices. */
  stopDevices(side?: Side): Promise<void>;
  /** Starts the stopped devices again, with the identity into which their user's identity was merged. */
  continueAs(identityId: string): void;
  /** Synchronizes each device once more. @returns the values on each device, by device */
  finish(): Promise<DeviceContents[]>;
  /** Rounds by result. */
  rounds: { succeeded: number; failed: number };
  close(): Promise<void>;
}

const KEYS = ['score', 'level', 'name', 'coins', 'theme'];
const PAUSE_MS = 1_000;
const FINAL_ROUNDS = 8;

export function createUser(plan: UserPlan, deps: UserDeps): SimulatedUser {
  let identityId: string | null = null;
  let devices: Running[] = [];
  const all: Running[] = [];
  const rounds = { succeeded: 0, failed: 0 };
  const running: Promise<void>[] = [];

  interface Running {
    name: string;
    planned: DevicePlan;
    address: DeviceAddress;
    app: App;
    /** Set at the first start. It must not change. */
    identityId: string | null;
    random: () => number;
    isStopped: boolean;
    loop: Promise<void>;
  }

  async function open(planned: DevicePlan, name: string): Promise<Running> {
    const address = await deps.front.open(name, planned.firstSide);
    const random = createRandom(planned.seed);
    const logIn = plan.kind === 'guest' ? null : () => deps.logIn(address.side, plan);
    const app = createApp(planned, {
      url: address.url,
      identityPoolId: deps.identityPoolId,
      // A new device finds the identity by its logins. The devices of a guest share the id that the first one stored.
      identityId: plan.kind === 'guest' ? identityId : null,
      logIn,
      random,
      clockSkewMs: planned.clockSkewMs,
    });
    const opened = {
      name,
      planned,
      address,
      app,
      identityId,
      random,
      isStopped: false,
      loop: Promise.resolve(),
    };
    await start(opened);
    return opened;
  }

  /** Starts the app, and retries until the start succeeds. A real app would ask its user to try again. */
  async function start(device: Pick<Running, 'app' | 'name' | 'identityId'>): Promise<void> {
    const { app, name } = device;
    for (;;) {
      const isStarted = await app.start().then(
        () => true,
        () => false,
      );
      if (isStarted) break;
      if (deps.isStopping()) return;
      await sleep(PAUSE_MS);
    }
    identityId ??= app.identityId();
    device.identityId ??= identityId;
    if (app.identityId() !== device.identityId)
      deps.onProblem(`${name}: the identity changed from ${device.identityId} to ${app.identityId()}`);
  }

  async function reach(progress: number): Promise<void> {
    while (deps.progress() < progress && !deps.isStopping()) await sleep(PAUSE_MS / 5);
  }

  async function openAt(planned: DevicePlan, name: string): Promise<void> {
    await reach(planned.joinsAt);
    if (!deps.isStopping()) launch(await open(planned, name));
  }

  async function runDevice(device: Running): Promise<void> {
    const switches = [...device.planned.switchesAt];
    while (!deps.isStopping() && !device.isStopped) {
      await sleep(Math.min(deps.periodMs * (0.5 + device.random()), 30_000));
      if (switches[0] !== undefined && deps.progress() >= switches[0] && !device.isStopped) {
        switches.shift();
        device.address.side = device.address.side === 'origin' ? 'target' : 'origin';
        await start(device);
      }
      if (!deps.isStopping() && !device.isStopped) await round(device);
    }
  }

  async function round({ app, name, random }: Running): Promise<void> {
    const datasetName = plan.datasets[Math.floor(random() * plan.datasets.length)] ?? 'game';
    const changes = new Map<string, string | null>();
    for (let left = Math.floor(random() * 4); left > 0; left -= 1) {
      const key = KEYS[Math.floor(random() * KEYS.length)] ?? '';
      changes.set(key, random() < 0.15 ? null : `${name}/${rounds.succeeded + rounds.failed}/${left}`);
    }
    const isDeletion = random() < 0.03;
    const succeeded = await (isDeletion
      ? app.deleteDataset(datasetName)
      : app.round(datasetName, changes)
    ).catch(() => false);
    rounds[succeeded ? 'succeeded' : 'failed'] += 1;
  }

  function launch(device: Running): void {
    devices.push(device);
    all.push(device);
    device.loop = runDevice(device);
    running.push(device.loop);
  }

  return {
    plan,
    rounds,
    identityId: () => identityId,
    async run() {
      await reach(plan.joinsAt);
      for (const [index, planned] of plan.devices.entries()) {
        const name = `${plan.name}/${index}`;
        if (planned.joinsAt > 0) running.push(openAt(planned, name));
        else if (!deps.isStopping()) launch(await open(planned, name));
      }
      for (let done = 0; done < running.length; done += 1) await running[done];
    },
    async stopDevices(side) {
      const stopping = devices.filter(({ address }) => side === undefined || address.side === side);
      for (const device of stopping) device.isStopped = true;
      await Promise.all(stopping.map(({ loop }) => loop));
    },
    continueAs(into) {
      const stopped = devices.filter(({ isStopped }) => isStopped);
      devices = devices.filter(({ isStopped }) => !isStopped);
      identityId = into;
      for (const [index, { planned, address }] of stopped.entries()) {
        const next = { ...planned, firstSide: address.side, switchesAt: [] };
        running.push(open(next, `${plan.name}/merged-${index}`).then(launch));
      }
    },
    async finish() {
      const found: DeviceContents[] = [];
      for (const device of devices.filter(({ isStopped }) => !isStopped)) {
        await start(device);
        for (const datasetName of plan.datasets) {
          // The first sync may only discard a deleted dataset; the second one receives its new records.
          let succeeded = 0;
          for (let left = FINAL_ROUNDS; left > 0 && succeeded < 2; left -= 1)
            if (await device.app.round(datasetName, new Map()).catch(() => false)) succeeded += 1;
          const values = device.app.values(datasetName);
          const { name, address, identityId } = device;
          if (values) found.push({ device: name, side: address.side, identityId, datasetName, values });
        }
      }
      return found;
    },
    async close() {
      for (const { app, address } of all) {
        app.close();
        await address.close();
      }
    },
  };
}

function createApp({ client }: DevicePlan, options: AppOptions): App {
  if (client === 'sdk') return createSdkApp(options);
  if (client === 'sync-manager') return createSyncManagerApp(options);
  return createMobileApp(client, options);
}
