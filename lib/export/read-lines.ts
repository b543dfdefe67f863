import { SetupError } from '../common/errors.ts';

/** A line of a file. */
export interface Line {
  /** The bytes of the line, with its line break. */
  bytes: Buffer;
  /** The position in the file at which the next line starts. */
  end: number;
}

/** A record has at most 1 MiB, and JSON writes some bytes as six. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

const LINE_BREAK = 10;

/**
 * Splits a file into lines. Only one line and one chunk are in memory.
 *
 * @param start the position of the first chunk in the file
 * @throws {SetupError} a line is too long, or the last line is incomplete
 */
export async function* readLines(chunks: AsyncIterable<Buffer>, start: number): AsyncGenerator<Line> {
  let end = start;
  let parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    let rest = chunk;
    for (let at = rest.indexOf(LINE_BREAK); at >= 0; at = rest.indexOf(LINE_BREAK)) {
      const bytes = Buffer.concat([...parts, rest.subarray(0, at + 1)]);
      requireShort(bytes.length, end);
      end += bytes.length;
      yield { bytes, end };
      rest = rest.subarray(at + 1);
      parts = [];
      length = 0;
    }
    parts.push(rest);
    length += rest.length;
    requireShort(length, end);
  }
  if (length > 0)
    throw new SetupError(
      `the file ends in the middle of a line, at byte ${end}; it is truncated: copy it again, or use another file`,
    );
}

function requireShort(length: number, position: number): void {
  if (length <= MAX_LINE_BYTES) return;
  throw new SetupError(
    `the line at byte ${position} of the file is longer than ${MAX_LINE_BYTES} bytes; the file is damaged: copy it again, or use another file`,
  );
}
