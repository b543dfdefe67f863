import { createHash } from 'node:crypto';
import type { Cursor } from '../../../../lib/export/ports/section.ts';
import type { CommandDeps } from '../../command.ts';
import type { ServiceContents } from './describe-contents.ts';

/** The progress of an export. An interrupted export continues at its `cursor`. */
export interface ExportState {
  /** Epoch milliseconds. */
  startedAt: number;
  /**
   * The time of the database server up to which an export of records contains all changes, in epoch milliseconds. Null
   * if it is unknown, and for an export of the service.
   */
  until: number | null;
  exportId: string;
  cursor: Cursor;
  /** Number of items that were written so far: records, or lines of an export of the service. */
  items: number;
  /** What an export of the service contains so far. Absent in an export of records. */
  contents?: ServiceContents;
}

/** Where an export writes its text. */
export interface TextOutput {
  /** The state at which an interrupted export continues; null for a new export. */
  resumed: ExportState | null;
  /** Writes text. If the export is interrupted later, it continues at `state` or at an earlier state. */
  write(text: string, state: ExportState): Promise<void>;
  /** Returns the SHA-256 of everything written so far, in hexadecimal. */
  sha256(): string;
  /** Writes the last text and ends the output. An interrupted export never continues after this text. */
  finish(text: string): Promise<void>;
  /** Releases the output after a failure. What was written is kept. */
  close(): Promise<void>;
}

/** Writes an export to standard output. */
export function writeToStdout(write: (text: string) => Promise<void>): TextOutput {
  const hash = createHash('sha256');
  const append = async (text: string) => {
    if (text === '') return;
    hash.update(text);
    await write(text);
  };
  return {
    resumed: null,
    write: append,
    sha256: () => hash.copy().digest('hex'),
    finish: append,
    close: async () => undefined,
  };
}

const REPORT_MS = 1_000;

/** Returns a function that reports at most once a second, because an export can have many thousands of pages. */
export function reportSometimes({
  progress,
  now,
}: Pick<CommandDeps, 'progress' | 'now'>): (text: string) => void {
  let reportedAt = Number.NEGATIVE_INFINITY;
  return (text) => {
    if (Math.abs(now() - reportedAt) < REPORT_MS) return;
    reportedAt = now();
    progress({ text });
  };
}
