import { SetupError } from '../../../lib/common/errors.ts';

/** What is wrong with a parameter, by what reads it: one line that begins with its name, or none. */
export function mistakeOf(name: string, read: () => unknown): string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof SetupError) return [`${name}: ${error.message}`];
    throw error;
  }
}
