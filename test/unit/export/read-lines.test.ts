import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readLines } from '../../../lib/export/read-lines.ts';

async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe('readLines', () => {
  it('returns each line with the byte offset of its end, however the file is divided into chunks', async () => {
    const line = fc.string({ unit: 'grapheme' }).map((text) => `${text.replaceAll('\n', '')}\n`);
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.integer({ min: 1, max: 9 }), async (lines, size) => {
        let end = 7;
        const expected = lines.map((text) => {
          end += Buffer.byteLength(text);
          return { text, end };
        });
        const read = [];
        for await (const { bytes, end: at } of readLines(inChunks(Buffer.from(lines.join('')), size), 7)) {
          read.push({ text: bytes.toString(), end: at });
        }
        expect(read).toEqual(expected);
      }),
    );
  });

  it('rejects a line without an end before it fills the memory', async () => {
    let chunks = 0;
    const endless = async function* () {
      for (;;) {
        chunks += 1;
        yield Buffer.alloc(1024 * 1024, 'x');
      }
    };
    await expect(readLines(endless(), 0).next()).rejects.toThrow(
      'the line at byte 0 of the file is longer than',
    );
    expect(chunks).toBe(17);
  });
});
