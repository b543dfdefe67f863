import fc from 'fast-check';
import type { createDevice } from './device.ts';
import type { Run } from './service-run.ts';

export type Device = ReturnType<typeof createDevice>;

/** One step of a run: an operation of a caller, or an event in the service. */
export interface Command {
  /** Describes this command in the printed counterexample, in one line. */
  text: string;
  run: (run: Run, devices: readonly Device[]) => Promise<void>;
}

export function command(text: string, run: Command['run']): Command {
  return { text, run };
}

/** Adds the text that a failed run prints: one command per line. */
export function withText(commands: Command[]): Command[] {
  const text = () => `\n${commands.map((one, index) => `  ${index + 1}. ${one.text}\n`).join('')}`;
  return Object.assign(commands, { [fc.toStringMethod]: text });
}
