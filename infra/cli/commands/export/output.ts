import { createHash } from 'node:crypto';
import type { Cursor } from '../../../../lib/export/ports/section.ts';

/** How far an export is. */
export interface ExportState {
  /** Epoch milliseconds. */
  startedAt: number;
  exportId: string;
  cursor: Cursor;
  /** Number of items that were written. */
  items: number;
}

/** Where an export writes its text. */
export interface TextOutput {
  /** Where an interrupted export ended; null for a new export. */
  resumed: ExportState | null;
  /** Writes text. If the export is interrupted later, it continues at `state` or at an earlier state. */
  write(text: string, state: ExportState): Promise<void>;
  /** Returns the SHA-256 of everything written so far, in hexadecimal. */
  sha256(): string;
  /** Ends the output. */
  finish(): Promise<void>;
  /** Releases the output after a failure. What was written is kept. */
  close(): Promise<void>;
}

/** Writes an export to standard output. */
export function writeToStdout(write: (text: string) => Promise<void>): TextOutput {
  const hash = createHash('sha256');
  return {
    resumed: null,
    async write(text) {
      if (text === '') return;
      hash.update(text);
      await write(text);
    },
    sha256: () => hash.copy().digest('hex'),
    finish: async () => undefined,
    close: async () => undefined,
  };
}
