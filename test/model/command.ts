import fc from 'fast-check';
import type { createDevice } from './device.ts';
import type { Run } from './service-run.ts';

export type Device = ReturnType<typeof createDevice>;

/** One thing that somebody does, or that happens. */
export interface Command {
  /** Its one line in a counterexample. */
  text: string;
  run: (run: Run, devices: readonly Device[]) => Promise<void>;
}

export function command(text: string, run: Command['run']): Command {
  return { text, run };
}

/** Gives commands a text for failures: a command a line. */
export function legible(commands: Command[]): Command[] {
  const text = () => `\n${commands.map((one, index) => `  ${index + 1}. ${one.text}\n`).join('')}`;
  return Object.assign(commands, { [fc.toStringMethod]: text });
}
